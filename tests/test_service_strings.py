"""The page's words in other languages: which of a program's translations is taken, and that it says whose it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from kivuko.collections.bitext import Pair, RawPairs
from kivuko.engine import Engine
from kivuko.languages import Language, resolve
from kivuko.public.catalogues import GETTEXT
from kivuko.service import strings
from kivuko.service.app import create_app
from kivuko.service.settings import Settings
from kivuko.service.strings import PublicString, interface_strings
from service import DOCUMENTS, ask


@dataclass
class Program:
    """Stands for a program: its messages by language, English → translations."""

    name: str
    licence: str
    messages: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def covers(self, language: Language) -> bool:
        return language.short in self.messages

    def packages(self, language: Language) -> tuple[str, ...]:
        return (self.name,)

    def read(self, language: Language, source_folder: Path | None = None) -> RawPairs:
        pairs = [Pair(f"{self.name}:{key}", english, said, self.name)
                 for key, english, said in self.messages[language.short]]  # fmt: skip
        return RawPairs(self.name, self.licence, {}, pairs)


def said(monkeypatch: pytest.MonkeyPatch, *programs: Any) -> dict[str, dict[str, PublicString]]:
    monkeypatch.setattr(strings, "SOURCES", programs)
    return interface_strings(map(resolve, ("en", "om", "ur", "am")))


def test_what_is_looked_for_are_texts_of_the_page() -> None:
    script = resources.files("kivuko.service").joinpath("page/page.js").read_text(encoding="utf-8")
    texts = re.search(r"const TEXT = \{(.*?)\n\};", script, re.DOTALL)
    assert texts
    names = re.findall(r'(?:^|, )\s*(\w+): "', texts[1], re.MULTILINE)
    assert len(names) > 40
    assert set(strings._SAID) <= set(names)
    # The page shows no word that it has not from there.
    page = resources.files("kivuko.service").joinpath("page/index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'data-text="(\w+)"', page)) <= set(names)
    assert set(re.findall(r'\bsay\("(\w+)"', script)) <= set(names)


def test_a_text_has_a_program_and_a_licence_and_the_first_program_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Program("mediawiki", "GPL-2.0-or-later", {
        "om": [("languages/i18n:searchbutton", "Search", "Barbaadi"), ("x", "None", "Homaa")],
        "ur": [("y", "Dictionary", "لغت")],
    })  # fmt: skip
    second = Program("django", "BSD-3-Clause", {
        "om": [("a", "Search", "Soqi"), ("b", "_Details…", "_Bal'ina…"), ("c", "Compare:", "Waliin qabi:")],
        "am": [("a", "~Search", "~ፈልግ")],
    })  # fmt: skip
    found = said(monkeypatch, first, second)
    assert found == {
        "om": {
            "search": PublicString("Barbaadi", "mediawiki", "GPL-2.0-or-later"),
            "alone": PublicString("Homaa", "mediawiki", "GPL-2.0-or-later"),
            "table": PublicString("Bal'ina", "django", "BSD-3-Clause"),
            "beside": PublicString("Waliin qabi", "django", "BSD-3-Clause"),
        },
        # Urdu has nothing for "search": a page of which one word is translated is English.
        "am": {"search": PublicString("ፈልግ", "django", "BSD-3-Clause")},
    }


def test_of_several_the_most_frequent_and_none_that_is_not_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program("p", "MIT", {
        "om": [
            ("1", "Search", "Iyyaafadhu"), ("2", "Search", "Barbaadi"), ("3", "search …", "Barbaadi"),
            ("4", "Default", "Durtii %s"), ("5", "None", "{0}"), ("6", "Details", "Details"), ("7", "Words", ""),
        ],
    })  # fmt: skip
    assert said(monkeypatch, program) == {"om": {"search": PublicString("Barbaadi", "p", "MIT")}}


def test_what_fits_better_comes_before_what_an_earlier_program_says(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Program("first", "MIT", {"om": [("1", "Search", "Barbaadi"), ("2", "More", "Dabalata")]})
    second = Program("second", "MIT", {"om": [("1", "Show more", "Dabalata agarsiisi")]})
    assert said(monkeypatch, first, second)["om"]["passage"].text == "Dabalata agarsiisi"


def test_a_text_of_one_of_many_packages_has_that_ones_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair("gettext:epiphany-browser-data:om:epiphany:7", "Search", "Barbaadi", "gettext")
    monkeypatch.setattr(type(GETTEXT), "covers", lambda self, language: language.short == "om")
    monkeypatch.setattr(
        type(GETTEXT), "read", lambda self, language: RawPairs("gettext", "several", {}, [pair])
    )
    found = said(monkeypatch, GETTEXT)["om"]["search"]
    assert found == PublicString("Barbaadi", "epiphany-browser-data", "GPL-3.0-or-later")


@pytest.mark.network
@pytest.mark.slow
def test_public_translations_of_the_real_packages() -> None:
    found = interface_strings(map(resolve, ("en", "om", "km", "am", "ur")))
    assert set(found) == {"om", "km", "am", "ur"}
    for own in found.values():
        assert len(own) >= 20
        assert all(each.text and each.source and each.licence for each in own.values())
    assert found["om"]["search"] == PublicString("Barbaadi", "mediawiki", "GPL-2.0-or-later")


def test_the_page_is_told_whose_each_text_is(tmp_path: Path) -> None:
    engine = Engine.create(tmp_path / "engine", DOCUMENTS, kind="lexical")
    own = {"om": {"search": PublicString("Barbaadi", "mediawiki", "GPL-2.0-or-later")}}
    told = ask(create_app(engine, Settings(), own), "GET", "/page/strings.json")
    expected = {"text": "Barbaadi", "source": "mediawiki", "licence": "GPL-2.0-or-later"}
    assert told.json == {"om": {"search": expected}}
    assert ask(create_app(engine, Settings()), "GET", "/page/strings.json").json == {}
