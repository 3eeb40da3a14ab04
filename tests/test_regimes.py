"""Every regime on a tiny encoder: what it trains on, what it leaves, and stages that follow each other."""

from __future__ import annotations

import itertools
import random
import re
import string
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kivuko.artifact import hash_json, read_manifest
from kivuko.codeswitch import EnglishTable, SwitchReport
from kivuko.errors import ArtifactError, InputError, Interrupted, UnknownNameError
from kivuko.languages import Language, resolve
from kivuko.models import centring, encoding, late_interaction
from kivuko.training import (
    codeswitch,
    english,
    foreign_queries,
    optical_codeswitch,
    regimes,
    unsupervised,
)
from kivuko.training.codeswitch import CodeswitchSettings
from kivuko.training.fit import Job
from kivuko.training.optical_codeswitch import OpticalCodeswitchSettings, switched_pairs
from kivuko.training.rank_in_batch import RankingLoss, RankingSettings
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.stages import (
    Cost,
    Stage,
    check_order,
    cost_of,
    hashed_settings,
    make_stage,
    run_stage,
    run_stages,
)
from kivuko.training.teacher import untrained_teacher
from kivuko.training.unsupervised import UnsupervisedSettings, crop
from tiny import ENGLISH, FOREIGN, made_up_pairs

OROMO, SWAHILI, DZONGKHA = resolve("om"), resolve("sw"), resolve("dz")
PAIRS = made_up_pairs(24)
#: The made-up language's words read backwards: another one.
BACKWARDS = tuple(word[::-1] for word in FOREIGN)
TIBETAN = str.maketrans(
    string.ascii_lowercase, "".join(map(chr, range(0x0F5E, 0x0F5E + 12))) + "ཀཁགངཅཆཇཉཏཐདནཔཕ"
)


def table(language: Language, words: Sequence[str]) -> EnglishTable:
    return EnglishTable(language, {e: ((word, 1.0),) for e, word in zip(ENGLISH, words, strict=True)})


