from __future__ import annotations

import pytest

from kivuko.languages import resolve
from kivuko.linked.documents import LinkedDocument
from kivuko.linked.queries import MutualLinks, first_sentence, query_of, without_title

SWAHILI, KHMER, THAI, HINDI = (resolve(code) for code in ("sw", "km", "th", "hi"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kinu ni chombo. Ni cha mbao.", "Kinu ni chombo."),
        ("Historia\nKinu ni chombo cha zamani.", "Kinu ni chombo cha zamani."),
        (
            "It was built by J. K. Mushi in St. Louis. Later it fell.",
            "It was built by J. K. Mushi in St. Louis.",
        ),
        ("Ca. 300 years ago, on 12. Mai 1720. New.", "Ca. 300 years ago, on 12. Mai 1720."),
        ("Hau eskola da. Hori ez.", "Hau eskola da."),
        ("The mill (it is old. Very old.) turns. It grinds.", "The mill (it is old. Very old.) turns."),
        ("Is it old? Yes.", "Is it old?"),
        ("No end", None),
        ("", None),
    ],
)
def test_first_sentence(text: str, expected: str | None) -> None:
    assert first_sentence(text, SWAHILI) == expected


def test_other_full_stops_and_none() -> None:
    assert first_sentence("यह चक्की है। वह नदी है।", HINDI) == "यह चक्की है।"
    thai = "โรงสีข้าวเป็นสถานที่สำหรับสีข้าว"
    assert first_sentence(thai, THAI) == thai


def test_the_titles_words_go() -> None:
    sentence = "Kinu (kwa Kiingereza: mortar) ni chombo cha kinu, cha mbao."
    assert (
        without_title(sentence, "Kinu (chombo)", SWAHILI)
        == "(kwa Kiingereza: mortar) ni chombo cha cha mbao."
    )
    assert without_title("ម៉ាស៊ីន\u200bគឺជា\u200bឧបករណ៍។", "ម៉ាស៊ីន", KHMER).startswith("គឺជា")


def test_query_kinds() -> None:
    document = LinkedDocument("a", "swa-Latn", "Kinu", "Kinu ni chombo cha mbao. Ni kizuri.")
    assert query_of(document, "title", SWAHILI) == "Kinu"
    assert query_of(document, "first-sentence", SWAHILI) == "ni chombo cha mbao."


def test_mutual_links() -> None:
    links = MutualLinks({"mill", "river"})
    links.add("mill", ["river", "stone", "mill", "ghost"])
    links.add("river", ["mill", "mill"])
    links.add("stone", ["mill", "boat"])
    links.add("boat", ["stone", "river"])  # boat and stone are mutual, but nobody asked
    assert sorted(links.pairs()) == [("mill", "river"), ("mill", "stone"), ("river", "mill")]
    assert list(MutualLinks(set()).pairs()) == []
