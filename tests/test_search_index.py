"""The index folder: exact search against a loop, changes against a dictionary, compressed search, filters, damage."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kivuko.artifact import try_exclusive
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.models.token_vectors import TokenVectors
from kivuko.ranking import ranked
from kivuko.retrieval import changes, exact, scan
from kivuko.retrieval.bounds import Effort
from kivuko.retrieval.changes import build
from kivuko.retrieval.compressed import Codec, CodedVectors
from kivuko.retrieval.filters import Among, as_filter, fitting, parse_filter, why_none_fits
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.search import Searcher
from kivuko.retrieval.segment import EncodedDocuments, PassageArrays

DIM = 24
VECTOR_KINDS: list[Kind] = ["exact", "exact-int8", "compressed", "codes"]


def unit(random: np.random.Generator, tokens: int) -> np.ndarray:
    vectors = random.standard_normal((tokens, DIM))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def encoded(names: list[str], seed: int = 0, passages: int = 1) -> EncodedDocuments:
    """Documents with random vectors that depend on id and seed only."""
    documents, table, vectors = [], [], []
    for number, name in enumerate(names):
        text = f"word{name} " * 6
        documents.append(Document(name, f"title {name}", text, {"length": len(name), "first": name[0]}))
        for part in range(passages):
            random = np.random.default_rng([seed, part, *name.encode()])
            table.append((number, part, part + 5))
            vectors.append(unit(random, int(random.integers(1, 9))).astype(np.float16))
    return EncodedDocuments(documents, np.array(table, dtype=np.int32), TokenVectors.stack(vectors, DIM))


def made(path: Path, shards: list[EncodedDocuments], kind: Kind = "exact") -> Index:
    build(path, shards, kind=kind, space="space", parents={"documents": "0"}, facts={"split": False})
    return Index.open(path)


def by_loop(documents: dict[str, list[np.ndarray]], query: np.ndarray, depth: int) -> list[tuple[str, float]]:
    scores = {
        name: max(float((query @ passage.astype(np.float64).T).max(axis=1).sum()) for passage in passages)
        for name, passages in documents.items()
    }
    return [(name, scores[name]) for name in ranked(scores)[:depth]]


def passages_of(shard: EncodedDocuments) -> dict[str, list[np.ndarray]]:
    found: dict[str, list[np.ndarray]] = {document.id: [] for document in shard.documents}
    for number, (document, _, _) in enumerate(shard.passages.tolist()):
        found[shard.documents[document].id].append(shard.vectors[number])
    return found


@given(
    documents=st.integers(1, 40),
    passages=st.integers(1, 3),
    query_tokens=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    depth=st.integers(1, 45),
    at_once=st.sampled_from([64, 1 << 17]),
)
@settings(max_examples=40)
def test_exact_search_is_a_loop_over_everything(
    tmp_path_factory: pytest.TempPathFactory,
    documents: int,
    passages: int,
    query_tokens: list[int],
    depth: int,
    at_once: int,
) -> None:
    shard = encoded([f"d{number}" for number in range(documents)], passages=passages)
    random = np.random.default_rng(1)
    queries = [unit(random, tokens).astype(np.float32) for tokens in query_tokens]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "_SIMILARITIES_AT_ONCE", at_once)
        patch.setattr(exact, "_TOKENS_RESCORED_AT_ONCE", at_once)
        found = made(tmp_path_factory.mktemp("index") / "i", [shard]).search(queries, depth=depth)
    for query, hits in zip(queries, found, strict=True):
        expected = by_loop(passages_of(shard), query, depth)
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], abs=1e-4)
        # Where scores are told apart by more than float32 can blur, the order is the same too.
        gaps = -np.diff([score for _, score in expected], append=-np.inf)
        for place, (name, _) in enumerate(expected):
            if gaps[place] > 1e-3 and (place == 0 or gaps[place - 1] > 1e-3):
                assert hits[place].id == name


@given(tokens=st.integers(1, 30), scale=st.floats(1e-3, 1.0))
@settings(max_examples=40)
def test_no_score_is_farther_from_the_rough_one_than_the_bound(tokens: int, scale: float) -> None:
    random = np.random.default_rng(tokens)
    lengths = np.sort(random.integers(1, 9, 20))
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    # Components of very different size, where one step for all of them is a poor fit.
    vectors = unit(random, int(offsets[-1])) * np.linspace(1, 50, DIM) ** random.uniform(0, 2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    int8, steps, errors = scan.quantise(vectors.astype(np.float32), offsets)
    query = (unit(random, tokens) * scale).astype(np.float32)
    rough, bound = scan.Int8Scan(int8, steps, errors, lengths).scores([query])
    exact = np.maximum.reduceat(query.astype(np.float64) @ vectors.T, offsets[:-1], axis=1).sum(axis=0)
    assert (np.abs(rough[0] - exact) <= bound[0] + 1e-5).all()
    assert bound.max() < 0.2 * scale * tokens + 1e-5  # and the bound says something


@pytest.mark.parametrize("kind", VECTOR_KINDS)
def test_integer_and_float_products_give_the_same_scores(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    index = made(tmp_path / "index", [encoded([f"d{number}" for number in range(300)], passages=2)], kind)
    queries = [unit(np.random.default_rng(tokens), tokens).astype(np.float32) for tokens in (1, 7, 20)]
    found = []
    for integers in (True, False):
        monkeypatch.setattr(scan, "_is_integer_faster", lambda integers=integers: integers)
        found.append(index.search(queries, depth=5))
    monkeypatch.delitem(sys.modules, "torch")  # nobody has loaded it
    monkeypatch.setattr(scan, "_is_integer_faster", pytest.fail)
    assert index.search(queries, depth=5) == found[0] == found[1]
    assert "torch" not in sys.modules


def test_integer_products_are_not_tried_where_the_processor_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch, "_int_mm", pytest.fail)
    monkeypatch.setattr(scan, "_has_integer_products", lambda: False)
    assert not scan._is_integer_faster.__wrapped__()


@pytest.mark.parametrize("kind", ["exact", "exact-int8", "compressed"])
def test_every_kind_that_keeps_vectors_agrees_with_exact_on_a_small_index(kind: Kind, tmp_path: Path) -> None:
    shard = encoded([f"d{number}" for number in range(60)], passages=2)
    index = made(tmp_path / "index", [shard], kind)
    query = unit(np.random.default_rng(5), 7).astype(np.float32)
    expected = dict(by_loop(passages_of(shard), query, 60))
    hits = index.search([query], depth=10)[0]
    assert [hit.score for hit in hits] == pytest.approx([expected[hit.id] for hit in hits], abs=0.05)
    assert [hit.score for hit in hits] == pytest.approx(list(expected.values())[:10], abs=0.05)


def topical(names: list[str], topics: int) -> EncodedDocuments:
    """Documents of two passages whose tokens lie around the vector of one topic each."""
    shard, centres = encoded(names, passages=2), unit(np.random.default_rng(11), topics)
    owners = np.repeat([hash_of(name) % topics for name in names for _ in range(2)], shard.vectors.lengths)
    vectors = shard.vectors.vectors + 1.5 * centres[owners]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return EncodedDocuments(
        shard.documents, shard.passages, TokenVectors(vectors.astype(np.float16), shard.vectors.offsets)
    )


def hash_of(name: str) -> int:
    return int(name[1:]) * 7919


@pytest.mark.parametrize("kind", ["exact", "compressed"])
def test_how_documents_lie_in_segments_changes_no_ranking(kind: Kind, tmp_path: Path) -> None:
    names = [f"d{number}" for number in range(600)]
    whole = made(tmp_path / "whole", [topical(names, 40)], kind)
    parts = made(tmp_path / "parts", [topical(names[at : at + 100], 40) for at in range(0, 600, 100)], kind)
    exact = made(tmp_path / "exact", [topical(names, 40)])
    centres, random = unit(np.random.default_rng(11), 40), np.random.default_rng(5)
    queries = [(centres[topic] + 0.3 * unit(random, 6)).astype(np.float32) for topic in range(40)]
    effort = Effort(least=60, factor=4)
    found = [[(hit.id, hit.span) for hit in hits] for hits in whole.search(queries, depth=10, effort=effort)]
    again = [[(hit.id, hit.span) for hit in hits] for hits in parts.search(queries, depth=10, effort=effort)]
    assert found == again
    shares = [
        len({name for name, _ in hits} & {hit.id for hit in best}) / 10
        for hits, best in zip(found, exact.search(queries, depth=10), strict=True)
    ]
    assert np.mean(shares) > 0.9  # a tenth was scored, which by chance would hold a tenth of them


def test_more_effort_ends_at_the_exact_ranking(tmp_path: Path) -> None:
    shard = encoded([f"d{number}" for number in range(300)], passages=2)
    index, query = made(tmp_path / "i", [shard], "compressed"), unit(np.random.default_rng(5), 7)
    asked = [query.astype(np.float32)]
    everything = index.search(asked, depth=300)[0]
    for factor, least in ((1, 20), (4, 20), (30, 20)):
        hits = index.search(asked, depth=10, effort=Effort(least=least, factor=factor))[0]
        assert {hit.id: hit.score for hit in hits}.items() <= {
            hit.id: hit.score for hit in everything
        }.items()
    assert hits == everything[:10]


def test_codes_alone_rank_roughly_and_are_small(tmp_path: Path) -> None:
    shards = [encoded([f"d{number}" for number in range(400)], passages=2)]
    codes, exact = made(tmp_path / "codes", shards, "codes"), made(tmp_path / "exact", shards)
    query = unit(np.random.default_rng(5), 7).astype(np.float32)
    found = {hit.id for hit in codes.search([query], depth=20)[0]}
    wanted = {hit.id for hit in exact.search([query], depth=20)[0]}
    assert len(found & wanted) >= 8  # by chance it would be one
    assert codes.info()["bytes"]["vectors"] == 0
    with pytest.raises(ArtifactError, match="keeps no vectors"):
        codes.vectors_of("d1")


@pytest.mark.parametrize(("dim", "size"), [(384, 32), (384, 64), (128, 64), (48, 32), (16, 32)])
def test_scores_by_codes_are_those_of_what_codes_stand_for(dim: int, size: int) -> None:
    # Little is left along late directions, as of real vectors.
    random, lengths = np.random.default_rng(3), np.array([2, 2, 5, 9])
    vectors = random.normal(size=(400, dim)) * np.linspace(1, 0.05, dim)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    codec = Codec.train(vectors, tokens=400, size=size, seed=0)
    assert codec.size == size
    own = vectors[: lengths.sum()]
    numbers, codes, steps = codec.encode(own)
    levels, first = np.zeros((len(own), len(codec.spreads)), dtype=np.float32), 0
    for plane in codec.planes:
        held = (codes[:, plane.begin : plane.end] >> plane.shift) & (2**plane.bits - 1)
        levels[:, first : (first := first + plane.width)] = held
    decoded = codec.centroids[numbers] + (levels - codec.middles) * codec.spreads @ codec.directions.T
    np.testing.assert_allclose(steps / 200, np.linalg.norm(decoded, axis=1), atol=1 / 400)
    decoded /= np.linalg.norm(decoded, axis=1, keepdims=True)
    assert np.mean(np.sum(decoded * own, axis=1)) > (0.99 if size * 2 >= dim else 0.8)
    query = vectors[300:304]
    arrays = PassageArrays(lengths, {"centroid": numbers, "code": codes, "norm": steps}, {})
    scores = CodedVectors(arrays, codec).maxsim(query, np.arange(4))
    starts = np.cumsum(lengths) - lengths
    expected = np.maximum.reduceat(query @ decoded.T, starts, axis=1).sum(axis=0)
    np.testing.assert_allclose(scores, expected, atol=0.05)


def test_codes_of_an_earlier_version_are_told(tmp_path: Path) -> None:
    index = made(tmp_path / "codes", [encoded(["a", "b"])], "codes")
    (file,) = index.path.rglob("fine.npy")
    file.unlink()
    with pytest.raises(ArtifactError):
        Index.open(index.path)
    with pytest.raises(ArtifactError, match="earlier version") as caught:
        Codec.open(file.parent)
    assert "build the index again" in str(caught.value)


def test_a_passage_is_found_and_named_by_its_span(tmp_path: Path) -> None:
    shard = encoded(["a", "b"], passages=3)
    index = made(tmp_path / "index", [shard])
    query = shard.vectors[4].astype(np.float32)  # the second passage of b, itself
    hit = index.search([query], depth=1)[0][0]
    assert (hit.id, hit.span) == ("b", (1, 6))
    assert index.document("b").title == "title b"
    spans = [span for span, _ in index.vectors_of("b")]
    assert spans == [(0, 5), (1, 6), (2, 7)]


@pytest.mark.parametrize("kind", [*VECTOR_KINDS, "lexical"])
def test_filters_find_only_what_fits_and_as_much_as_there_is(kind: Kind, tmp_path: Path) -> None:
    names = [f"{letter}{number}" for letter in "ab" for number in range(30)]
    shard = encoded(names) if kind != "lexical" else EncodedDocuments.words_only(encoded(names).documents)
    index = made(tmp_path / "index", [shard], kind)

    def found(*conditions: str) -> set[str]:
        where = parse_filter(conditions)
        if kind == "lexical":
            return {hit.id for hit in index.search_words([[{"title": 1.0}]], depth=60, where=where)[0]}
        query = unit(np.random.default_rng(5), 4).astype(np.float32)
        return {hit.id for hit in index.search([query], depth=60, where=where)[0]}

    assert found() == set(names)
    assert found("first=a") == set(names[:30])
    assert found("first=a", "length=2") == {f"a{number}" for number in range(10)}
    assert found("first=a", "first=b") == set(names)
    assert found("first=c") == set()
    with pytest.raises(UnknownNameError, match="first"):
        found("frist=a")
    with pytest.raises(InputError, match="FIELD=VALUE"):
        found("first")


@pytest.mark.parametrize(
    ("condition", "fitting"),
    [
        # RFC 8259: 2020, 2020.0 and 2.02e3 are one number; tables write 2020.0 where a column has gaps
        ("year=2020", ["int", "float", "text", "point"]),
        ("year=2020.0", ["int", "float", "text", "point"]),
        ("year=2.02e3", ["int", "float"]),
        ("year=2020.5", ["half"]),
        ("year=02020", []),
        ("year=2_020", []),
        ("year=1", []),  # true is no number
        ("year=true", ["bool"]),
        ("year=True", ["bool"]),
        ("version=1.1", ["number"]),
        ("version=1.10", ["number", "release"]),  # as numbers they are one, as texts two
        ("town=Café", ["nfd", "nfc"]),
        ("town=Cafe\u0301", ["nfd", "nfc"]),
        ("  town =  Café\u00a0", ["nfd", "nfc"]),
        ("town=café", []),
        ("anne\u0301e=1", ["field"]),
    ],
)
def test_a_filter_finds_a_value_however_it_is_spelled(
    condition: str, fitting: list[str], tmp_path: Path
) -> None:
    metadata: dict[str, dict[str, str | int | float | bool]] = {
        "int": {"year": 2020},
        "float": {"year": 2020.0},
        "text": {"year": "2020"},
        "point": {"year": " 2020.0"},
        "half": {"year": 2020.5},
        "bool": {"year": True},
        "number": {"version": 1.1},
        "release": {"version": "1.10"},
        "nfd": {"town": " Cafe\u0301 "},
        "nfc": {"town": "Café"},
        "field": {"année": 1},
    }
    documents = [Document(name, "title", "", own) for name, own in metadata.items()]
    index = made(tmp_path / "index", [EncodedDocuments.words_only(documents)], "lexical")
    where = parse_filter([condition])
    assert {hit.id for hit in index.search_words([[{"title": 1.0}]], depth=60, where=where)[0]} == set(
        fitting
    )
    assert (index.why_none_fits(where) is None) == bool(fitting)


@pytest.mark.parametrize("kind", ["exact", "exact-int8", "compressed", "lexical"])
def test_documents_by_id_are_found_with_the_scores_they_have_among_all(kind: Kind, tmp_path: Path) -> None:
    names = [f"{letter}{number}" for letter in "abc" for number in range(120)]
    shards = [encoded(names[:200], passages=2), encoded(names[200:], passages=2)]
    if kind == "lexical":
        shards = [EncodedDocuments.words_only(each.documents) for each in shards]
    index = made(tmp_path / "index", shards, kind)
    index.delete(["a5"])

    def search(depth: int, where: Among | None) -> list[tuple[str, float]]:
        if kind == "lexical":
            (hits,) = index.search_words([[{"title": 1.0}, {"wordb": 1.0}]], depth=depth, where=where)
        else:
            query = unit(np.random.default_rng(1), 6).astype(np.float32)
            effort = Effort(least=1000)
            (hits,) = index.search([query], depth=depth, where=where, effort=effort)
        return [(hit.id, hit.score) for hit in hits]

    chosen = frozenset(names[::7]) - {"a5"}
    everything = [(name, score) for name, score in search(len(names), None) if name in chosen]
    found = search(len(chosen), Among(chosen))
    assert [name for name, _ in found] == [name for name, _ in everything]
    assert [score for _, score in found] == pytest.approx([score for _, score in everything], rel=1e-5)
    assert len(found) == len(chosen)


def test_a_searcher_reranks_what_it_has_and_says_what_it_has_not(tmp_path: Path) -> None:
    documents = [Document("a", "A file", ""), Document("b", "A page", ""), Document("c", "Another file", "")]
    shard = EncodedDocuments.words_only(documents)
    build(tmp_path / "index", [shard], kind="lexical", space=None, parents={}, facts={})
    searcher = Searcher(tmp_path / "index")
    candidates = {"q": ["b", "c", "c"], "r": []}
    assert list(searcher.rerank({"q": "file", "r": "file"}, candidates)["q"]) == ["c"]
    assert searcher.rerank({"r": "file"}, candidates) == {"r": {}}
    assert searcher.rerank({"q": "file"}, candidates)["q"]["c"] == searcher.rank({"q": "file"})["q"]["c"]
    with pytest.raises(InputError, match="got: d, e"):
        searcher.rerank({"q": "file"}, {"q": ["e", "a", "d"]})


def test_python_values_are_filtered_by_as_json_has_them() -> None:
    rows = [{"year": 2020}, {"year": 2020.0}, {"year": "2020"}, {"year": True}, {"year": 2021}]
    assert fitting(rows, as_filter({"year": 2020.0})).tolist() == [True, True, True, False, False]
    assert fitting(rows, as_filter({"year": [True, "2021"]})).tolist() == [False, False, False, True, True]


def test_a_filter_that_leaves_nothing_says_which_values_there_are(tmp_path: Path) -> None:
    names = [f"{letter}{number}" for letter in "ab" for number in range(30)]
    index = made(tmp_path / "index", [EncodedDocuments.words_only(encoded(names).documents)], "lexical")
    index.delete(["a0"])

    def said(*conditions: str) -> str | None:
        return index.why_none_fits(parse_filter(conditions))

    assert said("first=a") is None
    assert said("first=c") == "no document has first=c; first is b (30), a (29)"
    assert said("first=a", "first=b", "length=4") == "no document has length=4; length is 3 (40), 2 (19)"
    near = [{"town": f"Adama{number}"} for number in range(40)] + [{"town": "Jimma"}]
    assert why_none_fits(near, {"town": ["Jima"]}) == (
        "no document has town=Jima; town is Jimma (1) and 40 other values"
    )
    both = [{"year": 1, "kind": "a"}, {"year": 2, "kind": "b"}]
    assert why_none_fits(both, {"year": ["1"], "kind": ["b"]}) == (
        "no document with year=1 has kind=b; kind is a (1)"
    )
    assert why_none_fits([{"year": 1}, {"kind": "b"}], {"year": ["1"], "kind": ["b"]}) == (
        "no document with year=1 has kind=b; none of them has kind"
    )


def test_words_are_searched_as_in_an_index_built_at_once(tmp_path: Path) -> None:
    index = made(tmp_path / "grown", [encoded(["a", "b", "c"])])
    index.add([encoded(["d", "e"])])
    index.delete(["b"])
    index.add([encoded(["a"], seed=1)], replace=True)
    fresh = made(tmp_path / "fresh", [encoded(["c", "d", "e"]), encoded(["a"], seed=1)])
    for query in ([{"title": 1.0}], [{"worda": 0.5, "wordd": 0.25}, {"wordb": 1.0}]):
        grown, built = (each.search_words([query], depth=9)[0] for each in (index, fresh))
        assert {hit.id: hit.score for hit in grown} == pytest.approx({hit.id: hit.score for hit in built})
    assert "wordb" not in index.lexical.vocabulary


def test_same_documents_make_the_same_bytes(tmp_path: Path) -> None:
    for kind in VECTOR_KINDS:
        hashes = {
            made(tmp_path / f"{kind}{i}", [encoded(["a", "b", "c"])], kind).manifest.hash for i in range(2)
        }
        assert len(hashes) == 1


def test_small_segments_are_merged_as_more_come(tmp_path: Path) -> None:
    index = made(tmp_path / "index", [encoded(["start"])])
    for number in range(40):
        index.add([encoded([f"d{number}"])])
    assert index.info()["segments"] <= 6
    assert index.info()["documents"] == 41
    assert sorted(path.name for path in index.path.iterdir() if path.is_dir()) == sorted(
        {entry["name"].split("/")[0] for entry in index.manifest.meta["segments"]}
    )


def test_a_reader_keeps_the_state_it_opened(tmp_path: Path) -> None:
    index = made(tmp_path / "index", [encoded(["a", "b"])])
    reader = Index.open(index.path)
    index.delete(["a"])
    index.add([encoded([f"d{number}" for number in range(9)])])
    index.compact()
    query = unit(np.random.default_rng(5), 4).astype(np.float32)
    assert {hit.id for hit in reader.search([query], depth=99)[0]} == {"a", "b"}
    assert reader.document("a").title == "title a"
    assert {hit.id for hit in reader.search_words([[{"title": 1.0}]], depth=9)[0]} == {"a", "b"}
    assert len(Index.open(index.path).search([query], depth=99)[0]) == 10


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    index = made(tmp_path / "index", [encoded(["a"])])
    with try_exclusive(index.path / "change") as alone:
        assert alone
        for attempt in (
            lambda: index.add([encoded(["b"])]),
            lambda: index.delete(["a"]),
            index.compact,
            lambda: made(index.path, [encoded(["c"])]),
        ):
            with pytest.raises(ArtifactError, match="another process is changing"):
                attempt()
    assert {document.id for document in Index.open(index.path).documents} == {"a"}


def test_what_cannot_be_added_or_deleted_changes_nothing(tmp_path: Path) -> None:
    index = made(tmp_path / "index", [encoded(["a", "b"])])
    before = index.manifest.hash
    other = encoded(["n"])
    narrow = TokenVectors(other.vectors.vectors[:, :5], other.vectors.offsets)
    no_tokens = TokenVectors(other.vectors.vectors[:0], np.array([0, 0]))
    for shards, message in [
        ([encoded(["c", "b"])], "has a document of this id"),
        ([encoded(["c"]), encoded(["c"])], "same id"),
        ([EncodedDocuments(other.documents, other.passages, narrow)], "do not fit"),
        ([EncodedDocuments(other.documents, other.passages, no_tokens)], "do not fit"),
        ([EncodedDocuments.words_only(other.documents)], "do not fit"),
        (
            [EncodedDocuments([*other.documents, Document("m", "", "")], other.passages, other.vectors)],
            "passages",
        ),
    ]:
        with pytest.raises(InputError, match=message):
            index.add(shards)
    with pytest.raises(InputError, match="no such document"):
        index.delete(["a", "zebra"])
    with pytest.raises(InputError, match="nothing to index"):
        build(tmp_path / "none", [], kind="exact", space="s", parents={}, facts={})
    assert Index.open(index.path).manifest.hash == before
    assert not (tmp_path / "none" / "manifest.json").exists()


@pytest.mark.parametrize("kind", VECTOR_KINDS)
def test_cut_and_missing_files_are_found_when_opened_and_flipped_bits_by_verify(
    kind: Kind, tmp_path: Path
) -> None:
    index = made(tmp_path / "index", [encoded(["a", "b", "c"])], kind)
    index.delete(["b"])
    index.verify()
    files = [path for path in index.path.rglob("*") if path.is_file()]
    assert len(files) > 10
    for file in files:
        content = file.read_bytes()
        if not content:
            continue
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 0x10
        file.write_bytes(bytes(flipped))
        with suppress(ArtifactError):  # no other error, where the change is seen without looking for it
            Index.open(index.path)
        with pytest.raises(ArtifactError):
            index.verify()
        file.write_bytes(content[: len(content) * 2 // 3])
        for opens in (lambda: Index.open(index.path), index.verify):
            with pytest.raises(ArtifactError):
                opens()
        file.unlink()
        with pytest.raises(ArtifactError):
            Index.open(index.path)
        file.write_bytes(content)
    Index.open(index.path)


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what a process reads")
@pytest.mark.parametrize("kind", ["exact", "exact-int8", "compressed"])
def test_opening_and_searching_read_no_file_of_vectors_whole(kind: Kind, tmp_path: Path) -> None:
    index = made(tmp_path / "index", [encoded([f"d{number}" for number in range(5000)], passages=2)], kind)
    vectors = sum(file.stat().st_size for file in index.path.rglob("token-*.npy"))
    query = unit(np.random.default_rng(5), 4).astype(np.float32)

    def read() -> int:
        rows = Path("/proc/self/io").read_text().splitlines()
        return int(next(row.split()[1] for row in rows if row.startswith("rchar")))

    before = read()
    opened = Index.open(index.path)
    opened.search([query], depth=3)
    others = sum(size for name, (size, _) in opened.manifest.files.items() if "/token-" not in name)
    assert read() - before < others + vectors // 4
    before = read()
    opened.search([query], depth=3)
    assert read() - before < 10_000  # a second search reads no file again
    index.verify()
    assert read() - before > vectors  # and the count can see a file that is read


@pytest.mark.parametrize("kind", [*VECTOR_KINDS, "lexical"])
@pytest.mark.parametrize("compacted", [False, True])
def test_an_index_without_documents_finds_nothing(kind: Kind, compacted: bool, tmp_path: Path) -> None:
    shard = encoded(["a", "b"])
    if kind == "lexical":
        shard = EncodedDocuments.words_only(shard.documents)
    index = made(tmp_path / "index", [shard], kind)
    assert index.lexical.ids == ["a", "b"]
    index.delete(["a", "b"])
    if compacted:
        index.compact()
    for each in (index, Index.open(index.path)):
        assert each.documents == []
        assert each.search_words([[{"title": 1.0}], []], depth=3) == [[], []]
        assert Searcher(each).rank({"q": "title"}) == {"q": {}}
        assert Searcher(each).rank({"q": "title"}, where={"length": ["1"]}) == {"q": {}}
        if kind != "lexical":
            assert each.search([unit(np.random.default_rng(5), 4).astype(np.float32)], depth=3) == [[]]
    index.add([])  # as where no document has any content
    assert index.documents == []
    index.add([shard])
    assert [hit.id for hit in index.search_words([[{"title": 1.0}]], depth=3)[0]] == ["a", "b"]


def test_an_index_of_an_earlier_format_says_so(tmp_path: Path) -> None:
    from kivuko.artifact import write_artifact

    with write_artifact(tmp_path / "old", "index", meta={"space": "s"}) as folder:
        (folder / "vectors.npy").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="earlier version"):
        Index.open(tmp_path / "old")
    made(tmp_path / "old", [encoded(["a"])])  # building anew replaces it, and leaves nothing of it
    assert not (tmp_path / "old" / "vectors.npy").exists()


class IndexAgainstDictionary(RuleBasedStateMachine):
    """Whatever is added, replaced, deleted, compacted and reopened, a search finds what a dictionary would."""

    @initialize(kind=st.sampled_from(["exact", "exact-int8", "compressed"]))
    def start(self, kind: Kind) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(changes, "LARGEST_MERGED", 12)
        shard = encoded(["a0", "a1"])
        self.index = made(Path(self.folder.name) / "index", [shard], kind)
        self.known = passages_of(shard)

    @rule(names=st.sets(st.integers(0, 14), min_size=1, max_size=6), seed=st.integers(1, 3))
    def add(self, names: set[int], seed: int) -> None:
        shard = encoded([f"a{number}" for number in sorted(names)], seed=seed, passages=2)
        clashes = self.known.keys() & {document.id for document in shard.documents}
        if clashes:
            with pytest.raises(InputError, match="has a document of this id"):
                self.index.add([shard])
        self.index.add([shard], replace=bool(clashes))
        self.known |= passages_of(shard)

    @precondition(lambda self: len(self.known) > 1)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        names = data.draw(st.lists(st.sampled_from(sorted(self.known)), min_size=1, max_size=3, unique=True))
        if len(names) < len(self.known):
            self.index.delete(names)
            for name in names:
                del self.known[name]

    @rule()
    def compact(self) -> None:
        self.index.compact()
        assert self.index.info()["deleted"] == 0

    @rule()
    def reopen(self) -> None:
        self.index = Index.open(self.index.path)

    @invariant()
    def finds_what_there_is(self) -> None:
        if not hasattr(self, "index"):
            return
        query = unit(np.random.default_rng(9), 5).astype(np.float32)
        hits = self.index.search([query], depth=5)[0]
        expected = by_loop(self.known, query, 5)
        tolerance = 1e-3 if self.index.kind == "exact" else 0.05
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], abs=tolerance)
        assert {document.id for document in self.index.documents} == set(self.known)
        words = self.index.search_words([[{"title": 1.0}]], depth=99)[0]
        assert {hit.id for hit in words} == set(self.known)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.patch.undo()
            self.folder.cleanup()


TestIndexAgainstDictionary = IndexAgainstDictionary.TestCase
TestIndexAgainstDictionary.settings = settings(max_examples=15, stateful_step_count=12)
