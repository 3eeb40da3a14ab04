"""Dumps of our own wording in MediaWiki's layout; no machine of the project reaches the real ones."""

from __future__ import annotations

import bz2
import gc
import gzip
import sys
import tracemalloc
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, MissingExtraError, UnknownNameError
from kivuko.languages import resolve
from kivuko.linked.documents import LinkedDocument, Reading
from kivuko.linked.mediawiki import MediaWikiDumps, database_of, pages, read_langlinks, read_site

SWAHILI, ENGLISH = resolve("sw"), resolve("en")
Page = tuple[int, str, str]


def export(language: str, content: list[Page], *, version: str = "0.11", namespaces: str = "") -> str:
    """A dump as MediaWiki writes it; pages of our own wording."""
    modern = version != "0.3"
    head = f"""<mediawiki xmlns="http://www.mediawiki.org/xml/export-{version}/" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="{version}" xml:lang="{language}">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    {f"<dbname>{language}wiki</dbname>" if modern else ""}
    <base>https://{language}.wikipedia.example/wiki/Main</base>
    <generator>MediaWiki 1.44.0-wmf.8</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="1" case="first-letter">Majadiliano</namespace>
      <namespace key="6" case="first-letter">Picha</namespace>
      <namespace key="10" case="first-letter">Kigezo</namespace>
      <namespace key="14" case="first-letter">Jamii</namespace>
    </namespaces>
  </siteinfo>
"""
    return head + "".join(_page(page, modern) for page in content) + "</mediawiki>\n"


def _page(page: Page, modern: bool) -> str:
    number, title, text = page
    prefixes = {"Majadiliano": 1, "Picha": 6, "Kigezo": 10, "Template": 10, "Jamii": 14}
    namespace = prefixes.get(title.partition(":")[0], 0)
    target = text.partition("[[")[2].partition("]]")[0] if text.startswith("#") else ""
    redirect = f'\n    <redirect title="{escape(target)}" />' if modern and target else ""
    ns = f"\n    <ns>{namespace}</ns>" if modern else ""
    model = "\n      <model>wikitext</model>\n      <format>text/x-wiki</format>" if modern else ""
    return f"""  <page>
    <title>{escape(title)}</title>{ns}
    <id>{number}</id>{redirect}
    <revision>
      <id>{number + 9000}</id>
      <parentid>8</parentid>
      <timestamp>2025-02-01T10:00:00Z</timestamp>
      <contributor>
        <username>Mwandishi</username>
        <id>77</id>
      </contributor>
      <comment>x</comment>{model}
      <text bytes="{len(text.encode())}" sha1="abc" xml:space="preserve">{escape(text)}</text>
      <sha1>abc</sha1>
    </revision>
  </page>
"""


SWAHILI_PAGES: list[Page] = [
    (1, "Kinu", "'''Kinu''' ni chombo cha mbao cha kutwanga nafaka.\n[[Jamii:Vyombo]]"),
    (2, "Mto", "'''Mto''' ni maji yanayotiririka kuelekea [[bahari]]."),
    (3, "Kivuko", "'''Kivuko''' ni chombo cha kuvusha watu na mizigo mtoni. Tazama [[Ngalawa|ngalawa]]."),
    (4, "Ngalawa", "#REDIRECT [[Kivuko]]"),
    (5, "Daraja", "'''Daraja''' laweza kumaanisha:\n* [[Daraja (jengo)]]\n{{maana}}"),
    (6, "Kigezo:Maana", "Ukurasa wa maana. __DISAMBIG__<noinclude>{{doc}}</noinclude>"),
    (7, "Kigezo:Kisanduku", "x <noinclude>__DISAMBIG__</noinclude>"),
    (8, "Majadiliano:Kinu", "Kinu ni nini?"),
    (9, "Jiwe", "'''Jiwe''' ni kitu kigumu sana kutoka ardhini.{{kisanduku}}"),
]
ENGLISH_PAGES: list[Page] = [
    (10, "Mortar", "A '''mortar''' is a bowl beside a [[Watercourse|river]] and a [[stone]]."),
    (20, "River", "A '''river''' is water that flows past a [[mortar]], a [[ferry]] and a [[Unicorn]]."),
    (21, "Watercourse", "#REDIRECT [[River]]"),
    (30, "Ferry", "A '''ferry''' carries people over a [[River#Banks|river]]."),
    (40, "Stone", "A '''stone''' is hard and lies in a [[river]]."),
    (50, "Bridge & gate", "A '''bridge''' spans."),
]
LINKS = """-- MySQL dump 10.19  Distrib 10.3.38-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: db1    Database: swwiki
-- ------------------------------------------------------
CREATE TABLE `langlinks` (
  `ll_from` int(8) unsigned NOT NULL DEFAULT 0,
  `ll_lang` varbinary(35) NOT NULL DEFAULT '',
  `ll_title` varbinary(255) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=binary;

/*!40000 ALTER TABLE `langlinks` DISABLE KEYS */;
INSERT INTO `langlinks` VALUES (1,'de','M\\'örser, (gro\\\\ß)'),(1,'en','Mortar'),(2,'en','Watercourse');
INSERT INTO `langlinks` VALUES (3,'en','Raft'),(5,'en','Bridge & gate'),(8,'en','Talk:Mortar');
/*!40000 ALTER TABLE `langlinks` ENABLE KEYS */;
-- Dump completed on 2025-02-01 10:00:00
"""