#: Long texts, each of its own words in order; those in Tibetan script have no spaces.
LONG = [" ".join(pair.foreign for pair in PAIRS[i : i + 6]) for i in range(18)]
RESOURCES = Resources(
    english_pairs=[(pair.english.rsplit(" ", 1)[0], pair.english) for pair in PAIRS],
    bitext={OROMO: PAIRS, SWAHILI: [replace(pair, foreign=pair.foreign[::-1]) for pair in PAIRS]},
    tables={SWAHILI: table(SWAHILI, BACKWARDS), OROMO: table(OROMO, FOREIGN)},
    monolingual={
        OROMO: LONG,
        DZONGKHA: [re.sub("[ 0-9]+", "་", text).translate(TIBETAN) for text in LONG],
    },
    linked={OROMO: [(pair.foreign, pair.english) for pair in PAIRS]},
    translated={OROMO: [(pair.foreign.split()[0], pair.english) for pair in PAIRS]},
    documents=[pair.english for pair in PAIRS],
    english_texts=[pair.english for pair in PAIRS],
)
QUICK = {"steps": 3, "batch_size": 4, "max_length": 24, "learning_rate": 1e-3}
SHORT = RankingSettings(**QUICK)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def unigram_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder that every regime takes: its Unigram tokenizer, of XLM-R's build, has a mask."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("unigram-encoder")
    pieces = [(special, 0.0) for special in ("<s>", "<pad>", "</s>", "<unk>")] + [("▁", -3.0)]
    pieces += [(f"▁{word}", -5.0 - i / 10) for i, word in enumerate(ENGLISH)]
    pieces += [(letter, -8.0 - i / 100) for i, letter in enumerate(string.ascii_lowercase + string.digits)]
    pieces += [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="<mask>", **names).save_pretrained(folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(
        vocab_size=len(pieces), max_position_embeddings=192, pad_token_id=1, initializer_range=0.2, **shape
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def start(own_cache: Path, unigram_encoder: Path) -> Models:
    """The centred teacher, which is the first student too."""
    teacher = untrained_teacher(str(unigram_encoder), RESOURCES.english_texts)
    return Models(teacher, teacher)


def quick_stage(name: str, **values: object) -> Stage:
    regime = regimes.find_regime(name)
    return make_stage(regime, {"pieces": 12} if name == "extend-vocabulary" else QUICK | values)


def counted(stage: Stage, calls: list[str]) -> Stage:
    """The stage, which says so when it is trained."""

    def train(*arguments: Any) -> Trained:
        calls.append(stage.regime.name)
        return stage.regime.train(*arguments)

    return replace(stage, regime=replace(stage.regime, train=train))


def nudged(stage: Stage, calls: list[str] | None = None) -> Stage:
    """The stage, with a training that takes no time; it says so when it is trained."""

    def train(start: Models, resources: Resources, settings: Any, job: Job) -> Trained:
        if calls is not None:
            calls.append(stage.regime.name)
        encoder = late_interaction.load(start.student)
        with torch.no_grad():
            encoder[2].linear.bias.add_(0.01 * (1 + settings.seed))
        return Trained(encoder, {})

    return replace(stage, regime=replace(stage.regime, train=train))


def weights_of(model: Path) -> bytes:
    return (model / "model.safetensors").read_bytes()


# ---- every regime -------------------------------------------------------------------------------------------------


def test_regimes_stand_in_the_order_of_their_slots_under_their_names() -> None:
    found = regimes.all_regimes()
    assert [regime.name for regime in found] == list(regimes.NAMES)
    check_order([Stage(regime, regime.settings()) for regime in found])
    assert {regime.slot for regime in found} == set(Slot)
    assert all(regime.needs and regime.summary for regime in found)
    with pytest.raises(UnknownNameError, match=r"regime 'optcal'[\s\S]*optical"):
        regimes.find_regime("optcal")


@pytest.mark.parametrize("name", regimes.NAMES)
def test_regime_trains_and_says_what_it_did(name: str, start: Models, own_cache: Path) -> None:
    stage = quick_stage(name)
    regime, calls = stage.regime, []  # type: ignore[var-annotated]
    watched = counted(stage, calls)
    models = run_stages([watched], start, RESOURCES)
    manifest = read_manifest(models.student, late_interaction.KIND, verify=True)
    parents = {
        "start": read_manifest(start.student, late_interaction.KIND).hash,
        "teacher": read_manifest(start.teacher, late_interaction.KIND).hash,
        **{need.value: manifest.parents[need.value] for need in regime.needs - {Need.TEACHER}},
    }
    assert manifest.parents == parents
    assert manifest.meta["regime"] == name
    assert manifest.meta["settings"] == asdict(stage.settings)
    assert manifest.meta["inputs"] == hash_json(
        {"regime": name, "settings": hashed_settings(stage), **parents}
    )
    assert weights_of(models.student) != weights_of(start.student)
    encoder = late_interaction.load(models.student)
    vectors = encoding.encode(encoder, [*LONG, "open 7 files"], task="query").vectors
    assert torch.isfinite(torch.from_numpy(vectors)).all()
    if regime.slot == Slot.ALIGN:
        assert models.teacher == start.teacher
        assert late_interaction.space_of(models.student) == late_interaction.space_of(start.teacher)
    else:
        assert models.teacher == models.student
        assert late_interaction.space_of(models.student) == manifest.hash
    cost = cost_of(models.student)
    assert cost.steps == (3 if hasattr(stage.settings, "steps") else 0)
    assert (cost.tokens > 0) == hasattr(stage.settings, "steps")
    assert not list((own_cache / "checkpoints").glob("*"))
    # Again: nothing is trained, and nothing written.
    stamp = (models.student / "manifest.json").stat().st_mtime_ns
    assert run_stages([watched], start, RESOURCES) == models
    assert (models.student / "manifest.json").stat().st_mtime_ns == stamp
    assert calls == [name]
    assert cost_of(models.student) == cost


@pytest.mark.parametrize("name", regimes.NAMES)
def test_what_is_missing_is_named_before_anything_is_opened(name: str, own_cache: Path) -> None:
    regime = regimes.find_regime(name)
    nowhere = Models(Path("nowhere"), Path("nowhere"))
    field_of = dict(
        zip([need for need in Need if need != Need.TEACHER], Resources.__dataclass_fields__, strict=True)
    )
    for need in regime.needs - {Need.TEACHER}:
        lacking = replace(RESOURCES, **{field_of[need]: type(getattr(RESOURCES, field_of[need]))()})
        with pytest.raises(InputError, match=f"regime '{name}' lacks[\\s\\S]*no {need.value}\n") as told:
            run_stage(regime, regime.settings(), nowhere, lacking)
        assert told.value.remedy
    with pytest.raises(InputError) as told:
        run_stage(regime, regime.settings(), nowhere, Resources())
    assert all(f"no {need.value}" in str(told.value) for need in regime.needs - {Need.TEACHER})
    assert not own_cache.exists()


def test_mlm_refuses_a_start_that_it_could_not_centre_before_training(
    unigram_encoder: Path, start: Models
) -> None:
    uncentred = untrained_teacher(str(unigram_encoder), [], centred=False)
    mlm = regimes.find_regime("mlm")
    job = WatchedJob(Path("nowhere"), {}, "mlm")
    with pytest.raises(InputError, match="cannot be centred"):
        mlm.train(Models(uncentred, uncentred), RESOURCES, mlm.settings(**QUICK), job)
    assert job.columns == {}


def test_the_space_after_mlm_is_centred_anew(start: Models) -> None:
    models = run_stages([quick_stage("mlm", steps=20, learning_rate=1e-2)], start, RESOURCES)

    def mean_of(model: Path, like: Path) -> float:
        encoder, centred = late_interaction.load(model), late_interaction.load(like)
        encoder[2].load_state_dict(centred[2].state_dict())
        vectors = encoding.encode(encoder, RESOURCES.english_texts, task="document")
        return float(centring.mean_token_vector(vectors).norm())

    assert mean_of(models.student, models.student) < 0.5 * mean_of(models.student, start.student)


# ---- stages one after the other ------------------------------------------------------------------------------------


def test_stages_start_where_the_former_one_ended(start: Models) -> None:
    stages = [nudged(quick_stage(name)) for name in ("unsupervised", "english", "greedy")]
    models = run_stages(stages, start, RESOURCES)
    supervised = run_stages(stages[:2], start, RESOURCES)
    adapted = run_stages(stages[:1], start, RESOURCES)
    assert len({models.student, supervised.student, adapted.student, start.student}) == 4
    # Documents stay with the model before the aligning stage.
    assert models.teacher == supervised.student == supervised.teacher
    assert late_interaction.space_of(models.student) == late_interaction.space_of(supervised.student)
    spaces = [late_interaction.space_of(m.student) for m in (start, adapted, supervised)]
    assert len(set(spaces)) == 3
    for earlier, later in itertools.pairwise([start, adapted, supervised, models]):
        parents = read_manifest(later.student, late_interaction.KIND).parents
        assert parents["start"] == read_manifest(earlier.student, late_interaction.KIND).hash
    # A second aligning stage goes on from the first one's student, in the same space.
    further = run_stages([nudged(quick_stage("mse"))], models, RESOURCES)
    parents = read_manifest(further.student, late_interaction.KIND).parents
    assert parents["start"] == read_manifest(models.student, late_interaction.KIND).hash
    assert parents["teacher"] == read_manifest(supervised.student, late_interaction.KIND).hash
    assert further.teacher == models.teacher
    assert late_interaction.space_of(further.student) == late_interaction.space_of(models.teacher)


def test_recipes_that_begin_alike_train_their_beginning_once(start: Models) -> None:
    calls: list[str] = []
    first, second, third = (nudged(quick_stage(name), calls) for name in ("english", "codeswitch", "greedy"))
    other = nudged(quick_stage("english", seed=1), calls)
    run_stages([first, second], start, RESOURCES)
    run_stages([first, third], start, RESOURCES)
    run_stages([first, second, third], start, RESOURCES)
    run_stages([first, second], start, RESOURCES)
    assert calls == ["english", "codeswitch", "greedy", "greedy"]
    run_stages([other], start, RESOURCES)
    changed = replace(RESOURCES, english_pairs=RESOURCES.english_pairs[1:], documents=["unread"])
    run_stages([first], start, changed)
    run_stages([first], start, replace(RESOURCES, documents=["unread"]))  # no need of this regime
    assert calls[4:] == ["english", "english"]


def test_the_last_stage_goes_where_it_is_asked_to(start: Models, tmp_path: Path, own_cache: Path) -> None:
    stages = [nudged(quick_stage("english")), nudged(quick_stage("greedy"))]
    models = run_stages(stages, start, RESOURCES, output=tmp_path / "mine")
    assert models.student == tmp_path / "mine"
    assert models.teacher.parent == own_cache / "stages"
    assert cost_of(models.student).steps == 3
    in_cache = run_stages(stages, start, RESOURCES).student
    assert weights_of(in_cache) == weights_of(models.student)


@pytest.mark.parametrize("slots", list(itertools.product(Slot, repeat=3)))
def test_stages_in_a_wrong_order_are_refused(slots: tuple[Slot, ...]) -> None:
    def never(*_: object) -> Trained:
        raise AssertionError("trained")

    stages = [
        Stage(Regime(f"of-{slot}", slot, frozenset(), RankingSettings, never, ""), SHORT) for slot in slots
    ]
    order = {Slot.ADAPT: 0, Slot.SUPERVISE: 1, Slot.ALIGN: 2}
    if [order[slot] for slot in slots] == sorted(order[slot] for slot in slots):
        check_order(stages)
        return
    with pytest.raises(
        InputError, match=f"wrong order[\\s\\S]*of-{slots[0]} \\({slots[0]}\\), of-{slots[1]}"
    ):
        run_stages(stages, Models(Path("nowhere"), Path("nowhere")), RESOURCES)


def test_what_a_later_stage_lacks_is_told_before_the_first_one_trains(start: Models, tmp_path: Path) -> None:
    calls: list[str] = []
    stages = [counted(quick_stage(name), calls) for name in ("english", "optical")]
    with pytest.raises(InputError, match=r"'optical' lacks[\s\S]*no bitext"):
        run_stages(stages, start, replace(RESOURCES, bitext={}))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="will not replace"):
        run_stages(stages, start, RESOURCES, output=tmp_path / "thesis")
    assert calls == []


def test_supervision_that_was_stopped_ends_like_one_that_was_not(
    start: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"steps": 14, "checkpoint_every": 5}  # 24 pairs of 4 are gone through every 6 steps
    stage = quick_stage("codeswitch", **settings)
    steps: list[list[int]] = []
    plain, limit = RankingLoss.forward, 14

    def watched(self: RankingLoss, features: Any, labels: torch.Tensor) -> torch.Tensor:
        if len(steps) == limit:
            raise KeyboardInterrupt
        steps.append(labels.tolist())
        return plain(self, features, labels)

    monkeypatch.setattr(RankingLoss, "forward", watched)
    whole = run_stages([stage], start, RESOURCES, output=tmp_path / "whole")
    batches = list(steps)
    steps.clear()
    limit = 12
    with pytest.raises(Interrupted, match=r"up to 10 are kept[\s\S]*same command again"):
        run_stages([stage], start, RESOURCES, output=tmp_path / "stopped")
    assert not (tmp_path / "stopped").exists()
    steps.clear()
    limit = 99
    resumed = run_stages([stage], start, RESOURCES, output=tmp_path / "stopped")
    assert steps == batches[10:]
    assert weights_of(resumed.student) == weights_of(whole.student)
    manifests = [read_manifest(models.student, late_interaction.KIND) for models in (whole, resumed)]
    assert manifests[0] == manifests[1]


def test_cost_counts_steps_and_the_pieces_of_both_sides(start: Models) -> None:
    long = replace(
        RESOURCES, english_pairs=[(f"open {letter}", "red " * 40) for letter in string.ascii_lowercase]
    )
    model = run_stages([quick_stage("english")], start, long).student
    encoder = late_interaction.load(model)
    (query,) = late_interaction.pieces_of(encoder, ["open b"])
    # Documents are cut to 24 pieces, and every one of 3 batches of 4 counts.
    cost = cost_of(model)
    assert (cost.tokens, cost.steps) == (12 * (len(query) + 24), 3)
    assert cost.cpu_minutes >= 0
    assert cost_of(start.student) == Cost()
    assert cost + cost == Cost(2 * cost.tokens, 6, 2 * cost.cpu_minutes, 2 * cost.minutes)


# ---- settings and resources ----------------------------------------------------------------------------------------


def test_settings_come_from_plain_values_and_all_problems_are_told() -> None:
    for regime in regimes.all_regimes():
        assert make_stage(regime, {}) == Stage(regime, regime.settings())
    stage = make_stage(regimes.find_regime("optical"), {"steps": "7", "solver": "ipot", "seed": 3})
    assert (stage.settings.steps, stage.settings.solver, stage.settings.seed) == (7, "ipot", 3)
    with pytest.raises(InputError, match="'optical' do not make sense") as told:
        make_stage(stage.regime, {"steps": "many", "solver": "guess", "speed": 1}, where="line 3")
    assert told.value.where == "line 3"
    assert all(name in str(told.value.got) for name in ("steps", "solver", "speed"))
    assert "epsilon" in str(told.value.expected)
    with pytest.raises(InputError, match="speed: no such setting"):
        make_stage(stage.regime, {"speed": 1})
    # A regime's settings are shared by all; reading some changes nothing about them.
    assert not hasattr(stage.regime.settings, "__pydantic_config__")
    for name in ("bitext-contrastive", "english"):
        with pytest.raises(InputError, match="mean-maxsim"):
            make_stage(regimes.find_regime(name), {"similarity": "maxsim"})


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("optical", {"english_share": 1.0}, "english_share is out of range"),
        ("mse", {"english_share": -0.1}, "english_share is out of range"),
        ("english", {"steps": 0}, "steps is out of range"),
        ("codeswitch", {"batch_size": 0}, "batch_size is out of range"),
        ("unsupervised", {"max_length": -1}, "max_length is out of range"),
        ("mlm", {"learning_rate": float("nan")}, "learning_rate is out of range"),
        ("bitext-contrastive", {"contrast_weight": 0.5}, "no second one beside"),
        ("unsupervised", {"shortest_crop": 0.6}, "no crops can be cut so"),
        ("unsupervised", {"longest_crop": 1.5}, "no crops can be cut so"),
        ("optical", {"epsilon": 0.0}, "epsilon is out of range"),
    ],
)
def test_settings_without_meaning_are_refused(name: str, values: dict[str, float], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        make_stage(regimes.find_regime(name), values)


def test_digest_is_of_the_content_that_is_needed() -> None:
    every = frozenset(Need)
    digest = RESOURCES.digest(every)
    assert list(digest) == sorted(need.value for need in Need if need != Need.TEACHER)
    turned = replace(
        RESOURCES,
        bitext=dict(reversed(RESOURCES.bitext.items())),
        tables=dict(reversed(RESOURCES.tables.items())),
    )
    assert turned.digest(every) == digest
    cut = replace(RESOURCES, bitext={**RESOURCES.bitext, OROMO: PAIRS[1:]})
    assert {kind for kind, value in cut.digest(every).items() if value != digest[kind]} == {"bitext"}
    swapped = replace(RESOURCES, tables={OROMO: RESOURCES.tables[OROMO], SWAHILI: table(SWAHILI, FOREIGN)})
    assert {kind for kind, value in swapped.digest(every).items() if value != digest[kind]} == {"lexicon"}
    assert RESOURCES.digest(frozenset({Need.BITEXT, Need.TEACHER})) == {"bitext": digest["bitext"]}


# ---- what contrastive regimes train on -----------------------------------------------------------------------------


class WatchedJob(Job):
    """Keeps what would be trained on."""

    columns: dict[str, list[Any]] = {}  # noqa: RUF012 (replaced, never changed)
    distinct = 0

    def fit(
        self, encoder: Any, dataset: Any, loss: Any, lengths: Any, settings: Any, *, distinct: int
    ) -> None:
        self.columns, self.lengths, self.distinct = dataset.to_dict(), list(lengths), distinct
        self.tokens += 1


Texts = list[tuple[str, str]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Texts, dict[str, Any], int]]:
    """Runs a contrastive regime up to its training, and gives pairs, facts and ``distinct``."""

    def pairs_of(
        regime: Any, settings: Any, resources: Resources = RESOURCES
    ) -> tuple[Texts, dict[str, Any], int]:
        found: list[Any] = []

        def keep(
            start: Models,
            pairs: Texts,
            settings: Any,
            job: Job,
            *,
            distinct: int,
            originals: Any = None,
            facts: Any = None,
        ) -> Trained:
            found[:] = [list(pairs), facts or {}, distinct]
            return Trained(None, {})  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(sys.modules[regime.train.__module__], "train_to_rank", keep)
            nowhere = Path("nowhere")
            regime.train(Models(nowhere, nowhere), resources, settings, Job(nowhere, {}, ""))
        return found[0], found[1], found[2]

    return pairs_of


