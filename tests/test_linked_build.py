from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.progress import Progress
from typer.testing import CliRunner

from kivuko.artifact import read_manifest
from kivuko.cli.main import app
from kivuko.collections import writing
from kivuko.collections.collection import KIND, Collection
from kivuko.collections.split import SPLITS, split_of
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.languages import Language, resolve
from kivuko.linked.build import build_linked
from kivuko.linked.documents import LinkedDocument, LinkedSource, Reading, SourceFacts
from kivuko.linked.folder import AlignedFolder
from kivuko.linked.help_pages import LinkedHelp
from kivuko.linked.mediawiki import MediaWikiDumps
from kivuko.linked.queries import LinkedRecipe
from kivuko.text import comparison_key
from test_linked_dumps import two_dumps

SWAHILI, ENGLISH = resolve("sw"), resolve("en")
TITLES = LinkedRecipe(SWAHILI, ENGLISH)


class Made:
    """Linked documents by language."""

    facts = SourceFacts("made up", "CC0-1.0", "nobody", "made up", {"made": "1"})

    def __init__(self, **documents: list[LinkedDocument]) -> None:
        self._documents = documents

    files: tuple[Path, ...] = ()

    def documents(
        self, language: Language, reading: Reading, progress: Progress | None = None
    ) -> Iterator[LinkedDocument]:
        for document in self._documents[language.short]:
            reading.documents.kept += 1
            reading.links.kept += len(document.links_to)
            yield document


def swahili(number: int, title: str, counterpart: str | None, text: str = "") -> LinkedDocument:
    named = {} if counterpart is None else {"eng-Latn": counterpart}
    return LinkedDocument(f"sw-{number}", "swa-Latn", title, text, named)


def english(name: str, title: str, *links: str, text: str = "") -> LinkedDocument:
    return LinkedDocument(name, "eng-Latn", title, text or f"About {title}.", {}, links)


