"""The experiment's TOML file: what it means, and that nothing in it is passed over in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kivuko.errors import InputError
from kivuko.experiment.config import Experiment, GivenCollection, read_experiment
from kivuko.experiment.grid import cells_of
from kivuko.languages import resolve

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
#: Those of ``kivuko experiment run``; the others are read by domains.py.
COMMITTED = sorted(
    set(EXPERIMENTS.glob("*.toml")) - {EXPERIMENTS / f"{name}.toml" for name in ("domains", "dictionaries")}
)
HEAD = 'name = "small"\ntitle = "Small"\nseeds = [0]\nlanguages = ["om", "eu"]\n'
LINE = '[[regime]]\nname = "line"\nbudgets = ["none"]\n'


def read(tmp_path: Path, text: str) -> Experiment:
    file = tmp_path / "small.toml"
    file.write_text(text, encoding="utf-8")
    return read_experiment(file)


def settings(experiment: Experiment, line: int = 0, seed: int = 5) -> list[Any]:
    return [stage.settings for stage in experiment.stages_of(experiment.regimes[line], seed)]


# What is refused


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(HEAD + 'seed = 3\n' + LINE, ["seed: Extra"], id="unknown key"),
        pytest.param(HEAD + LINE + 'budget = "all"\n', ["regime.0.budget: Extra"], id="unknown key of a line"),
        pytest.param(HEAD + LINE + 'stages = ["optica"]\n',
                     ["unknown regime 'optica'", "regime line, stage 1", "did you mean optical"],
                     id="unknown regime"),
        pytest.param(HEAD + LINE + 'stages = ["english", { uses = "optical" }]\n',
                     ["unknown regime ''", "regime line, stage 2"], id="stage without use"),
        pytest.param(HEAD + LINE + 'stages = ["english", { use = "optical", contrast = 1.0 }]\n',
                     ["regime line, stage 2", "settings of 'optical'", "contrast: ", "contrast_weight"],
                     id="unknown setting"),
        pytest.param(HEAD + LINE + 'stages = [{ use = "optical", steps = "many", solver = "best" }]\n',
                     ["regime line, stage 1", "steps: ", "solver: "], id="wrong type of a setting"),
        pytest.param(HEAD + LINE + 'stages = [{ use = "optical", epsilon = -1 }]\n',
                     ["regime line, stage 1", "epsilon is out of range"], id="setting out of range"),
        pytest.param(HEAD + LINE + "stages = [3]\n", ["regime.0.stages.0: "], id="stage of a wrong type"),
        pytest.param(HEAD + LINE + 'stages = "english"\n', ["regime.0.stages: "], id="stages no list"),
        pytest.param(HEAD + 'measures = ["AP(rel=2)", "AP(level=2)"]\n' + LINE,
                     ["measures", "unknown measure 'AP(level=2)'", "R(rel=2)@100"], id="unknown measure"),
        pytest.param(HEAD.replace("[0]", '"0"') + LINE, ["seeds: "], id="seeds no list"),
        pytest.param(HEAD.replace("[0]", "[]") + LINE, ["seeds: "], id="no seed"),
        pytest.param(HEAD, ["regime: Field required"], id="no line"),
        pytest.param(HEAD + LINE.replace('"none"', '"2k"'), ["regime.0.budgets.0: "], id="unknown budget"),
        pytest.param(HEAD + LINE + 'baseline = "bm25"\n', ["regime.0.baseline: "], id="unknown baseline"),
        pytest.param(HEAD + LINE + 'stages = ["optical", "english"]\n',
                     ["regime line", "wrong order", "adapt, then supervise, then align"], id="wrong order"),
        pytest.param(HEAD + LINE + LINE, ["stand twice: line"], id="repeated line"),
        pytest.param(HEAD + LINE + 'baseline = "ceiling"\nstages = ["english"]\n',
                     ["regime.0", "not both"], id="baseline with stages"),
        pytest.param(HEAD + LINE + 'baseline = "ceiling"\nsimilarity = "single-vector"\n',
                     ["regime.0", "leave similarity out"], id="baseline with a similarity"),
        pytest.param(HEAD.replace('"eu"', '"xx"') + LINE,
                     ["unknown language 'xx'", "languages and further_languages"], id="unknown language"),
        pytest.param(HEAD + LINE + 'without = ["omm"]\n', ["unknown language 'omm'", "regime line"],
                     id="unknown language left out"),
        pytest.param(HEAD + LINE + 'without = ["fr"]\n', ["regime line", "not trained on fr"],
                     id="language left out that was not in"),
        pytest.param(HEAD + LINE + 'without = ["om", "eus"]\n', ["regime line", "no language left"],
                     id="every language left out"),
        pytest.param(HEAD + 'further_languages = ["Oromo"]\n' + LINE, ["stands twice", "om and Oromo"],
                     id="a language by two names"),
        pytest.param(HEAD.replace('"eu"', '"en"') + LINE, ["English is the source language"], id="English"),
        pytest.param(HEAD + 'collections = ["libre-office-help"]\n' + LINE,
                     ["unknown collection 'libre-office-help'", "did you mean libreoffice-help"],
                     id="unknown collection"),
        pytest.param(HEAD + "[defaults]\noptica = { steps = 3 }\n" + LINE,
                     ["unknown regime 'optica'", "defaults, optica"], id="defaults of an unknown regime"),
        pytest.param(HEAD + "[defaults]\nmse = { stepz = 3 }\n" + LINE, ["defaults, mse", "stepz: "],
                     id="unknown default, though no line uses it"),
        pytest.param(HEAD + "test_queries = 0\n" + LINE, ["test_queries: "], id="no test query"),
        pytest.param(HEAD + LINE.replace('"line"', '"a.b"'), ["regime.0.name: "], id="a name with a full stop"),
        pytest.param(HEAD + LINE + '[data.om]\nbitexts = "x.tsv"\n', ["data.om.bitexts: Extra"], id="unknown data"),
        pytest.param(HEAD + LINE + '[data.en]\nbitext = "x.tsv"\n', ["data.en.bitext: Extra"],
                     id="English data of a foreign kind"),
        pytest.param(HEAD + LINE + '[data.omm]\nbitext = "x.tsv"\n', ["unknown language 'omm'", "data"],
                     id="data of an unknown language"),
        pytest.param(HEAD + LINE + '[data.fr]\nbitext = "x.tsv"\n', ["data are given for fr"],
                     id="data of a language nobody is trained on"),
        pytest.param(HEAD + LINE + '[data.om]\ntext = "a"\n[data.orm]\ntext = "b"\n', ["stands twice", "om and orm"],
                     id="data of a language by two names"),
        pytest.param(HEAD + 'collections = [{ folder = "x", kind = "title" }]\n' + LINE, ["kind: Extra"],
                     id="unknown key of a collection"),
        pytest.param(HEAD + 'collections = [{ folder = "a/x" }, { folder = "b/x" }]\n' + LINE,
                     ["collections stand twice: x"], id="two collections of one name"),
        pytest.param(HEAD + 'fusion = "rank"\n' + LINE, ["fusion: "], id="unknown fusion"),
        pytest.param("name = small\n", ["cannot be read", "line 1"], id="no TOML"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_with_its_place(tmp_path: Path, text: str, told: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    for part in (*told, str(tmp_path / "small.toml")):
        assert part in message, message


def test_all_problems_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, HEAD + "tests = 1\n" + LINE.replace('"none"', '"2k"'))
    assert "tests: " in str(caught.value)
    assert "regime.0.budgets.0: " in str(caught.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such experiment[\s\S]*absent\.toml"):
        read_experiment(tmp_path / "absent.toml")
    with pytest.raises(InputError, match=r"no such experiment"):
        read_experiment(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"\n')
    with pytest.raises(InputError, match=r"cannot be read[\s\S]*latin\.toml"):
        read_experiment(tmp_path / "latin.toml")


# What it means


def test_own_settings_go_before_defaults_and_these_before_the_seed(tmp_path: Path) -> None:
    experiment = read(
        tmp_path,
        HEAD
        + "[defaults]\nenglish = { steps = 7, scale = 2.0 }\n"
        + LINE
        + 'stages = [{ use = "english", steps = 3, seed = 0 }, "english", "optical"]\n',
    )
    first, second, third = settings(experiment)
    assert (first.steps, first.scale, first.seed) == (3, 2.0, 0)
    assert (second.steps, second.scale, second.seed) == (7, 2.0, 5)
    assert third.seed == 5


def test_languages_of_a_line(tmp_path: Path) -> None:
    experiment = read(
        tmp_path,
        HEAD
        + LINE
        + LINE.replace("line", "without") + 'without = ["orm"]\n'
        + LINE.replace("line", "own") + 'languages = ["fr", "om"]\nwithout = ["fr"]\n',
    )  # fmt: skip
    found = [[each.short for each in experiment.languages_of(line)] for line in experiment.regimes]
    assert found == [["om", "eu"], ["eu"], ["om"]]


def test_data_and_collections_stand_beside_the_file(tmp_path: Path) -> None:
    experiment = read(
        tmp_path,
        HEAD
        + 'collections = ["gnome-help", { folder = "../Mine", development = "halve" }]\n'
        + LINE
        + '[data.om]\nbitext = "pairs.tsv"\ntext = "/elsewhere/text"\n[data.en]\ndocuments = "docs.tsv"\n',
    )
    assert experiment.data["om"].bitext == tmp_path / "pairs.tsv"
    assert experiment.data["om"].text == Path("/elsewhere/text")
    assert experiment.english.documents == tmp_path / "docs.tsv"
    public, mine = experiment.collections
    assert (public, str(mine)) == ("gnome-help", "mine")
    assert isinstance(mine, GivenCollection)
    assert mine.folder == tmp_path / "../Mine"
    assert experiment.fusion == "scores"


# The committed ones


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_committed_experiments_can_be_read(path: Path) -> None:
    experiment = read_experiment(path)
    assert experiment.name == path.stem
    names = [cell.name for cell in cells_of(experiment)]
    assert len(names) == len(set(names)) > 3
    for cell in cells_of(experiment):
        assert len(experiment.stages_of(cell.line, cell.seed)) == len(cell.line.stages)


def test_the_comparison_can_decide_every_hypothesis() -> None:
    (path,) = [path for path in COMMITTED if path.stem == "regimes"]
    experiment = read_experiment(path)
    assert len(set(experiment.seeds)) >= 3
    assert [hypothesis.name for hypothesis in experiment.hypotheses] == [f"H{n}" for n in range(1, 9)]
    trained = {resolve(name).short for name in experiment.languages}
    assert {"om", "km", "eu", "hi", "et", "dz"} <= trained


# Hypotheses, and what else the report is asked

CLAIM = '[[hypotheses]]\nname = "H1"\nclaim = "c"\nreading = "r"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("parts = []", ["hypotheses.0.parts: "]),
        ('parts = [{ compare = ["line"] }]', ["hypotheses.0.parts.0", "compare"]),
        ('parts = [{ compare = ["line", "line"], marign = 0.1 }]', ["marign: Extra"]),
        ('parts = [{ compare = ["line", "line"], predicts = "less" }]', ["predicts: "]),
        ('parts = [{ compare = ["line", "line"], margin = 0 }]', ["margin: "]),
        ('parts = [{ compare = ["line", "line"], share = 0.5 }]', ["give baseline too"]),
        ('parts = [{ kind = "hope" }]', ["hypotheses.0.parts.0", "hope"]),
        ('parts = [{ compare = ["line", "lime"] }]', ["hypothesis H1: no regime 'lime', did you mean line?"]),
        ('parts = [{ compare = ["line", "line"], where = "afar" }]', ["where is 'afar'", "every language"]),
        ('parts = [{ kind = "gain-with-distance", compare = ["line", "line"], distance = "x" }]',
         ["no regime 'x'"]),
        ('parts = [{ kind = "fusion" }]\n' + CLAIM + 'parts = [{ kind = "fusion" }]',
         ["hypotheses stand twice: H1"]),
        ('parts = [{ compare = ["a-line", "b-line"], where = "afar" }]',
         ["'a-line'", "'b-line'", "'afar'"]),
    ],
)  # fmt: skip
def test_what_hypotheses_are_refused(tmp_path: Path, text: str, told: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, HEAD + LINE + CLAIM + text + "\n")
    for words in told:
        assert words in str(caught.value)


ANSWER = """
[language_sets]
some = { only = ["om"] }
[answer]
question = "Which?"
arms = [{ name = "a", line = "line", budget = "none" }, { name = "c", line = "line", budget = "all" }]
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[target]\nlanguages = []\nalone = 0.5\nfused = 0.6\n", "target.languages"),
        ('[target]\nlanguages = ["xx"]\nalone = 0.5\nfused = 0.6\n', "xx"),
        ('[tiers]\nnear = ["nowhere"]\n', "nowhere"),
        ('[language_sets]\nnear = { only = ["om"], without = ["eu"] }\n', "either only or without"),
        ('[language_sets]\nnear = { only = ["om"] }\n[tiers]\nnear = ["eu"]\n', "both a tier and a language set"),
        ('[[comparisons]]\ntitle = "t"\npairs = [{ line = "line", over = ["x"] }]\n', "comparison t: no regime 'x'"),
        ('[[doses]]\ntitle = "d"\nlabel = "l"\naxis = "a"\nlines = { line = 0, x = 1 }\nbeside = "y"\nfact = "f"\n',
         "beside is 'y'"),
        (ANSWER + 'groups = ["some"]\nbeside = "b"\n', "answer: no arm 'b', expected one of a, c"),
        (ANSWER + 'groups = ["others"]\nbeside = "a"\n', "answer: no language set 'others'"),
        (ANSWER + 'groups = [{ name = "g", languages = "some", collections = ["news"] }]\nbeside = "a"\n',
         "answer, g: no collection 'news'"),
        (ANSWER.replace('line = "line"', 'line = "x"') + 'groups = ["some"]\nbeside = "a"\n',
         "answer: no regime 'x'"),
        (ANSWER.replace('"c"', '"a"') + 'groups = ["some"]\nbeside = "a"\n', "arms of the answer stand twice: a"),
    ],
)  # fmt: skip
def test_what_the_report_cannot_be_asked(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, HEAD + LINE + text)
    assert told in str(caught.value)


def test_a_set_of_languages_is_by_language_not_by_script(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + '[language_sets]\nfar = { without = ["zh"] }\n' + LINE).language_sets["far"]
    assert [found.holds(tag) for tag in ("zho-Hans", "zho-Hant", "orm-Latn")] == [False, False, True]


def test_whatever_the_seed_changes_is_run_with_every_seed() -> None:
    (path,) = [path for path in COMMITTED if path.stem == "regimes"]
    experiment = read_experiment(path)
    for line in experiment.regimes:
        if experiment.stages_of(line, 0) != experiment.stages_of(line, 1):
            assert line.seeds is None, f"{line.name} trains by chance but not with every seed"
