"""MS MARCO's training files: texts of our own, in the published layouts."""

from __future__ import annotations

import gzip
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kivuko.artifact import read_manifest
from kivuko.cli.main import run
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.readers import msmarco
from kivuko.readers.msmarco import Triple
from tiny import made_up_pairs

PASSAGES = {
    0: "A bridge joins two banks.",
    1: "An oven bakes bread.",
    7: "Rain falls at night — naïvely said.",
    9: "Ships wait for the tide.",
}
QUERIES = {5: "what joins banks", 31: "when does it rain", 2: "what bakes bread"}
QRELS = [(5, 0, 0, 1), (2, 0, 1, 1), (31, 0, 7, 1)]
MINED: list[dict[str, Any]] = [
    {"qid": 31, "pos": [7], "neg": {"bm25": [0, 9, 1], "dense": [9, 7]}},
    {"qid": 5, "pos": [], "neg": {"bm25": [1]}},
    {"qid": 2, "pos": [1], "neg": {"dense": [0]}},
]


def write(path: Path, rows: list[str], *, end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(row + end for row in rows).encode())
    return path


def table(rows: Any) -> list[str]:
    return ["\t".join(map(str, row)) for row in rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Queries in no order and not all judged, as in the real files."""
    folder = tmp_path / "msmarco"
    write(folder / msmarco.COLLECTION, table(PASSAGES.items()))
    write(folder / msmarco.QUERIES, table(QUERIES.items()))
    write(folder / msmarco.QRELS, table(QRELS))
    # Line ends of Windows make no difference.
    write(folder / msmarco.ID_TRIPLES, table([(31, 7, 0), (2, 1, 9)]), end="\r\n")
    write(folder / msmarco.TEXT_TRIPLES, table([(QUERIES[31], PASSAGES[7], PASSAGES[9])]))
    write(folder / msmarco.HARD_NEGATIVES, [json.dumps(entry) for entry in MINED])
    return folder


def compress(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def triple(query: int, positive: int, negative: int) -> Triple:
    return Triple(QUERIES[query], PASSAGES[positive], PASSAGES[negative])


def hard(folder: Path, report: DropReport | None = None, **options: Any) -> list[Triple]:
    options = {"per_system": 50} | options
    return list(msmarco.read_hard_negatives(folder, report=report or DropReport(), **options))


@pytest.mark.parametrize("compressed", [False, True])
def test_every_file_gives_its_texts_in_its_order(folder: Path, compressed: bool) -> None:
    if compressed:
        for path in sorted(folder.iterdir()):
            compress(path)
    report = DropReport()
    assert list(msmarco.read_pairs(folder, report=report)) == [
        (QUERIES[5], PASSAGES[0]),
        (QUERIES[2], PASSAGES[1]),
        (QUERIES[31], PASSAGES[7]),
    ]
    assert report.as_json() == {"before": 3, "after": 3, "dropped": {}}
    by_id = list(msmarco.read_id_triples(folder, report=DropReport()))
    assert by_id == [triple(31, 7, 0), triple(2, 1, 9)]
    assert list(msmarco.read_text_triples(folder, report=DropReport())) == [triple(31, 7, 9)]
    assert hard(folder)[0] == triple(31, 7, 0)


def test_hard_negatives_come_once_by_system_and_without_positives(folder: Path) -> None:
    report = DropReport()
    assert hard(folder, report) == [triple(31, 7, 0), triple(31, 7, 9), triple(31, 7, 1), triple(2, 1, 0)]
    assert report.as_json() == {
        "before": 6,
        "after": 4,
        "dropped": {"negative that is a positive": 1, "query without a positive": 1},
    }


def test_hard_negatives_can_be_of_some_systems_and_few(folder: Path) -> None:
    report = DropReport()
    assert hard(folder, report, systems=("bm25",), per_system=2) == [triple(31, 7, 0), triple(31, 7, 9)]
    assert report.reasons == {"query without a positive": 1, "query without a negative": 1}
    assert hard(folder, per_system=1) == [triple(31, 7, 0), triple(31, 7, 9), triple(2, 1, 0)]


def test_older_edition_of_hard_negatives_reads_the_same(folder: Path) -> None:
    new = hard(folder)

    def scored(ids: list[int]) -> list[dict[str, Any]]:
        return [{"pid": each, "ce-score": -1.5} for each in ids]

    older = [
        {"qid": str(entry["qid"]), "pos": scored(entry["pos"])}
        | {"neg": {system: scored(ids) for system, ids in entry["neg"].items()}}
        for entry in MINED
    ]
    write(folder / msmarco.HARD_NEGATIVES, [json.dumps(entry) for entry in older])
    assert hard(folder) == new


def test_a_system_that_no_line_has_is_refused_with_those_there_are(folder: Path) -> None:
    with pytest.raises(InputError, match="bm25, dense"):
        hard(folder, systems=("bm26",))
    with pytest.raises(InputError, match="out of range"):
        hard(folder, per_system=0)


def test_what_lacks_a_text_is_counted(folder: Path) -> None:
    write(folder / msmarco.QRELS, table([(5, 0, 0, 1), (6, 0, 0, 1), (5, 0, 4, 1), (5, 0, 1, 0)]))
    report = DropReport()
    assert len(list(msmarco.read_pairs(folder, report=report))) == 1
    assert report.reasons == {
        "query id without text": 1,
        "positive id without text": 1,
        "judged not relevant": 1,
    }
    write(folder / msmarco.TEXT_TRIPLES, ["q\tp\tn", "q\t \tn"])
    report = DropReport()
    assert list(msmarco.read_text_triples(folder, report=report)) == [Triple("q", "p", "n")]
    assert report.reasons == {"empty text": 1}


@pytest.mark.parametrize(
    ("name", "line", "reader"),
    [
        (msmarco.QRELS, "5\t0\t1", msmarco.read_pairs),
        (msmarco.QRELS, "", msmarco.read_pairs),
        (msmarco.ID_TRIPLES, "5\t0\tone", msmarco.read_id_triples),
        (msmarco.TEXT_TRIPLES, "query\tpassage", msmarco.read_text_triples),
        (msmarco.HARD_NEGATIVES, '{"qid": 5, "pos": [0]}', hard),
        (msmarco.HARD_NEGATIVES, '{"qid": 5, "pos": [0], "neg": [1]}', hard),
        (msmarco.HARD_NEGATIVES, '{"qid": 5, "pos": 0, "neg": {}}', hard),
        (msmarco.HARD_NEGATIVES, '{"qid": 5,', hard),
        (msmarco.COLLECTION, "no tab", msmarco.read_pairs),
        (msmarco.COLLECTION, "0\tagain", msmarco.read_pairs),
    ],
)
def test_bad_line_is_named(folder: Path, name: str, line: str, reader: Any) -> None:
    path = folder / name
    number = len(path.read_bytes().splitlines()) + 1
    path.write_bytes(path.read_bytes() + f"{line}\n".encode())
    with pytest.raises(InputError) as caught:
        list(reader(folder, report=DropReport()))
    assert (f"{path}:{number}" if line != "0\tagain" else f"{path}\n") in str(caught.value)


def test_wrong_encoding_is_named(folder: Path) -> None:
    collection, triples = folder / msmarco.COLLECTION, folder / msmarco.TEXT_TRIPLES
    collection.write_bytes(collection.read_bytes().replace("ï".encode(), b"\xef"))
    with pytest.raises(InputError, match="UTF-8") as caught:
        list(msmarco.read_pairs(folder, report=DropReport()))
    assert f"{collection}, id 7" in str(caught.value)
    triples.write_bytes(b"q\tcaf\xe9\tn\n")
    with pytest.raises(InputError, match="UTF-8") as caught:
        list(msmarco.read_text_triples(folder, report=DropReport()))
    assert f"{triples}:1" in str(caught.value)


def test_truncated_file_is_an_error(folder: Path) -> None:
    compress(folder / msmarco.COLLECTION)
    zipped = folder / f"{msmarco.COLLECTION}.gz"
    zipped.write_bytes(zipped.read_bytes()[:-12])
    with pytest.raises(InputError, match="damaged or cut short"):
        list(msmarco.read_pairs(folder, report=DropReport()))


def test_missing_file_is_refused_before_reading(folder: Path) -> None:
    (folder / msmarco.COLLECTION).unlink()
    with pytest.raises(InputError, match=r"collectionandqueries\.tar\.gz"):
        msmarco.read_pairs(folder, report=DropReport())


def test_pairs_stream(folder: Path) -> None:
    path = folder / msmarco.QRELS
    path.write_bytes(path.read_bytes() + b"not a judgment\n")
    pairs = msmarco.read_pairs(folder, report=DropReport())
    assert len(list(itertools.islice(pairs, len(QRELS)))) == len(QRELS), (
        "those before the bad line come first"
    )
    with pytest.raises(InputError):
        next(pairs)


def kivuko(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    monkeypatch.setattr(sys, "argv", ["kivuko", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        run()
    return ended.value.code


def test_recipe_trains_on_as_many_pairs_as_are_drawn(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [pair.english for pair in made_up_pairs(30)]
    folder, output = tmp_path / "msmarco", tmp_path / "om"
    write(folder / msmarco.COLLECTION, table(enumerate(texts)))
    write(folder / msmarco.QUERIES, table((i, text.split()[0]) for i, text in enumerate(texts)))
    write(folder / msmarco.QRELS, [f"{i}\t0\t{i}\t1" for i in range(20)] + ["not reached"])
    code = kivuko(
        monkeypatch,
        *("train", "recipe", "english", "--language", "om", "--msmarco", folder, "--start", tiny_teacher),
        *("--output", output, "--set", "english.steps=2", "--set", "english.batch_size=8"),
    )
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "16 of 16 texts kept" in printed.out
    assert read_manifest(output, "model").meta["regime"] == "english"


@pytest.mark.parametrize(
    ("regime", "qrels", "expected"),
    [
        ("optical", "5\t0\t0\t1", "no stage of this recipe trains on English pairs"),
        ("english", "5\t0\t404\t1", "no pair of MS MARCO is left"),
    ],
)
def test_recipe_does_not_fall_back_to_other_pairs(
    regime: str,
    qrels: str,
    expected: str,
    folder: Path,
    tiny_teacher: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(folder / msmarco.QRELS, [qrels])
    bitext = write(tmp_path / "pairs.tsv", [f"{pair.english}\t{pair.foreign}" for pair in made_up_pairs(30)])
    code = kivuko(
        monkeypatch,
        *("train", "recipe", regime, "--language", "om", "--msmarco", folder, "--start", tiny_teacher),
        *("--bitext", bitext, "--output", tmp_path / "om"),
    )
    assert (code, (tmp_path / "om").exists()) == (2, False)
    assert expected in capsys.readouterr().err
