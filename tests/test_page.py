"""The report as a page: what it shows is what the cells hold, it needs no network, and odd text stays text."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kivuko.artifact import hash_json
from kivuko.evaluation.effects import Trials
from kivuko.experiment.config import Experiment
from kivuko.experiment.report import charts as report_charts
from kivuko.experiment.report.assembly import QUESTION, build_report, write_report
from kivuko.experiment.report.cells import ENGLISH, Variant
from kivuko.experiment.report.charts import answer, by_language, charts, cost, dose_curve, learning_curves
from kivuko.experiment.report.drawing import look
from kivuko.experiment.report.fonts import font_faces, font_files
from kivuko.experiment.report.maps import heat_map
from kivuko.experiment.report.page import prose, save_charts, shade, svg_image, write_page
from kivuko.experiment.report.plans import Plan, plan_chart
from kivuko.experiment.report.queries import win_loss
from kivuko.experiment.test_bed import TestBed as Bed
from kivuko.experiment.test_bed import Topics
from kivuko.languages import resolve
from test_report import CENTRED, FIVE, STUDY, TIERED, cell, on_five, read_cells, score

TRIALS = Trials(permutations=4_999, resamples=200)
EMPTY = Bed({}, [], "")


def some_cells() -> list[dict[str, Any]]:
    """A floor, a ceiling, the lexicon and one student at three sizes, two of them with two seeds."""
    made = [
        cell(CENTRED, on_five(0.3) | {ENGLISH: 0.9}),
        cell("ceiling", on_five(0.95)),
        cell("english", on_five(0.35), development=on_five(0.35)),
    ]
    for budget, mean in (("1k", 0.4), ("5k", 0.5), ("all", 0.6)):
        made.append(cell("lexicon-bm25", on_five(mean - 0.02), budget=budget, development=on_five(mean)))
        for seed in (0, 1):
            reached = on_five(mean + 0.02 * seed)
            made.append(
                cell("optical", reached, budget=budget, seed=seed, development=reached, languages=FIVE)
            )
    made.append(cell("codeswitch", on_five(0.4), budget="all", development=on_five(0.4), languages=FIVE))
    return made


def written(
    folder: Path, cells: list[dict[str, Any]], bed: Bed = EMPTY, experiment: Experiment = TIERED
) -> str:
    found = read_cells(cells, experiment)
    drawn = charts(found, TRIALS)
    report = build_report(found, pictures=save_charts(drawn, folder), trials=TRIALS)
    command = "kivuko experiment report x.toml"
    write_report(report, folder, command=command)
    write_page(report, found, bed, folder, drawn, command=command, config='name = "x"', trials=TRIALS)
    return (folder / "report.html").read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Ids, links and text of a page; fails on tags that close what was not opened."""

    VOID = ("meta", "input", "link", "br", "img")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found[name] or "" for name in ("href", "src", "xlink:href") if name in found]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


# The map


def test_the_map_holds_the_means_and_marks_what_differs() -> None:
    found = heat_map(read_cells(some_cells()), "alone", TRIALS)
    rows = {variant: dict(zip(found.languages, line, strict=True)) for variant, line, _ in found.rows}
    student = rows[Variant("optical", "all")]["orm-Latn"]
    assert student is not None
    assert student.mean == pytest.approx(0.61)  # the mean over two seeds
    assert student.difference == pytest.approx(0.31)
    assert student.mark == "▲"
    floor = rows[Variant(CENTRED, "none")]["orm-Latn"]
    assert floor is not None
    assert (floor.difference, floor.mark) == (None, "")
    assert rows[Variant("optical", "all")][ENGLISH] is None
    assert found.languages[-1] == ENGLISH
    assert [mean for variant, _, mean in found.rows if variant.regime == "english"] == [pytest.approx(0.35)]


def test_the_p_of_the_map_is_corrected_over_the_whole_map() -> None:
    made = [cell(CENTRED, on_five(0.3)), cell("english", on_five(0.3) | {"orm-Latn": 0.32})]
    found = heat_map(read_cells(made), "alone", TRIALS)
    alone = heat_map(
        read_cells([cell(CENTRED, {"orm-Latn": 0.3}), cell("english", {"orm-Latn": 0.32})]), "alone", TRIALS
    )
    (one,) = [line[found.languages.index("orm-Latn")] for v, line, _ in found.rows if v.regime == "english"]
    (single,) = [line[0] for v, line, _ in alone.rows if v.regime == "english"]
    assert one is not None
    assert single is not None
    assert (found.tests, alone.tests) == (5, 1)
    assert one.p == pytest.approx(5 * single.p)  # type: ignore[operator]