def switching(**values: Any) -> CodeswitchSettings:
    return CodeswitchSettings(**(QUICK | {"steps": 12} | values))  # type: ignore[arg-type]


LONGER = RankingSettings(**(QUICK | {"steps": 12}))  # type: ignore[arg-type]


def test_switching_nothing_is_the_english_control(start: Models) -> None:
    control = run_stages([quick_stage("english", steps=8)], start, RESOURCES)
    switched = run_stages([quick_stage("codeswitch", steps=8, rate=0.0, side="both")], start, RESOURCES)
    assert switched.student != control.student
    assert weights_of(switched.student) == weights_of(control.student)
    facts = read_manifest(switched.student, late_interaction.KIND).meta
    assert facts["requested_rate"] == 0
    for side in ("switched_query", "switched_document"):
        assert (facts[side]["realised rate"], facts[side]["texts"]) == (0, 32)
        assert facts[side]["switchable"] > 32
    other = run_stages([quick_stage("codeswitch", steps=8, rate=1.0)], start, RESOURCES)
    assert weights_of(other.student) != weights_of(control.student)


def test_realised_rate_is_that_of_the_texts_trained_on(seen: Any) -> None:
    plain, _, distinct = seen(english.REGIME, LONGER)
    assert distinct == len(PAIRS)
    half = replace(
        RESOURCES, tables={OROMO: EnglishTable(OROMO, {"red": (("dima", 1.0),), "table": (("gabate", 1.0),)})}
    )
    for rate in (0.0, 0.4, 1.0):
        pairs, facts, distinct = seen(codeswitch.REGIME, switching(rate=rate), half)
        before = [word for query, _ in plain for word in query.split()]
        after = [word for query, _ in pairs for word in query.split()]
        changed = sum(a != b for a, b in zip(before, after, strict=True))
        report = facts["switched_query"]
        assert (report["texts"], report["words"], report["switched"]) == (48, len(before), changed)
        assert report["realised rate"] == round(changed / len(before), 4)
        assert report["switchable"] == sum(word in ("red", "table") for word in before) > changed * (rate < 1)
        assert facts["requested_rate"] == rate
        assert "switched_document" not in facts
        assert distinct == len(PAIRS)
    assert changed == report["switchable"] < len(before) / 2


