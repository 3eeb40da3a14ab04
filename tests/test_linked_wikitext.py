from __future__ import annotations

import string
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.errors import MissingExtraError
from kivuko.linked.wikitext import read_wikitext

NAMESPACES = {"file": 6, "image": 6, "picha": 6, "category": 14, "jamii": 14, "media": -2, "wikipedia": 4}


def text_of(source: str) -> str:
    return read_wikitext(source, NAMESPACES).text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'''Mto''' ni ''maji''.", "Mto ni maji."),
        ("A [[ferry]] and [[rope bridge|bridges]] and [[dog]]s.", "A ferry and bridges and dogs."),
        ("{{Infobox|a={{b|c}}|d=[[e]]|}}The mill.", "The mill."),
        ('{| class="wikitable"\n! x\n|-\n| {{y|z}} || w\n|}\nThe mill.', "The mill."),
        ("{|\n|a\n{|\n|inner\n|}\n|b\n|}\nAfter.", "After."),
        ("Grain<ref name=a/> is<ref>Page 3, {{cite|x}}.</ref> ground.", "Grain is ground."),
        ("[[Picha:Mill.jpg|thumb|A [[mill]] at work]]The mill.", "The mill."),
        ("The mill.\n[[Jamii:Mills]]\n[[Category:Old]]", "The mill."),
        ("See [[:Category:Mills]].", "See Category:Mills."),
        ("== History ==\nOld.", "History\nOld."),
        ("A<!-- not\nshown --> mill&nbsp;stone &amp; wheel.", "A mill stone & wheel."),
        ("<nowiki>[[not a link]] '''x'''</nowiki> stays.", "[[not a link]] '''x''' stays."),
        ("* one\n** two\n# three\n: four", "one\ntwo\nthree\nfour"),
        ("[https://mill.example the mill] and [//mill.example].", "the mill and ."),
        ("The '''Ruvu''' ({{lang|en|Ruvu River}}) flows.", "The Ruvu flows."),
        ("The '''Ruvu''' ({{lang|en|Ruvu River}}, a river) flows.", "The Ruvu (a river) flows."),
        ("x<sup>2</sup><br/>y __NOTOC__", "x2 y"),
        ("An {{unclosed template and a sentence.", "An unclosed template and a sentence."),
        ("Closed }} too often ]].", "Closed too often ."),
        ("An [[unclosed link, {{gone}}and [[mill]].", "An unclosed link, and mill."),
    ],
)
def test_wikitext_becomes_running_text(source: str, expected: str) -> None:
    assert text_of(source) == expected


def test_links_are_those_of_the_sentences() -> None:
    source = (
        "{{Navbox|[[hidden]]}}[[a mill]] [[Rope_bridge#Use|bridge]] [[#Use]] [[Wikipedia:Help|help]] "
        "[[Picha:x.jpg|of a [[ferry]]]] [[:sw:Kinu]] [[Star: a play]]\n[[sw:Kinu]]\n[[zh-min-nan:Bō-á]]"
    )
    page = read_wikitext(source, NAMESPACES)
    assert page.links == ("a mill", "Rope bridge", "ferry", "Star: a play")
    assert page.interlanguage == {"sw": "Kinu", "zh-min-nan": "Bō-á"}
    assert "zh-min-nan" not in page.text


def test_a_list_is_mostly_items() -> None:
    items = "\n".join(f"* [[Mill {number}]]" for number in range(10))
    assert read_wikitext(items, NAMESPACES).is_list
    assert not read_wikitext(items.replace("* [[Mill 3]]\n", ""), NAMESPACES).is_list
    assert not read_wikitext(f"{items}\n" + "A line of text.\n" * 3, NAMESPACES).is_list


def test_template_names() -> None:
    page = read_wikitext("{{ maana }} {{Disambig|x}} {{a\n|b={{c}}}}", NAMESPACES)
    assert page.templates == ("maana", "Disambig", "a", "c")


@given(st.text(alphabet="[]{}|'=*:<>ab \n", max_size=80))
def test_any_wikitext_can_be_read(source: str) -> None:
    page = read_wikitext(source, NAMESPACES)
    assert all(line.strip() for line in page.text.splitlines())
    letters = set(string.ascii_letters)
    assert len(letters & set(page.text)) <= len(letters & set(source))


def test_deep_nesting_is_read_in_one_pass() -> None:
    assert text_of("{{a" * 30 + "}}" * 30 + "End.") == "End."
    assert text_of("{{a" * 20_000 + "}}" * 20_000 + "End.").endswith("End.")  # the parser goes 40 levels deep
    assert text_of("[[" * 20_000 + "x").endswith("x")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mwparserfromhell", None)
    with pytest.raises(MissingExtraError, match=r"mwparserfromhell[\s\S]*kivuko\[data\]"):
        text_of("The mill.")