def test_a_worse_regime_is_marked_down() -> None:
    found = heat_map(
        read_cells([cell(CENTRED, on_five(0.5)), cell("english", on_five(0.2))]), "alone", TRIALS
    )
    (line,) = [line for variant, line, _ in found.rows if variant.regime == "english"]
    assert {cell.mark for cell in line if cell} == {"▼"}


def test_text_can_be_read_on_every_shade() -> None:
    def luminance(colour: list[int]) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))

    for step in range(101):
        background, text = shade(step / 100).split(";")
        paper = luminance(list(map(int, re.findall(r"\d+", background))))
        ink = luminance([255] * 3 if "#fff" in text else [0] * 3)
        contrast = (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05)
        assert contrast >= 4.5, step  # WCAG 2.2, level AA


# Charts


def test_learning_curves_are_gains_over_the_floor() -> None:
    chart = learning_curves(read_cells(some_cells()), TRIALS)
    assert chart is not None
    gains = {row["pairs"]: row["gain"] for row in chart.table if row["regime"] == "optical"}
    assert gains == {"1k": pytest.approx(0.11), "5k": pytest.approx(0.21), "all": pytest.approx(0.31)}
    assert all(row["low"] <= row["gain"] <= row["high"] for row in chart.table)


def test_curves_by_language_stand_at_the_pairs_there_are() -> None:
    made = some_cells()
    for each in made:
        if each["regime"] == "optical":
            each["facts"] = {"optical": {"pairs": {"orm-Latn": 3_000, "hin-Deva": 40_000}}}
    chart = by_language(read_cells(made))
    assert chart is not None
    counts = {
        (row["language"], row["pairs"]): row["pairs available"]
        for row in chart.table
        if row["regime"] == "optical"
    }
    assert counts == {
        ("orm-Latn", "1k"): 1_000, ("orm-Latn", "5k"): 3_000, ("orm-Latn", "all"): 3_000,
        ("hin-Deva", "1k"): 1_000, ("hin-Deva", "5k"): 5_000, ("hin-Deva", "all"): 40_000,
    }  # fmt: skip
    (row,) = [
        r for r in chart.table if (r["regime"], r["language"], r["pairs"]) == ("optical", "orm-Latn", "all")
    ]
    assert (row["low"], row["high"]) == (
        pytest.approx(0.61 - 0.01 * 2**0.5, abs=1e-3),
        pytest.approx(0.624, abs=1e-3),
    )


def test_the_rate_is_measured_against_the_control() -> None:
    chart = dose_curve(read_cells(some_cells()), STUDY.doses[0], TRIALS)
    assert chart is not None
    assert [(row["rate"], row["gain"]) for row in chart.table] == [(0, 0.0), (0.5, pytest.approx(0.05))]


def test_cost_shows_every_trained_regime_once() -> None:
    chart = cost(read_cells(some_cells()))
    assert chart is not None
    named = [(row["regime"], row["budget"]) for row in chart.table]
    assert ("optical", "all") in named
    assert ("lexicon-bm25", "all") not in named
    assert len(named) == len(set(named))


def test_charts_without_data_are_not_drawn() -> None:
    assert [
        chart.name for chart in charts(read_cells([cell("bm25-untranslated", on_five(0.1))]), TRIALS)
    ] == []


def test_no_two_systems_of_a_chart_have_the_same_colour_and_mark() -> None:
    assert len({look(place) for place in range(120)}) == 120
    # As drawn: eleven regimes with learning curves, more than there are colours.
    regimes = [line.name for line in STUDY.regimes if not line.baseline][:11]
    facts = {"optical": {"pairs": dict.fromkeys(FIVE, 9_000)}}
    made = [
        cell(regime, on_five(0.3 + 0.01 * place), budget=size, languages=FIVE, facts=facts)
        for place, regime in enumerate(regimes)
        for size in ("1k", "all")
    ]
    figures: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_charts, "finished", lambda figure, *rest: figures.append(figure))
        by_language(read_cells(made))
    (figure,) = figures
    shown = [(drawn.get_color(), drawn.get_marker()) for drawn in figure.axes[0].get_lines()]
    assert len(shown) == len(set(shown)) == 12  # the lexicon's line is always there