def two_dumps(folder: Path) -> MediaWikiDumps:
    swahili, english = folder / "swwiki-pages-articles.xml.bz2", folder / "enwiki-pages-articles.xml.bz2"
    swahili.write_bytes(bz2.compress(export("sw", SWAHILI_PAGES).encode()))
    text = export("en", ENGLISH_PAGES).encode()
    # A multistream dump is several bz2 streams, one after the other.
    english.write_bytes(bz2.compress(text[:700]) + bz2.compress(text[700:1500]) + bz2.compress(text[1500:]))
    (folder / "swwiki-langlinks.sql.gz").write_bytes(gzip.compress(LINKS.encode()))
    return MediaWikiDumps([english, swahili], [folder / "swwiki-langlinks.sql.gz"])


def test_articles_with_counterparts_and_links(tmp_path: Path) -> None:
    source, reading = two_dumps(tmp_path), Reading()
    found = {document.id: document for document in source.documents(SWAHILI, reading)}
    assert found["sw-1"] == LinkedDocument(
        "sw-1",
        "swa-Latn",
        "Kinu",
        "Kinu ni chombo cha mbao cha kutwanga nafaka.",
        {"eng-Latn": "en-10"},
    )
    assert found["sw-2"].counterparts == {"eng-Latn": "en-20"}  # through a redirect
    assert found["sw-3"].counterparts == {}
    assert found["sw-3"].links_to == ("sw-3",)  # by its own redirect
    assert list(found) == ["sw-1", "sw-2", "sw-3", "sw-9"]
    assert reading.documents.reasons == {
        "redirect": 1,
        "disambiguation page": 1,
        "page of another namespace": 3,
    }
    assert reading.counterparts.as_json() == {
        "before": 3,
        "after": 2,
        "dropped": {"no article has this title": 1},
    }
    assert reading.links.reasons == {"no article has this title": 1}


def test_links_go_through_redirects_and_sections(tmp_path: Path) -> None:
    source = two_dumps(tmp_path)
    links = {document.id: document.links_to for document in source.documents(ENGLISH, Reading())}
    assert links == {
        "en-10": ("en-20", "en-40"),
        "en-20": ("en-10", "en-30"),
        "en-30": ("en-20",),
        "en-40": ("en-20",),
        "en-50": (),
    }


def test_old_dumps_have_their_links_in_the_text(tmp_path: Path) -> None:
    old = [
        (1, "Kinu", "'''Kinu''' ni chombo.\n[[en:mortar]]\n[[de:Mörser]]"),
        (2, "Kinu cha mbao", "#ELEKEZA [[kinu]]"),
        (3, "Majadiliano:Kinu", "Kinu?"),
        (4, "Mto", "Ona [[kinu cha mbao]]."),
    ]
    (tmp_path / "old.xml").write_text(export("sw", old, version="0.3"), encoding="utf-8")
    (tmp_path / "en.xml").write_text(export("en", ENGLISH_PAGES), encoding="utf-8")
    reading = Reading()
    source = MediaWikiDumps([tmp_path / "old.xml", tmp_path / "en.xml"])
    found = list(source.documents(SWAHILI, reading))
    assert [(each.id, dict(each.counterparts), each.links_to) for each in found] == [
        ("sw-1", {"eng-Latn": "en-10"}, ()),
        ("sw-4", {}, ("sw-1",)),
    ]
    assert found[0].text == "Kinu ni chombo."
    assert reading.documents.reasons == {"redirect": 1, "page of another namespace": 1}


def test_redirects_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    circle = [(1, "A", "#REDIRECT [[B]]"), (2, "B", "#REDIRECT [[A]]"), (3, "C", "See [[a]].")]
    (tmp_path / "x.xml").write_text(export("en", circle), encoding="utf-8")
    reading = Reading()
    (only,) = MediaWikiDumps([tmp_path / "x.xml"]).documents(ENGLISH, reading)
    assert only.links_to == ()
    assert reading.links.reasons == {"no article has this title": 1}