def test_a_side_changes_alone(seen: Any) -> None:
    plain, _, _ = seen(english.REGIME, LONGER)
    queries, documents, both = (
        seen(codeswitch.REGIME, switching(side=side))[0] for side in ("query", "document", "both")
    )
    assert [document for _, document in queries] == [document for _, document in plain]
    assert [query for query, _ in documents] == [query for query, _ in plain]
    assert both == [(query, document) for (query, _), (_, document) in zip(queries, documents, strict=True)]
    assert sum(ours != theirs for (ours, _), (theirs, _) in zip(queries, plain, strict=True)) > 30
    assert sum(ours != theirs for (_, ours), (_, theirs) in zip(documents, plain, strict=True)) > 30
    with pytest.raises(UnknownNameError, match=r"side to switch 'title'[\s\S]*document"):
        CodeswitchSettings(side="title")  # type: ignore[arg-type]


def test_bilingual_pairs_take_languages_in_turn_and_multilingual_ones_mix_them(seen: Any) -> None:
    def languages_in(text: str) -> set[str]:
        words = set(text.split())
        return {name for name, own in (("om", set(FOREIGN)), ("sw", set(BACKWARDS))) if words & own}

    pairs, facts, _ = seen(codeswitch.REGIME, switching(side="both", rate=0.7))
    found = [languages_in(f"{query} {document}") for query, document in pairs]
    assert all(languages <= {"om" if i % 2 == 0 else "sw"} for i, languages in enumerate(found))
    assert {"om", "sw"} == set().union(*found)
    assert set(facts["switched_query"]["by language"]) == {OROMO.tag, SWAHILI.tag}
    pairs, _, _ = seen(codeswitch.REGIME, switching(side="both", rate=0.7, multilingual=True))
    assert sum(languages_in(f"{query} {document}") == {"om", "sw"} for query, document in pairs) > 10