def test_the_same_cells_give_the_same_pictures() -> None:
    first, second = (charts(read_cells(some_cells()), TRIALS) for _ in range(2))
    assert [(chart.svg, chart.png) for chart in first] == [(chart.svg, chart.png) for chart in second]


# The page


def test_the_page_is_whole_and_needs_no_network(tmp_path: Path) -> None:
    page = written(tmp_path, some_cells())
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {link for link in outline.links if not link.startswith(("#", "data:image/"))} == set()
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)
    assert not re.search(r"url\((?!#|data:)|@import|<script", page)
    for heading in (
        "Summary",
        "Regimes by language",
        "Learning curves over bitext",
        "Hypotheses",
        "Provenance",
    ):
        assert heading in outline.words
    assert "optical all 1" in page  # every cell's key
    assert 'name = "x"' in page.replace("&#34;", '"')


def test_scores_and_charts_are_there_for_spreadsheets(tmp_path: Path) -> None:
    written(tmp_path, some_cells())
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    (student,) = [
        r for r in rows if (r["regime"], r["budget"], r["language"]) == ("optical", "5k", "hin-Deva")
    ]
    assert float(student["nDCG@10"]) == pytest.approx(0.51)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", readme)
    assert "figures/learning-curves.png" in shown
    for path in shown:
        assert (tmp_path / path).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / path).with_suffix(".csv").is_file()


def test_a_borrowed_picture_is_in_the_page_or_missed_aloud(tmp_path: Path) -> None:
    borrowing = STUDY.model_validate(
        STUDY.model_dump(by_alias=True) | {"pictures": [{"title": "Ranks", "path": "../other/ranks.png"}]}
    )
    assert "No picture ../other/ranks.png: Ranks." in written(
        tmp_path / "here", some_cells(), EMPTY, borrowing
    )
    (tmp_path / "other").mkdir()
    (tmp_path / "other/ranks.png").write_bytes(b"\x89PNG borrowed")
    shown = written(tmp_path / "here", some_cells(), EMPTY, borrowing)
    assert "data:image/png;base64," in shown
    assert "No picture" not in shown


def test_one_cell_is_enough(tmp_path: Path) -> None:
    assert "Regimes by language" in written(tmp_path, [cell("english", {"orm-Latn": 0.3})])


