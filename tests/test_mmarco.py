from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.readers.msmarco import TRIPLES, Triple, read_triples

PASSAGES = {
    "portuguese": {0: "Uma ponte liga as margens.", 7: "O forno está quente.", 12: "A chuva cai à noite."},
    "english": {0: "A bridge joins the banks.", 7: "The oven is hot.", 12: "Rain falls at night."},
}
QUERIES = {
    "portuguese": {5: "o que liga as margens", 31: "quando chove"},
    "english": {5: "what joins the banks", 31: "when does it rain"},
}
IDS = [(31, 12, 7), (5, 0, 12), (5, 0, 7)]


def write(path: Path, lines: list[str], *, zipped: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{line}\n" for line in lines).encode()
    if zipped:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)


def lay_out(folder: Path, *, triples: list[tuple[int, int, int]] = IDS, zipped: bool = False) -> Path:
    """mMARCO's files, with words of our own; ids stand in no order, as in the real files."""
    write(folder / TRIPLES, ["\t".join(map(str, ids)) for ids in triples], zipped=zipped)
    for language in PASSAGES:
        for parts, texts in (
            (f"queries/train/{language}_queries.train.tsv", QUERIES[language]),
            (f"collections/{language}_collection.tsv", PASSAGES[language]),
        ):
            lines = [f"{number}\t{text}" for number, text in reversed(texts.items())]
            write(folder / "google" / parts, lines, zipped=zipped)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_triples_have_their_texts_in_the_files_order(tmp_path: Path, zipped: bool) -> None:
    report = DropReport()
    triples = list(read_triples(lay_out(tmp_path, zipped=zipped), "pt", report=report))
    texts = PASSAGES["portuguese"]
    assert triples == [
        Triple("quando chove", texts[12], texts[7]),
        Triple("o que liga as margens", texts[0], texts[12]),
        Triple("o que liga as margens", texts[0], texts[7]),
    ]
    assert report.as_json() == {"before": 3, "after": 3, "dropped": {}}


def test_queries_may_be_in_another_language(tmp_path: Path) -> None:
    found = next(read_triples(lay_out(tmp_path), "pt", query_language="en", report=DropReport()))
    assert found == Triple("when does it rain", PASSAGES["portuguese"][12], PASSAGES["portuguese"][7])


def test_ids_without_text_are_counted_by_the_first_that_lacks_one(tmp_path: Path) -> None:
    triples = [(6, 0, 7), (5, 1, 8), (5, 0, 8), (5, 0, 13), (5, 0, 7)]
    report = DropReport()
    kept = list(read_triples(lay_out(tmp_path, triples=triples), "pt", report=report))
    assert len(kept) == report.kept == 1
    assert report.reasons == {
        "query id without text": 1,
        "positive id without text": 1,
        "negative id without text": 2,
    }


def test_triples_stream(tmp_path: Path) -> None:
    folder = lay_out(tmp_path)
    with (folder / TRIPLES).open("a") as stream:
        stream.write("5\t0\n")
    triples = read_triples(folder, "pt", report=DropReport())
    assert len([next(triples) for _ in IDS]) == len(IDS), "those before the bad line come first"
    with pytest.raises(InputError, match="malformed") as caught:
        next(triples)
    assert f"{TRIPLES}:4" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "what"), [("9 no tab", "malformed"), ("nine\ttext", "malformed"), ("7\tx", "twice")]
)
def test_bad_lines_of_a_collection_are_named(tmp_path: Path, line: str, what: str) -> None:
    folder = lay_out(tmp_path)
    with (folder / "google/collections/portuguese_collection.tsv").open("a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(InputError, match=what) as caught:
        list(read_triples(folder, "pt", report=DropReport()))
    assert "portuguese_collection.tsv" in str(caught.value)


def test_a_missing_file_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not there") as caught:
        read_triples(lay_out(tmp_path), "de", report=DropReport())
    assert "german_queries.train.tsv" in str(caught.value)


def test_a_language_that_mmarco_lacks_is_refused_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="14 languages"):
        read_triples(tmp_path, "om", report=DropReport())
