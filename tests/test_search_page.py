"""The search page in headless Chromium, over a service that listens and a real engine."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from kivuko.codeswitch import Lexicon
from kivuko.engine import Engine
from kivuko.engine.languages import LanguageParts
from kivuko.languages import resolve
from kivuko.service.strings import PublicString
from service import DICTIONARIES, DOCUMENTS, lexical_engine, served
from tiny import made_up_pairs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

#: What MediaWiki's translators might say.
SAID = {
    "ur": {"search": "تلاش", "language": "زبان", "guess": "خودکار", "nothing": "کچھ نہیں ملا"},
    "om": {"search": "Barbaadi", "dictionary": "Galmee jechootaa"},
}
STRINGS = {
    short: {name: PublicString(text, "mediawiki", "GPL-2.0-or-later") for name, text in own.items()}
    for short, own in SAID.items()
}
SIZES = ((320, 800), (1200, 900))


class Page:
    """A browser on the page of a service."""

    def __init__(self, driver: Any, port: int) -> None:
        self.driver, self.address = driver, f"http://127.0.0.1:{port}/"

    def open(self, **asked: str) -> Page:
        """Open a search, with nothing left of the one before, and wait for what comes."""
        self.driver.get(f"{self.address}?{urlencode(asked)}" if asked else self.address)
        return self.wait(lambda: self.shown("#message, .hit") and not self.all("#results.waiting"))

    def wait(self, until: Callable[[], Any], seconds: float = 20) -> Page:
        WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: until())
        return self

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def shown(self, selector: str) -> list[Any]:
        return [each for each in self.all(selector) if each.is_displayed()]

    def texts(self, selector: str) -> list[str]:
        return [each.get_attribute("textContent") for each in self.all(selector)]

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def network(self, **conditions: Any) -> None:
        rates = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", rates | conditions)

    def quiet(self) -> None:
        """Nothing was complained of: no error of a script, nothing that the security policy refused."""
        wrong = [each for each in self.driver.get_log("browser") if "favicon" not in each["message"]]
        assert not wrong


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    started.execute_cdp_cmd("Network.enable", {})
    yield started
    started.quit()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return lexical_engine(tmp_path_factory.mktemp("page") / "engine")


@pytest.fixture(scope="module")
def port(engine: Engine) -> Iterator[int]:
    with served(engine, strings=STRINGS) as number:
        yield number


@pytest.fixture
def page(driver: Any, port: int) -> Iterator[Page]:
    driver.set_window_size(*SIZES[1])
    driver.get_log("browser")
    yield Page(driver, port)
    Page(driver, port).network()
    driver.execute_script("localStorage.clear()")


@pytest.mark.parametrize("language", DICTIONARIES)
def test_a_search_by_keyboard_alone(page: Page, language: str, engine: Engine) -> None:
    word, english = list(DICTIONARIES[language].items())[3]  # page
    page.open()
    page.one("body").send_keys("/")  # goes to the box
    assert page.driver.switch_to.active_element.get_attribute("id") == "query"
    page.driver.switch_to.active_element.send_keys(word, Keys.ENTER)
    page.wait(lambda: page.all(".hit"))
    assert page.texts(".hit h3")[0] == "1.Printing a page"
    assert engine.language(language).name in page.one("#language option:checked").text  # guessed, and said
    # The next stops are the three choices, then the query's words.
    for _ in range(5):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
    focused = page.driver.switch_to.active_element
    assert (focused.get_attribute("class"), focused.text) == ("word lit", word)
    assert {each.lower() for each in page.texts("mark.lit")} == {english}
    focused.send_keys(Keys.ENTER)
    focused.send_keys(Keys.TAB)
    assert page.texts("mark.lit")  # pressed, it stays
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.texts("mark.lit")
    page.quiet()


def test_an_address_is_a_search_and_going_back_is_the_one_before(page: Page) -> None:
    page.open(query="faayilii")
    Select(page.one("#language")).select_by_value("en")
    page.wait(lambda: page.shown("#message"))
    assert page.driver.current_url.endswith("?query=faayilii&language=en")
    page.driver.back()
    page.wait(lambda: page.all(".hit"))
    assert page.one("#query").get_attribute("value") == "faayilii"
    assert page.one("#language").get_attribute("value") == ""
    page.open(query="faayilii", language="om", by="lexicon-bm25", beside="bm25")
    assert [page.one(f"#{name}").get_attribute("value") for name in ("language", "by", "beside")] == [
        "om", "lexicon-bm25", "bm25",
    ]  # fmt: skip


def test_pointing_at_a_word_lights_what_it_met_the_more_similar_the_stronger(page: Page) -> None:
    page.open(query="fuula banuu", language="om")
    for word, met in (("fuula", "page"), ("banuu", "open")):
        (button,) = [each for each in page.all(".word") if each.text == word]
        webdriver.ActionChains(page.driver).move_to_element(button).perform()
        assert {each.lower() for each in page.texts("mark.lit")} == {met}
        strength = "return arguments[0].style.getPropertyValue('--strength')"
        strengths = {page.run(strength, mark) for mark in page.all("mark.lit")}
        assert strengths == {"1" if word == "fuula" else "0.75"}
    table = page.all(".hit details")[0]
    table.find_element(By.TAG_NAME, "summary").click()
    cells = [each.text for each in table.find_elements(By.CSS_SELECTOR, "tbody td")]
    assert cells == ["banuu", "open", "0.75"]
    page.quiet()


@pytest.mark.parametrize(
    ("language", "entries", "query", "lit"),
    [
        # A phrase, with a word of it by itself elsewhere in the query.
        ("om", {"fuula tokko": "one page", "fuula": "page"}, "fuula maxxansuu fuula tokko",
         {"fuula": {"page"}, "fuula tokko": {"one ", "page"}}),
        ("am", {"አንድ ገጽ": "one page"}, "እባክህ አንድ ገጽ", {"አንድ ገጽ": {"one page"}}),
        ("ur", {"ایک صفحہ": "one page"}, "براہ کرم ایک صفحہ", {"ایک صفحہ": {"one page"}}),
        # Words in a row without spaces, the first and the last unknown; two written characters, and more.
        ("km", {"បោះពុម្ព": "print", "ទំព័រ": "page"}, "ខ្ញុំបោះពុម្ពទំព័រនេះ",
         {"បោះពុម្ព": {"print"}, "ទំព័រ": {"page"}}),
        ("th", {"พิมพ์": "print", "หน้าเดียว": "one page"}, "ฉันพิมพ์หน้าเดียวนะ",
         {"พิมพ์": {"print"}, "หน้าเดียว": {"one page"}}),
        ("zh-Hans", {"打印": "print", "一页": "one page"}, "请打印一页吧", {"打印": {"print"}, "一页": {"one page"}}),
    ],
)  # fmt: skip
def test_phrases_and_words_without_spaces_between_them_are_lit_where_they_stand(
    driver: Any,
    page: Page,
    tmp_path: Path,
    language: str,
    entries: dict[str, str],
    query: str,
    lit: dict[str, set[str]],
) -> None:
    words = Engine.create(tmp_path / "engine", DOCUMENTS, kind="lexical")
    meant = {foreign: {english: 1.0} for foreign, english in entries.items()}
    words.add_language(language, LanguageParts(lexicon=Lexicon(resolve(language), meant)))
    with served(words) as port:
        own = Page(driver, port).open(query=query, language=language)
        own.all(".hit .actions button")[0].click()  # the whole document
        own.wait(lambda: len(own.all(".hit .actions")) < len(own.all(".hit")))
        assert own.one("#words").text == query
        assert {each.text for each in own.all(".word")} == set(lit)
        for word, met in lit.items():
            (button, *_) = [each for each in own.all(".word") if each.text == word]
            webdriver.ActionChains(driver).move_to_element(button).perform()
            assert {each.lower() for each in own.texts("mark.lit")} == met
        own.quiet()


def test_a_word_lights_what_it_met_by_itself_and_in_a_phrase(driver: Any, page: Page, tmp_path: Path) -> None:
    words = Engine.create(tmp_path / "engine", DOCUMENTS, kind="lexical")
    phrases = Lexicon(resolve("om"), {"all pages": {"one page": 1.0}, "all": {"print": 0.5}})
    words.add_language("om", LanguageParts(lexicon=phrases))
    with served(words) as port:
        own = Page(driver, port).open(query="all pages", language="om", beside="bm25")
        assert [each.text for each in own.all(".word")] == ["all", "pages"]
        webdriver.ActionChains(driver).move_to_element(own.all(".word")[1]).perform()
        for number, met in ((1, ["one page"]), (2, ["pages"])):
            assert own.texts(f".list:nth-child({number}) mark.lit") == met
        own.quiet()


def test_hostile_documents_and_queries_are_text(page: Page) -> None:
    page.open(query="<img src=x onerror=alert(1)>", language="en")
    assert page.texts(".hit h3") == ["1.<img src=x onerror=alert(1)>"]
    assert page.texts(".hit .text") == ["<script>alert('page')</script> & \"a\" \u202eback"]
    page.one(".hit button").click()
    page.wait(lambda: not page.all(".hit button"))
    assert not page.all("#results img, #results script, #words img")
    page.quiet()


def test_two_retrievers_side_by_side(driver: Any, page: Page, tmp_path: Path, tiny_teacher: Path) -> None:
    """Places in one list and the other are those of the engine's own searches."""
    from kivuko.engine.state import Way

    vectors = Engine.create(tmp_path / "engine", DOCUMENTS, model=tiny_teacher)
    vectors.add_language("om", LanguageParts(pairs=made_up_pairs(60), student=tiny_teacher))
    words = "open file page"
    first, second = (
        [hit.id for hit in vectors.search(words, language="om", way=Way(method, reader))]
        for method, reader in (("late-interaction", "student"), ("fusion", "student"))
    )
    with served(vectors) as port:
        side = Page(driver, port)
        side.open(query=words, language="om", by="late-interaction/student", beside="fusion")
        lists = [
            [each.get_attribute("data-id") for each in found.find_elements(By.CSS_SELECTOR, ".hit")]
            for found in side.all(".list")
        ]
        assert lists == [first, second]
        moves = side.texts(".list:last-child .moved")
        for rank, (name, said) in enumerate(zip(second, moves, strict=True)):
            before = first.index(name)
            sign = "=" if before == rank else "▲" if before > rank else "▼"
            assert said.startswith(sign)
        assert set(side.texts(".list h2")) == {"trained model", "model and words together"}
        chosen = [option.get_attribute("value") for option in Select(side.one("#by")).options]
        models = {"late-interaction/teacher", "late-interaction/student", "fusion"}
        assert set(chosen) == {"", *models, "lexicon-bm25", "bm25"}
        side.quiet()