def test_sides_of_a_pair_are_switched_apart(seen: Any) -> None:
    alike = replace(RESOURCES, english_pairs=[(pair.english, pair.english) for pair in PAIRS])
    pairs, _, _ = seen(codeswitch.REGIME, switching(side="both", rate=0.5), alike)
    assert sum(query != document for query, document in pairs) > 20


def test_a_pair_that_comes_again_is_switched_anew(seen: Any) -> None:
    few = replace(
        RESOURCES, english_pairs=RESOURCES.english_pairs[5:9], tables={OROMO: RESOURCES.tables[OROMO]}
    )
    pairs, _, distinct = seen(codeswitch.REGIME, switching(rate=0.5), few)
    versions = {document: {query for query, other in pairs if other == document} for _, document in pairs}
    assert (len(versions), distinct) == (4, 4)
    assert max(map(len, versions.values())) > 1
    assert seen(codeswitch.REGIME, switching(rate=0.5), few)[0] == pairs
    assert seen(codeswitch.REGIME, switching(rate=0.5, seed=1), few)[0] != pairs


@pytest.mark.parametrize(
    ("regime", "kind"),
    [(foreign_queries.COMPARABLE, "linked"), (foreign_queries.TRANSLATE_TRAIN, "translated")],
)
def test_pairs_of_languages_come_in_turn(regime: Any, kind: str, seen: Any) -> None:
    data = {
        SWAHILI: [(f"sw {i}", f"document {i}") for i in range(9)],
        OROMO: [(f"om {i}", f"document {i}") for i in range(5)],
        DZONGKHA: [],
    }
    pairs, _, distinct = seen(regime, SHORT, Resources(**{kind: data}))  # type: ignore[arg-type]
    assert distinct == 10
    assert len(pairs) == 12
    assert [query.split()[0] for query, _ in pairs] == ["om", "sw"] * 6
    assert all(query.split()[1] == document.split()[1] for query, document in pairs)
    assert len({query for query, _ in pairs[:10]}) == 10


