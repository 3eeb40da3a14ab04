"""Building from a folder that a person gives: small pages made here, on known sides of the split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kivuko.artifact import read_manifest
from kivuko.cli.data import app
from kivuko.collections.bitext import Bitext
from kivuko.collections.collection import Collection
from kivuko.collections.split import split_of
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import build_collection

MESSAGES = "usr/share/mediawiki/languages/i18n"


def page_ids(split: str, count: int) -> list[str]:
    names = (f"swriter/guide/page{number}" for number in range(1000))
    return [name for name in names if split_of(name) == split][:count]


TRAIN, TEST = page_ids("train", 3), page_ids("test", 2)


def write_page(root: Path, code: str, page_id: str, title: str, paragraphs: dict[str, str]) -> None:
    path = root / "usr/share/libreoffice/help" / code / "text" / f"{page_id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(f'<p id="{name}" class="paragraph">{text}</p>\n' for name, text in paragraphs.items())
    path.write_text(
        f"<html><head><title>{title}</title></head><body><p id='par_id0'>header</p>"
        f'<div id="DisplayArea"><h1 id="hd_id1">{title}</h1><div>{body}</div></div>'
        '<p id="par_id9">footer</p></body></html>',
        encoding="utf-8",
    )


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    root = tmp_path / "sources"
    english = {
        TRAIN[0]: (
            "Counting Words",
            {"par_id2": "Count the words of a text.", "par_id3": "Shared between two pages."},
        ),
        TRAIN[1]: (
            "Drawing Lines",
            {"par_id2": "Draw a <span class='emph'>line</span>.", "par_id4": "Not translated yet."},
        ),
        TRAIN[2]: (
            "Same Name",
            {
                "par_id2": "Press <span class='switchinline'><span class='MAC'>Cmd</span><span>Ctrl</span></span>."
            },
        ),
        TEST[0]: (
            "Printing Pages",
            {"par_id2": "Print all pages of a text.", "par_id3": "Shared between two pages."},
        ),
        TEST[1]: ("Second Name", {"par_id5": "Save File"}),
    }
    oromo = {
        TRAIN[0]: (
            "Jechoota Lakkaa'uu",
            {"par_id2": "Jechoota barruu tokkoo lakkaa'i.", "par_id3": "Fuula lama gidduu."},
        ),
        TRAIN[1]: ("Sarara Kaasuu", {"par_id2": "Sarara kaasi.", "par_id4": "Not translated yet."}),
        TRAIN[2]: ("Maqaa Tokko", {"par_id2": "Ctrl dhiibi."}),
        TEST[0]: (
            "Fuula Maxxansuu",
            {"par_id2": "Fuula barruu hunda maxxansi.", "par_id3": "Fuula lama gidduu."},
        ),
        TEST[1]: ("Maqaa Tokko", {"par_id5": "Faayilii olkaa'i"}),
    }
    for code, pages in (("en-US", english), ("om", oromo)):
        for page_id, (title, paragraphs) in pages.items():
            write_page(root, code, page_id, title, paragraphs)
    messages = {
        "en": {"save": "Save File", "view": "View it now", "print": "Printing pages", "@metadata": {}},
        "om": {
            "save": "Galmee kaa'i",
            "view": "Amma ilaali",
            "print": "Maxxansa fuulaa",
            "extra": "Dabalata",
        },
    }
    (root / MESSAGES).mkdir(parents=True)
    for code, body in messages.items():
        (root / MESSAGES / f"{code}.json").write_text(json.dumps(body), encoding="utf-8")
    return root


def test_collection_from_a_folder(sources: Path, tmp_path: Path) -> None:
    collection = Collection.open(build_collection("om", tmp_path / "c", source_folder=sources))
    documents = {document.id: document for document in collection.documents}
    assert list(documents) == sorted([*TRAIN, *TEST])
    assert documents[TRAIN[1]].full_text == "Drawing Lines\nDraw a line.\nNot translated yet."
    assert documents[TRAIN[2]].text == "Press Ctrl."
    assert collection.queries("title", "test") == {TEST[0]: "Fuula Maxxansuu"}, "Maqaa Tokko names two pages"
    assert collection.queries("english-title", "test") == {TEST[0]: "Printing Pages"}
    assert collection.queries("paragraph", "test") == {TEST[0]: "Fuula barruu hunda maxxansi."}
    counts = collection.manifest.meta["counts"]
    assert counts["title"]["dropped"] == {"several pages have this title": 2}
    assert counts["paragraph"]["dropped"] == {"no translated paragraph of 4 words": 3}


def test_bitext_from_a_folder_leaves_held_out_text_out(sources: Path, tmp_path: Path) -> None:
    bitext = Bitext.open(build_bitext("om", tmp_path / "b", source_folder=sources))
    assert [(pair.english, pair.foreign) for pair in bitext.pairs] == [
        ("Counting Words", "Jechoota Lakkaa'uu"),
        ("Count the words of a text.", "Jechoota barruu tokkoo lakkaa'i."),
        ("Drawing Lines", "Sarara Kaasuu"),
        ("Draw a line.", "Sarara kaasi."),
        ("Press Ctrl.", "Ctrl dhiibi."),
        ("View it now", "Amma ilaali"),
    ]
    counts = bitext.manifest.meta["counts"]
    assert counts["libreoffice-help"]["dropped"] == {
        "English side is a held-out paragraph": 1,  # the one that two pages share
        "duplicate": 2,  # headings that repeat the title
        "foreign side is a held-out title": 2,  # a title that means two pages, and its heading
        "identical to the English": 1,
    }
    assert counts["mediawiki"]["dropped"] == {
        "English side is a held-out paragraph": 1,
        "English side is a held-out title": 1,
    }
    further = ["gettext", "wordpress", "kolibri", "django", "udhr"]
    assert bitext.manifest.meta["absent"] == ["libreoffice-l10n", *further]


def test_same_input_gives_the_same_bytes(sources: Path, tmp_path: Path) -> None:
    for build, kind in ((build_collection, "collection"), (build_bitext, "bitext")):
        first, second = (
            build("om", tmp_path / f"{kind}{number}", source_folder=sources) for number in (1, 2)
        )
        assert read_manifest(first, kind).hash == read_manifest(second, kind).hash


def test_a_damaged_collection_is_built_again(sources: Path, tmp_path: Path) -> None:
    path = build_collection("om", tmp_path / "c", source_folder=sources)
    whole = (path / "documents.jsonl").read_bytes()
    (path / "documents.jsonl").write_bytes(whole[:-20])
    with pytest.raises(ArtifactError, match="damaged"):
        Collection.open(path)
    build_collection("om", path, source_folder=sources)
    assert (path / "documents.jsonl").read_bytes() == whole


def test_an_artefact_of_another_kind_is_not_replaced(sources: Path, tmp_path: Path) -> None:
    path = build_collection("om", tmp_path / "c", source_folder=sources)
    with pytest.raises(ArtifactError, match="something else"):
        build_bitext("om", path, source_folder=sources)
    assert Collection.open(path).documents


def test_a_folder_without_help_in_the_language_is_refused(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no LibreOffice help in Khmer") as caught:
        build_collection("km", tmp_path / "c", source_folder=sources)
    assert caught.value.where == sources
    with pytest.raises(InputError, match="no such folder"):
        build_collection("km", tmp_path / "c", source_folder=tmp_path / "none")


def test_a_page_in_another_encoding_is_refused_and_leaves_nothing_behind(
    sources: Path, tmp_path: Path
) -> None:
    page = next(sources.rglob(f"om/text/{TEST[0]}.html"))
    page.write_bytes("<title>é</title>".encode("latin-1"))
    with pytest.raises(InputError, match=TEST[0]):
        build_collection("om", tmp_path / "c", source_folder=sources)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("build", [build_collection, build_bitext])
def test_english_and_unknown_languages_are_refused(build: object) -> None:
    with pytest.raises(InputError, match="English is the source"):
        build("en")  # type: ignore[operator]
    with pytest.raises(UnknownNameError):
        build("oromoo")  # type: ignore[operator]


def test_a_language_without_help_has_no_collection() -> None:
    with pytest.raises(InputError, match="no LibreOffice help in Swahili"):
        build_collection("sw")


@pytest.mark.network
def test_swahili_bitext_without_help_leaves_held_out_english_out() -> None:
    bitext = Bitext.open(build_bitext("sw"))
    assert "libreoffice-help" in bitext.manifest.meta["absent"]
    assert len(bitext.pairs) > 5000
    for source in ("mediawiki", "gettext", "wordpress", "kolibri"):
        assert bitext.manifest.meta["counts"][source]["dropped"]["English side is a held-out title"] > 0, (
            "the filter had something to do"
        )


def test_cli_builds_describes_and_refuses(sources: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    built = runner.invoke(app, ["build", "Oromo", "--output", str(tmp_path / "om"), "--from", str(sources)])
    assert built.exit_code == 0, built.output
    shown = runner.invoke(app, ["info", str(tmp_path / "om")])
    for expected in ("collection", "bitext", "title queries", "held-out title", "MPL-2.0", "software"):
        assert expected in shown.output
    listed = runner.invoke(app, ["list"])
    assert "orm-Latn" in listed.output
    assert "eng-Latn" not in listed.output
    refused = runner.invoke(app, ["info", str(tmp_path)])
    assert isinstance(refused.exception, ArtifactError)