def test_where_nothing_is_found_it_offers_what_to_do_next(page: Page) -> None:
    page.open(query="maxxansuu", language="om", by="bm25")
    assert page.one("#message-title").text == "There were no results matching the query."
    page.one("#message-actions button").click()  # the dictionary
    page.wait(lambda: page.all(".hit"))
    assert "by=lexicon-bm25" in page.driver.current_url


def test_what_the_service_refuses_is_shown_with_what_to_do(page: Page) -> None:
    page.open(query="x", language="sw")
    shown = page.one("#message-text").text
    assert "does not know Swahili" in shown
    assert "Expected:" in shown
    assert "What to do:" in shown


def test_offline_it_says_so_and_goes_on_by_itself(page: Page) -> None:
    page.open(query="fuula")
    page.network(offline=True)
    page.one("#query").send_keys(Keys.END, " faayilii", Keys.ENTER)
    page.wait(lambda: page.one("#message-title").text == "The service cannot be reached")
    page.network()
    page.wait(lambda: page.all(".hit"))
    assert page.one("#query").get_attribute("value") == "fuula faayilii"


def test_a_slow_search_can_be_stopped(page: Page) -> None:
    page.open(query="fuula")
    page.network(latency=6000)
    page.one("#query").send_keys(Keys.ENTER)
    page.wait(lambda: page.shown("#message-actions button"))
    assert "longer than usual" in page.one("#message-text").text
    page.one("#message-actions button").click()
    assert page.one("#message-title").text == "The search was stopped."
    page.network()
    page.one("#message-actions button").click()
    page.wait(lambda: page.all(".hit") and not page.shown("#message"))