def test_langlinks_escapes_and_prefixes(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_text(LINKS, encoding="utf-8")
    assert database_of(path) == "swwiki"
    assert read_langlinks(path, {"de"}, DropReport()) == {"1": {"de": "M'örser, (gro\\ß)"}}
    report = DropReport()
    row = b"INSERT INTO `langlinks` VALUES (1,'en','It\\'s'),(2,'en','\xc3'),(3,'en','');\n"
    path.write_bytes(LINKS.encode() + row)
    assert read_langlinks(path, {"en"}, report)["1"] == {"en": "It's"}
    assert report.reasons == {"title that is not UTF-8": 1, "empty title": 1}


@pytest.mark.parametrize("row", ["(1,'en','Half", "(1,'en','A'),(2,'en');", "(1,'en','A')", "(1,'en','A'),;"])
def test_a_ragged_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "x.sql"
    head = LINKS.partition("INSERT INTO")[0]
    path.write_text(f"{head}INSERT INTO `langlinks` VALUES {row}\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"x\.sql:{len(head.splitlines()) + 1}"):
        read_langlinks(path, {"en"}, DropReport())


def test_links_of_another_wiki_are_refused(tmp_path: Path) -> None:
    two_dumps(tmp_path)
    path = tmp_path / "rw.sql"
    path.write_text("-- Host: h    Database: rwwiki\n", encoding="utf-8")
    with pytest.raises(InputError, match="rwwiki"):
        MediaWikiDumps([tmp_path / "swwiki-pages-articles.xml.bz2"], [path])
    path.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(InputError, match="Database: swwiki"):
        database_of(path)


def read_all(path: Path) -> None:
    for _ in pages(read_site(path)):
        pass


def test_damaged_dumps_name_file_and_line(tmp_path: Path) -> None:
    text = export("sw", SWAHILI_PAGES)
    path = tmp_path / "x.xml"
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.xml:\d+"):
        read_all(path)
    path.write_bytes(text.encode().replace(b"kutwanga", b"kut\xffanga"))
    with pytest.raises(InputError, match=r"x\.xml:\d+"):
        read_all(path)
    zipped = tmp_path / "x.xml.bz2"
    zipped.write_bytes(bz2.compress(text.encode())[:-40])
    with pytest.raises(InputError, match=r"damaged or cut short"):
        read_all(zipped)
    path.write_text("no XML at all", encoding="utf-8")
    with pytest.raises(InputError, match="not a MediaWiki dump"):
        read_all(path)
    zipped.write_bytes(b"no bzip2")
    with pytest.raises(InputError, match=r"damaged or cut short"):
        read_all(zipped)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("<html></html>", "not a MediaWiki dump"),
        ('<mediawiki xml:lang="sw"><page/></mediawiki>', "not a MediaWiki dump"),
        ("<mediawiki><siteinfo/></mediawiki>", "not a MediaWiki dump"),
        ('<mediawiki xml:lang="sw"><siteinfo/><page><title>A</title></page></mediawiki>', "lacks its title"),
        (
            '<mediawiki xml:lang="sw"><siteinfo/><page><title>A</title><id>1</id><revision/><revision/></page>'
            "</mediawiki>",
            "several revisions",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, what: str) -> None:
    (tmp_path / "x.xml").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=what):
        read_all(tmp_path / "x.xml")


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = two_dumps(tmp_path)
    monkeypatch.setitem(sys.modules, "mwxml", None)
    with pytest.raises(MissingExtraError, match=r"mwxml[\s\S]*kivuko\[data\]"):
        next(source.documents(ENGLISH, Reading()))


def test_languages_of_dumps(tmp_path: Path) -> None:
    for name, language in (("a.xml", "sw"), ("b.xml", "sw"), ("c.xml", "xx")):
        (tmp_path / name).write_text(export(language, []), encoding="utf-8")
    with pytest.raises(InputError, match="two dumps"):
        MediaWikiDumps([tmp_path / "a.xml", tmp_path / "b.xml"])
    with pytest.raises(UnknownNameError, match="xx"):
        MediaWikiDumps([tmp_path / "c.xml"])
    with pytest.raises(InputError, match="none of the dumps is in English"):
        next(MediaWikiDumps([tmp_path / "a.xml"]).documents(ENGLISH, Reading()))


def peak_of_reading(path: Path, count: int) -> int:
    text = "A mill turns in the river, and grinds. " * 1000
    path.write_text(export("en", [(n, f"P{n}", text) for n in range(count)]), encoding="utf-8")
    source = MediaWikiDumps([path])
    gc.collect()
    tracemalloc.start()
    assert sum(1 for _ in source.documents(ENGLISH, Reading())) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_dump(tmp_path: Path) -> None:
    peak_of_reading(tmp_path / "x.xml", 1)  # caches of patterns and words
    assert peak_of_reading(tmp_path / "x.xml", 80) < 1.3 * peak_of_reading(tmp_path / "x.xml", 20)