def test_pairs_with_an_empty_side_are_left_out_and_counted(start: Models) -> None:
    odd = [("", "open"), ("open", ""), ("</s>", "open")]
    pairs = [*RESOURCES.english_pairs, *odd]
    steps = {"steps": 9, "batch_size": 3}  # all 27 once
    models = run_stages([quick_stage("english", **steps)], start, replace(RESOURCES, english_pairs=pairs))
    facts = read_manifest(models.student, late_interaction.KIND).meta
    assert (facts["examples"], facts["examples_without_content"]) == (24, 3)
    assert all(
        torch.isfinite(value).all() for value in late_interaction.load(models.student).state_dict().values()
    )


def test_equal_documents_are_told_to_the_loss(start: Models) -> None:
    pairs = [("open", "red file"), ("close", "big page"), ("save", "red file"), ("print", "small page")]
    job = WatchedJob(Path("nowhere"), {}, "")
    settings = replace(SHORT, steps=1)
    english.train(start, replace(RESOURCES, english_pairs=pairs), settings, job)
    assert sorted(job.columns["query"]) == ["close", "open", "print", "save"]
    by_query = dict(zip(job.columns["query"], job.columns["label"], strict=True))
    assert by_query["open"] == by_query["save"]
    assert len(set(by_query.values())) == 3