def test_text_of_others_is_shown_as_text(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>"
    page = written(
        tmp_path,
        some_cells(),
        bed_with([attack, "b", "c"]),
        STUDY.model_copy(update={"title": f"A {attack}", "notes": attack}),
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def bed_with(texts: list[str], *, language: str = "orm-Latn") -> Bed:
    """A bed whose test titles are these texts."""
    asked = {f"q{i}": text for i, text in enumerate(texts)}
    english = {query: f"English {query}" for query in asked}
    splits = {"test": asked, "development": {}}
    topics = Topics("libreoffice-help", resolve(language), splits, {"test": english, "development": {}}, {})
    return Bed({}, [topics], "")


def contest_cells(bed: Bed, ours: list[float], theirs: list[float]) -> list[dict[str, Any]]:
    ids = hash_json(sorted(bed.topics[0].queries["test"]))[:12]
    development = [score("orm-Latn", [0.5, 0.5], split="development")]

    def rows(values: list[float]) -> list[dict[str, Any]]:
        return [score("orm-Latn", values, ids=ids), *development]

    return [
        cell("optical", rows(ours), budget="all", languages=["orm-Latn"]),
        cell("lexicon-bm25", rows(theirs), budget="all"),
    ]


def test_wins_and_losses_with_their_texts() -> None:
    bed = bed_with(["one", "two", "three", "four"])
    (contest,) = win_loss(read_cells(contest_cells(bed, [1, 0.5, 0, 0.2], [0, 0.5, 1, 0.1])), bed)
    assert (contest.wins, contest.losses, contest.ties) == (2, 1, 1)
    assert [query.text for query in contest.best] == ["one", "four"]
    assert [(query.text, query.english) for query in contest.worst] == [("three", "English q2")]
    assert contest.differences == (-1, 0, pytest.approx(0.1), 1)


def test_scores_of_other_queries_are_not_put_beside_texts() -> None:
    bed = bed_with(["one", "two"])
    cells = read_cells(contest_cells(bed, [1, 0], [0, 1]))
    assert len(win_loss(cells, bed)) == 1
    assert win_loss(cells, bed_with(["one", "two", "three"])) == []


def test_markdown_of_the_report_becomes_html() -> None:
    assert (
        prose("- **a** `b`\n- <i>c</i>")
        == "<ul>\n<li><strong>a</strong> <code>b</code></li>\n<li>&lt;i&gt;c&lt;/i&gt;</li>\n</ul>\n"
    )


# Fonts and plans


@pytest.mark.network
@pytest.mark.parametrize(
    ("text", "font"),
    [
        ("ሰላም", "Ethiopic"),
        ("ភាសាខ្មែរ", "Khmer"),
        ("हिन्दी", "Devanagari"),
        ("اردو", "Arabic"),
        ("རྫོང་ཁ", "Tibetan"),
    ],
)
def test_a_script_is_embedded_with_the_glyphs_it_needs(text: str, font: str, tmp_path: Path) -> None:
    import base64

    from fontTools.ttLib import TTFont

    (rule,) = font_faces(f"Latin {text}", font_files()).split("\n")
    (data,) = re.findall(r"base64,([^)]+)\)", rule)
    (tmp_path / "cut.woff").write_bytes(base64.b64decode(data))
    cut = TTFont(tmp_path / "cut.woff")
    assert font in cut["name"].getDebugName(1)
    assert {ord(letter) for letter in text} <= set(cut.getBestCmap())
    assert "GSUB" in cut  # letters join
    assert len(data) < 60_000


@pytest.mark.network
def test_latin_text_embeds_nothing() -> None:
    assert font_faces("Oromo: afaan, Eesti: õ", font_files()) == ""


def test_a_plan_is_drawn_as_it_is() -> None:
    plan = Plan("hin-Deva", ("पृष्ठ", "ब्रेक"), ("page", "break"), np.array([[0.5, 0], [0.1, 0.4]]), 0.2)
    chart = plan_chart(plan, ["DejaVu Sans", "Noto Sans Devanagari"])
    assert {(row["foreign"], row["English"]): row["mass"] for row in chart.table} == {
        ("पृष्ठ", "page"): 0.5, ("ब्रेक", "page"): 0.1, ("ब्रेक", "break"): 0.4,
    }  # fmt: skip
    assert "<path" in chart.svg
    assert "<text" not in chart.svg  # letters are drawn: a reader needs no font
    assert svg_image(chart.svg).startswith("data:image/svg+xml;base64,")


def test_the_answer_in_one_picture() -> None:
    cells = read_cells(
        [
            cell("teacher", {"fra-Latn": 0.4, "orm-Latn": 0.3}),
            cell("codeswitch", {"fra-Latn": 0.5, "orm-Latn": 0.3}, budget="lexicon"),
            cell("mlm", {"fra-Latn": 0.3}, budget="monolingual"),
        ]
    )
    chart = answer(cells, TRIALS)
    assert chart is not None
    gains = {(row["arm"], row["group"]): row["gain"] for row in chart.table}
    assert gains == {
        ("code-switched by dictionaries", "XNLI's languages"): pytest.approx(0.1),
        ("code-switched by dictionaries", "low-resource languages beyond XNLI"): pytest.approx(0.0),
        ("adapted by masking (MLM)", "XNLI's languages"): pytest.approx(-0.1),
    }
    assert "the English teacher" in chart.caption
    shown = build_report(
        cells, pictures=[(chart.title, f"figures/{chart.name}.svg"), ("b", "b.svg")], trials=TRIALS
    )
    assert "![The answer in one picture](figures/answer.svg)" in shown.sections[QUESTION]
    assert "![b](b.svg)" not in shown.sections[QUESTION]
    assert answer(read_cells([cell("teacher", {"fra-Latn": 0.4})]), TRIALS) is None