def test_a_busy_service_is_asked_again_when_it_said(page: Page) -> None:
    page.open()
    page.run(
        """const real = fetch; let asked = 0; window.times = [];
        window.fetch = (path, options) => { if (path !== "v1/search") return real(path, options);
          times.push(performance.now());
          return ++asked > 1 ? real(path, options) : Promise.resolve(new Response(JSON.stringify({status: 503}),
            {status: 503, headers: {"Retry-After": "2"}})); };"""
    )
    page.one("#query").send_keys("fuula", Keys.ENTER)
    page.wait(lambda: "2" in page.one("#message-text").text)
    page.wait(lambda: page.all(".hit"))
    first, second = page.run("return times")
    assert second - first > 1900


def test_the_pages_own_language_and_direction_can_be_chosen(page: Page) -> None:
    page.open(query="صفحہ")
    assert page.run("return document.documentElement.dir || 'ltr'") == "ltr"
    Select(page.one("#interface")).select_by_value("ur")
    page.wait(lambda: page.run("return document.documentElement.dir") == "rtl")
    assert page.one("#form button").text == "تلاش"
    assert page.run("return document.documentElement.lang") == "ur"
    assert page.one("#credits").text == "Translations: \u2068mediawiki (GPL-2.0-or-later)\u2069"
    assert page.one("#language option:checked").text.startswith("خودکار")
    assert page.one("#asked .hint").text.startswith("Point at a word")  # what is not translated is English
    page.open(query="صفحہ")  # it is remembered
    assert page.one("#form button").text == "تلاش"
    page.open(query="zzz", language="ur")
    assert page.one("#message-title").text == "کچھ نہیں ملا"
    Select(page.one("#interface")).select_by_value("om")
    page.wait(lambda: page.one("#form button").text == "Barbaadi")
    assert page.run("return document.documentElement.dir") == "ltr"
    page.open(query="fuula")
    assert page.texts(".list h2") == ["Galmee jechootaa"]
    Select(page.one("#interface")).select_by_value("en")
    page.wait(lambda: page.one("#form button").text == "Search")
    assert not page.shown("#credits")