# ---- crops --------------------------------------------------------------------------------------------------------


@given(
    words=st.lists(st.text("abcdefg", min_size=1, max_size=12), min_size=60, max_size=90),
    seed=st.integers(0, 999),
    bounds=st.sampled_from([(0.1, 0.5), (0.05, 0.05), (0.5, 1.0), (1.0, 1.0)]),
)
def test_crop_is_a_stretch_of_whole_words(words: list[str], seed: int, bounds: tuple[float, float]) -> None:
    text = " ".join(words) + " "
    settings = UnsupervisedSettings(shortest_crop=bounds[0], longest_crop=bounds[1])
    found = crop(text, settings, random.Random(seed))
    assert found
    assert f" {found} " in f" {text}"
    # Widened by less than a word on either side, but for the spaces around.
    assert round(bounds[0] * len(text)) - 2 <= len(found) <= round(bounds[1] * len(text)) + 24


@given(length=st.integers(100, 400), seed=st.integers(0, 999))
def test_crop_of_a_script_without_spaces_is_cut_where_it_falls(length: int, seed: int) -> None:
    text = "".join(chr(0x1780 + (i * i + i // 7) % 33) for i in range(length))
    found = crop(text, UnsupervisedSettings(), random.Random(seed))
    assert found in text
    # Near the text's beginning a crop begins there.
    assert round(0.1 * length) <= len(found) <= round(0.5 * length) + 29


def test_both_sides_are_crops_of_one_text_and_new_ones_when_it_comes_again(seen: Any) -> None:
    texts = ["".join(random.Random(i).choices("abcdefghij ", k=300)) for i in range(4)]
    resources = Resources(monolingual={OROMO: [*texts, "too short"], SWAHILI: ["short"]})
    settings = UnsupervisedSettings(**(QUICK | {"steps": 4}))  # type: ignore[arg-type]
    pairs, facts, distinct = seen(unsupervised.REGIME, settings, resources)
    assert facts == {"texts": {OROMO.tag: 4, SWAHILI.tag: 0}}
    assert (len(pairs), distinct) == (16, 4)
    sources = [{text for text in texts if query in text and document in text} for query, document in pairs]
    assert all(len(source) == 1 for source in sources)
    assert all(set().union(*sources[i : i + 4]) == set(texts) for i in range(0, 16, 4))
    assert len(set(pairs)) == 16
    assert sum(query == document for query, document in pairs) == 0
    longest = max(len(side) for pair in pairs for side in pair)
    assert 60 < longest < 0.5 * 300 + 60


def test_switched_versions_of_one_document_are_no_negatives_of_each_other(
    tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[int] = []

    def keep(job: Job, encoder: Any, dataset: Any, *_: Any, **__: Any) -> None:
        labels.extend(dataset["label"])

    monkeypatch.setattr(Job, "fit", keep)
    settings = switching(
        steps=len(RESOURCES.english_pairs) // 4, batch_size=8, side="document", rate=0.5
    )  # each pair twice
    codeswitch.train(Models(tiny_teacher, tiny_teacher), RESOURCES, settings, Job(tiny_teacher, {}, ""))
    assert len(labels) == 2 * len(RESOURCES.english_pairs)
    assert len(set(labels)) == len({document for _, document in RESOURCES.english_pairs})


# Alignment without bitext


def test_switched_sentences_are_aligned_with_their_originals(start: Models) -> None:
    seen: list[Resources] = []

    def watched(_start: Models, resources: Resources, settings: Any, _job: Job) -> Trained:
        seen.append(resources)
        return Trained(late_interaction.load(start.student), {})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optical_codeswitch.optical, "train", watched)
        stage = quick_stage("optical-codeswitch", rate=1.0, seed=3)
        pages = ["Red file\nred file. Blue file!", "red file."]
        resources = Resources(documents=pages, tables={OROMO: EnglishTable(OROMO, {"red": (("dima", 1.0),)})})
        trained = stage.regime.train(start, resources, stage.settings, Job(start.student, {}, ""))
    (given,) = seen
    # "Blue file!" has no translated word, and a sentence that stands twice is one.
    pairs = {(pair.english, pair.foreign) for pair in given.bitext[OROMO]}
    assert pairs == {("Red file", "Dima file"), ("red file.", "dima file.")}
    assert trained.facts["sentences"] == 3
    assert trained.facts["switched"]["realised rate"] == 0.5


def test_no_more_sentences_are_switched_than_are_read(start: Models) -> None:
    settings = OpticalCodeswitchSettings(steps=2, batch_size=3)
    sentences = [f"{word} {word}" for word in ENGLISH]
    report = SwitchReport()
    assert len(switched_pairs(sentences, OROMO, RESOURCES, settings, report)) == 6 == report.texts


@pytest.mark.parametrize("rate", [0.0, 1.1])
def test_a_rate_that_switches_nothing_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match="rate"):
        OpticalCodeswitchSettings(rate=rate)


# Half-way back


@pytest.mark.parametrize("name", ["english", "codeswitch", "mlm", "unsupervised", "optical"])
def test_every_way_to_train_can_be_moved_back(name: str, start: Models) -> None:
    whole, half = (
        late_interaction.load(run_stages([quick_stage(name, interpolation=share)], start, RESOURCES).student)
        for share in (1.0, 0.5)
    )
    begun = late_interaction.load(start.student)
    weights = [
        next(value for key, value in each.named_parameters() if key.endswith("query.weight"))
        for each in (begun, whole, half)
    ]
    assert not torch.equal(weights[0], weights[1])
    torch.testing.assert_close(weights[2], (weights[0] + weights[1]) / 2)