def judged(folder: Path) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Queries and judgments of all splits."""
    queries: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    opened = Collection.open(folder)
    for each in opened.query_sets:
        queries |= opened.queries(*each)
        qrels |= opened.qrels(*each)
    return queries, qrels


def test_grades_by_hand(tmp_path: Path) -> None:
    source = Made(
        sw=[swahili(1, "Mto", "river"), swahili(2, "Kinu", "mortar")],
        en=[
            english("river", "River", "mortar", "boat", "sea", "ghost"),
            english("mortar", "Mortar", "river"),
            english("boat", "Boat", "river", "sea"),
            english("sea", "Sea"),  # linked to, links not back
        ],
    )
    statistics = build_linked(source, tmp_path / "out", TITLES)
    queries, qrels = judged(tmp_path / "out")
    assert queries == {"sw-1": "Mto", "sw-2": "Kinu"}
    assert qrels == {"sw-1": {"river": 2, "mortar": 1, "boat": 1}, "sw-2": {"mortar": 2, "river": 1}}
    assert statistics.links_per_document == pytest.approx(7 / 4)
    assert sum(counts.mutually_linked for counts in statistics.splits.values()) == 3


def test_every_drop_is_counted(tmp_path: Path) -> None:
    source = Made(
        sw=[
            swahili(1, "Mto", "river"),
            swahili(2, "Pembe", "horn"),
            swahili(3, "PEMBE.", "corner"),  # the same text, as far as a reader can tell
            swahili(4, "Ngano", None),
            swahili(5, "…", "dots"),
            swahili(6, "Jini", "ghost"),
            swahili(7, "Piano", "piano"),
            swahili(8, "Jiwe", "stone"),
        ],
        en=[
            *(english(name, name.title()) for name in ("river", "horn", "corner", "dots", "piano")),
            english("stone", "Rock", text="Hard."),
            english("stone-2", "Rock", text="Hard."),
        ],
    )
    expected = {
        "several documents give this query": 2,
        "document without a counterpart": 1,
        "query of fewer than 1 words": 1,
        "counterpart that is no document": 1,
        "counterpart with the same text as another document": 1,
    }
    kept = build_linked(source, tmp_path / "a", TITLES)
    assert dict(kept.queries.reasons) == expected
    assert (kept.queries.kept, kept.identical, kept.identical_share) == (2, 1, 0.5)
    dropped = build_linked(source, tmp_path / "b", LinkedRecipe(SWAHILI, ENGLISH, drop_identical=True))
    assert dict(dropped.queries.reasons) == expected | {"query identical in both languages": 1}
    assert dropped.identical_share == 0.5
    assert judged(tmp_path / "b")[0] == {"sw-1": "Mto"}
    assert "1 (50.0%) of the queries" in (tmp_path / "a" / "README.md").read_text(encoding="utf-8")


def test_splits_share_documents_and_nothing_else(tmp_path: Path) -> None:
    numbers = range(200)
    source = Made(
        sw=[swahili(n, f"Neno {n % 190}", f"en-{n}") for n in numbers],
        en=[english(f"en-{n}", f"Word {n}", f"en-{n ^ 1}") for n in numbers],
    )
    statistics = build_linked(source, tmp_path, TITLES)
    opened = Collection.open(tmp_path)
    assert (opened.query_kinds, opened.splits) == (("title",), SPLITS)
    assert len(opened.documents) == 200
    keys = [
        {comparison_key(text) for text in opened.queries("title", split).values()} for split in opened.splits
    ]
    assert sum(map(len, keys)) == len(set().union(*keys)) == 180
    for split in SPLITS:
        qrels = opened.qrels("title", split)
        for grades in qrels.values():
            (counterpart,) = (document for document, grade in grades.items() if grade == 2)
            assert split_of(counterpart) == split
        assert statistics.splits[split].queries == len(qrels)
    held_out = {f"en-{n}" for n in numbers if 10 <= n < 190 and split_of(f"en-{n}") != "train"}
    by_hand = sum(len(held_out & grades.keys()) for grades in opened.qrels("title", "train").values())
    assert statistics.held_out_in_training == by_hand > 0


def test_first_sentences(tmp_path: Path) -> None:
    source = Made(
        sw=[
            swahili(1, "Mto", "river", "Mto ni maji yanayotiririka kwenda mbali. Ni mrefu."),
            swahili(2, "Kinu", "mortar", "Kinu ni chombo. Ni cha mbao."),
            swahili(3, "Jiwe", "stone", "Bila kikomo"),
        ],
        en=[english(name, name.title()) for name in ("river", "mortar", "stone")],
    )
    statistics = build_linked(source, tmp_path, LinkedRecipe(SWAHILI, ENGLISH, "first-sentence"))
    assert judged(tmp_path)[0] == {"sw-1": "ni maji yanayotiririka kwenda mbali."}
    assert dict(statistics.queries.reasons) == {
        "query of fewer than 4 words": 1,
        "document without a sentence": 1,
    }


def test_one_language_is_a_control(tmp_path: Path) -> None:
    source = Made(en=[english("a", "Mill", "b"), english("b", "River", "a"), english("c", "Sea", "a")])
    build_linked(source, tmp_path, LinkedRecipe(ENGLISH, ENGLISH))
    assert judged(tmp_path)[1] == {"a": {"a": 2, "b": 1}, "b": {"b": 2, "a": 1}, "c": {"c": 2}}
    assert "a control for the pipeline" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_nothing_left_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    source = Made(sw=[swahili(1, "Mto", None)], en=[english("river", "River")])
    with pytest.raises(InputError, match="no query is left"):
        build_linked(source, tmp_path / "out", TITLES)
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x", encoding="utf-8")
    with pytest.raises(ArtifactError):
        build_linked(source, tmp_path / "mine", TITLES)


def test_dumps_from_the_command_line(tmp_path: Path) -> None:
    two_dumps(tmp_path)
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    out = tmp_path / "out"
    arguments = [
        "data",
        "link",
        *files,
        "--query-language",
        "sw",
        "--document-language",
        "en",
        "--output",
        str(out),
    ]
    for _ in range(2):  # the second time replaces the first
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    assert "nobody judged" in " ".join(result.output.split())
    # By hand: en-10 (mortar) and en-20 (river) link to each other; ferry and stone link to the river, which links
    # back to the ferry alone.
    assert judged(out) == (
        {"sw-1": "Kinu", "sw-2": "Mto"},
        {"sw-1": {"en-10": 2, "en-20": 1}, "sw-2": {"en-20": 2, "en-10": 1, "en-30": 1}},
    )
    card = (out / "README.md").read_text(encoding="utf-8")
    for part in ("nobody judged", "CC-BY-SA-4.0", "GFDL", "MediaWiki 1.44.0", "ACL 2014", "redirect"):
        assert part in card
    meta = read_manifest(out, KIND, verify=True).meta
    assert meta["counts"]["queries"]["after"] == 2


def aligned(folder: Path, files: dict[str, str]) -> AlignedFolder:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return AlignedFolder(folder)


def test_a_folder_of_aligned_files(tmp_path: Path) -> None:
    source = aligned(
        tmp_path,
        {
            "sw/a/mill.txt": "Kinu\n\nKinu ni chombo.\nNi cha mbao.",
            "sw/river.md": "# Mto\n\nMto ni *maji* na\n[kinu](a/mill.txt#x), ![p](p.png).\n\n## Zaidi\n",
            "sw/only here.txt": "Peke yake",
            "sw/p.png": "",
            "sw/empty.md": "\n",
            "English/a/mill.html": "<html><head><title>Mill</title><style>p{}</style></head><body><h1>Mill</h1><p>A "
            "<b>mill</b> &amp; <a href='../river.md'>river</a><a href='https://x.example'>.</a>"
            "<a href='gone.html'>!</a></p></body></html>",
            "English/river.md": "River\n=====\n\n- flows to the [mill](<a/mill.html>)\n",
        },
    )
    reading = Reading()
    assert list(source.documents(SWAHILI, reading)) == [
        LinkedDocument("a/mill", "swa-Latn", "Kinu", "Kinu ni chombo.\nNi cha mbao.", {"eng-Latn": "a/mill"}),
        LinkedDocument("only_here", "swa-Latn", "Peke yake", ""),
        LinkedDocument(
            "river", "swa-Latn", "Mto", "Mto ni maji na kinu, .\nZaidi", {"eng-Latn": "river"}, ("a/mill",)
        ),
    ]
    assert reading.documents.reasons == {
        "file that is neither .txt, .md nor .html": 1,
        "file without text": 1,
    }
    reading = Reading()
    assert list(source.documents(ENGLISH, reading)) == [
        LinkedDocument("a/mill", "eng-Latn", "Mill", "A mill & river.!", {"swa-Latn": "a/mill"}, ("river",)),
        LinkedDocument("river", "eng-Latn", "River", "flows to the mill", {"swa-Latn": "river"}, ("a/mill",)),
    ]
    assert reading.links.reasons == {"no file of this name": 1}
    build_linked(source, tmp_path / "out", TITLES)
    assert judged(tmp_path / "out")[1] == {
        "a/mill": {"a/mill": 2, "river": 1},
        "river": {"river": 2, "a/mill": 1},
    }


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        AlignedFolder(tmp_path / "nothing")
    with pytest.raises(InputError, match="not called after a language"):
        aligned(tmp_path / "a", {"images/x.txt": "x"})
    with pytest.raises(InputError, match="two folders are of one language"):
        aligned(tmp_path / "b", {"sw/x.txt": "x", "swa/x.txt": "x"})
    source = aligned(tmp_path / "c", {"sw/x.txt": "x", "sw/x.md": "# x"})
    with pytest.raises(InputError, match="no files in English"):
        next(source.documents(ENGLISH, Reading()))
    with pytest.raises(InputError, match="two files have the same name"):
        next(source.documents(SWAHILI, Reading()))
    source = aligned(tmp_path / "d", {"sw/x.txt": "x"})
    (tmp_path / "d" / "sw" / "x.txt").write_bytes(b"Kinu\nna\xff")
    with pytest.raises(InputError, match=r"x\.txt:2"):
        next(source.documents(SWAHILI, Reading()))


def help_page(title: str, paragraphs: dict[str, str]) -> str:
    body = "".join(f'<p id="{key}">{text}</p>' for key, text in paragraphs.items())
    return f'<html><head><title>{title}</title></head><body><div id="DisplayArea">{body}</div></body></html>'


def test_help_pages(tmp_path: Path) -> None:
    pages = {
        "en-US": {
            "a/one": help_page("Insert a page", {"p1": "You insert a page here.", "p2": "Then you save it."}),
            "a/two": help_page("Save", {"p1": "You save the page."}),
        },
        "om": {
            "a/one": help_page(
                "Fuula saagi", {"p1": "Fuula kana keessa saaguu dandeessa.", "p2": "Then you save it."}
            ),
            "a/two": help_page("Save", {"p1": "Fuula olkaa'uu dandeessa."}),
        },
    }
    for language, of_language in pages.items():
        for name, content in of_language.items():
            path = tmp_path / "help" / language.lower() / "text" / f"{name}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    oromo, reading = resolve("om"), Reading()
    source = LinkedHelp([oromo, ENGLISH], tmp_path)
    (only,) = source.documents(oromo, reading)
    assert only == LinkedDocument(
        "a/one", "orm-Latn", "Fuula saagi", "Fuula kana keessa saaguu dandeessa.", {"eng-Latn": "a/one"}
    )
    assert reading.documents.reasons == {"title identical to the English": 1}
    assert len(list(source.documents(ENGLISH, Reading()))) == 2
    with pytest.raises(InputError, match="no LibreOffice help in Swahili"):
        LinkedHelp([SWAHILI])


@pytest.mark.parametrize(
    ("sources", "kind", "message"),
    [
        (["a.csv"], "title", "no linked documents"),
        (["x-langlinks.sql.gz"], "title", "no linked documents"),
        (["help"], "paragraph", "unknown kind of query"),
        (["gone.xml"], "title", "no such file"),
    ],
)
def test_what_the_command_refuses(tmp_path: Path, sources: list[str], kind: str, message: str) -> None:
    arguments = ["--query-language", "om", "--document-language", "en", "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["data", "link", *sources, *arguments, "--queries", kind])
    assert isinstance(result.exception, (InputError, UnknownNameError))
    assert message in str(result.exception)


def test_the_same_build_twice_is_the_same(tmp_path: Path) -> None:
    hashes = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build_linked(two_dumps(tmp_path / name), tmp_path / name / "out", TITLES)
        hashes.append(read_manifest(tmp_path / name / "out", KIND).hash)
    assert hashes[0] == hashes[1]
    documents = [json.loads(line) for line in (tmp_path / "a/out/documents.jsonl").open()]
    assert [document["id"] for document in documents] == ["en-10", "en-20", "en-30", "en-40", "en-50"]


class KilledError(Exception):
    """What stands for a kill."""


class Killed:
    """A source that dies before it gives one of its documents, counted over all passes."""

    def __init__(self, source: LinkedSource, killed_at: int | None = None) -> None:
        self.facts, self.files = source.facts, source.files
        self.given: list[str] = []
        self._source, self._killed_at = source, killed_at

    def documents(
        self, language: Language, reading: Reading, progress: Progress | None = None
    ) -> Iterator[LinkedDocument]:
        for document in self._source.documents(language, reading, progress):
            if len(self.given) + 1 == self._killed_at:
                raise KilledError
            self.given.append(document.language)
            yield document


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", ["dumps", "aligned"])
def test_a_build_that_was_killed_goes_on_with_the_finished_parts(tmp_path: Path, kind: str) -> None:
    (tmp_path / "source").mkdir()
    if kind == "dumps":
        *dumped, links = two_dumps(tmp_path / "source").files
    else:
        files = {
            f"{language}/{n}.txt": f"{language} {n}\nText {n}." for language in ("sw", "en") for n in range(4)
        }
        aligned(tmp_path / "source", files)

    def source(killed_at: int | None = None) -> Killed:  # as a new process would open it
        opened = MediaWikiDumps(dumped, [links]) if kind == "dumps" else AlignedFolder(tmp_path / "source")
        return Killed(opened, killed_at)

    build_linked(whole := source(), tmp_path / "whole", TITLES)
    expected = tree(tmp_path / "whole")
    first = whole.given.count("swa-Latn")
    assert whole.given == ["swa-Latn"] * first + ["eng-Latn"] * (len(whole.given) - first)  # each once
    for killed_at in range(1, len(whole.given) + 1):
        out = tmp_path / f"killed-{killed_at}"
        with pytest.raises(KilledError):
            build_linked(source(killed_at), out, TITLES)
        assert not out.exists()
        build_linked(again := source(), out, TITLES)
        # A part that was finished is not read again, an unfinished one is read whole.
        assert again.given == whole.given[first if killed_at > first else 0 :]
        assert tree(out) == expected
    assert list(tmp_path.glob(".*.importing")) == []


@pytest.mark.parametrize("dying", ["write_tsv", "_usable_queries"])
def test_a_build_killed_while_it_writes_reads_no_source_again(
    tmp_path: Path, dying: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {
        "sw": [swahili(n, f"Neno {n}", f"en-{n}") for n in range(9)],
        "en": [english(f"en-{n}", f"Word {n}") for n in range(9)],
    }
    build_linked(Made(**documents), tmp_path / "whole", TITLES)

    def die(*arguments: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(writing, dying, die)
        with pytest.raises(KilledError):
            build_linked(Made(**documents), tmp_path / "out", TITLES)
    build_linked(again := Killed(Made(**documents)), tmp_path / "out", TITLES)
    assert again.given == []
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_what_the_source_counted_survives_a_kill(tmp_path: Path) -> None:
    source = two_dumps(tmp_path)
    whole = build_linked(source, tmp_path / "whole", TITLES)
    with pytest.raises(KilledError):
        build_linked(Killed(source, 6), tmp_path / "out", TITLES)
    found = build_linked(source, tmp_path / "out", TITLES)
    assert whole.query_reading.documents.reasons["redirect"] == 1
    assert [each.as_json() for each in found.reports().values()] == [
        each.as_json() for each in whole.reports().values()
    ]