def test_nothing_comes_from_elsewhere(page: Page) -> None:
    page.open(query="fuula")
    loaded = page.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert len(loaded) >= 4
    assert all(name.startswith(page.address) for name in loaded)


STATES: dict[str, dict[str, str]] = {
    "start": {},
    "results": {"query": "fuula maxxansuu faayilii"},
    "two lists": {"query": "ឯកសារ ទំព័រ", "beside": "bm25"},
    "right to left": {"query": "صفحہ چھاپیں"},
    "nothing": {"query": "zzz"},
    "failure": {"query": "x", "language": "sw"},
}


@pytest.mark.network
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_against_wcag_aa_and_nothing_is_wider_than_the_window(
    page: Page, scheme: str
) -> None:
    from kivuko.packages import fetch_npm

    axe = (fetch_npm("axe-core") / "axe.min.js").read_text(encoding="utf-8")
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    found = []
    for width, height in SIZES:
        page.driver.set_window_size(width, height)
        for name, asked in STATES.items():
            page.open(**asked)
            for each in page.all("details summary")[:1]:
                each.click()
            for each in page.all(".word")[:1]:
                each.click()
            page.run(axe)
            tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
            result = page.driver.execute_async_script(
                "const [tags, done] = arguments; axe.run(document, {runOnly: tags}).then(done)", tags
            )
            found += [
                (name, width, each["id"], [node["html"][:120] for node in each["nodes"]])
                for each in result["violations"]
            ]
            assert len(result["passes"]) > 10
            if page.run("return document.documentElement.scrollWidth > innerWidth"):
                found.append((name, width, "too wide", []))
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def test_a_change_of_documents_is_found_without_loading_the_page_again(page: Page, engine: Engine) -> None:
    from kivuko.collections.document import Document

    page.open(query="zebra", language="en")
    assert page.shown("#message")
    engine.add([Document("zebra", "Zebra", "A zebra.")])
    try:
        time.sleep(0.05)
        page.one("#query").send_keys(Keys.ENTER)
        page.wait(lambda: page.all(".hit"))
    finally:
        engine.delete(["zebra"])
