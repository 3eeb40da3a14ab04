"""The pictures of docs/serving.md: the search page in headless Chromium, in five languages of both directions.

    python bench/search_page.py [--folder docs/images]

Needs Chromium with its driver and fonts (``make test-browser`` installs them), and the extras ``serve`` and ``dev``.
The documents and dictionaries are of our own wording; the page's words are the public ones, as with ``--localise``.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from selenium import webdriver
from selenium.webdriver.common.by import By

from kivuko import Engine
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine.languages import LanguageParts
from kivuko.languages import resolve
from kivuko.service.server import make_server
from kivuko.service.settings import Settings
from kivuko.service.strings import interface_strings

DOCUMENTS = [
    Document("open", "Opening a file", "Choose File - Open and pick the file that you want to see.", {"year": 2020}),
    Document(
        "print", "Printing a page",
        "Choose File - Print. The printer prints one page, some pages or all of them. To save paper, print two pages "
        "on each side of a sheet.", {"year": 2021},
    ),
    Document(
        "table", "Tables",
        "Insert a table, then type into its cells. A table that is longer than a page goes on at the top of the next "
        "page, and repeats its heading there.", {"year": 2021},
    ),
    Document(
        "margin", "Margins of a page",
        "Choose Format - Page and give the space that is left at each side of the page when it is printed.",
        {"year": 2022},
    ),
    Document("save", "Saving a file", "A new file has no name. Save it, and give it one.", {"year": 2022}),
]  # fmt: skip
ENGLISH = ("file", "open", "print", "page", "table", "new file")
WORDS = {
    "om": ("faayilii", "banuu", "maxxansuu", "fuula", "gabatee", "faayilii haaraa"),
    "km": ("ឯកសារ", "បើក", "បោះពុម្ព", "ទំព័រ", "តារាង", "ឯកសារថ្មី"),
    "am": ("ፋይል", "ክፈት", "አትም", "ገጽ", "ሠንጠረዥ", "አዲስ ፋይል"),
    "ur": ("فائل", "کھولیں", "چھاپیں", "صفحہ", "جدول", "نئی فائل"),
}
#: Language → what is asked, the number of the word that is pointed at, and whether the screen is dark.
SHOTS: dict[str, tuple[dict[str, str], int, bool]] = {
    "om": ({"query": "faayilii haaraa maxxansuu"}, 0, False),
    "km": ({"query": "ខ្ញុំចង់បោះពុម្ពទំព័រនេះ"}, 0, False),
    "am": ({"query": "ፋይል print ገጽ", "language": "am", "beside": "bm25"}, 0, False),
    "ur": ({"query": "صفحہ چھاپیں", "beside": "bm25"}, 0, True),
    "en": ({"query": "print two pages", "language": "en"}, 2, True),
}
SIZE = (1100, 860)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        served(Path(name) / "engine") as address,
        chromium() as driver,
    ):
        for language, (asked, word, dark) in SHOTS.items():
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            driver.get(address)
            driver.execute_script("localStorage.setItem('interface', arguments[0])", language)
            driver.get(f"{address}?{urlencode(asked)}")
            until = time.monotonic() + 60
            while not (words := driver.find_elements(By.CSS_SELECTOR, ".word")) and time.monotonic() < until:
                time.sleep(0.1)
            words[word].click()  # it stays lit
            if language == "en":
                driver.find_element(By.CSS_SELECTOR, "details summary").click()
            driver.save_screenshot(str(given.folder / f"search-page-{language}.png"))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Address of a service of the documents in all the languages."""
    engine = Engine.create(folder, DOCUMENTS, kind="lexical")
    for language, words in WORDS.items():
        meant = {foreign: {english: 1.0} for foreign, english in zip(words, ENGLISH, strict=True)}
        engine.add_language(language, LanguageParts(lexicon=Lexicon(resolve(language), meant)))
    server = make_server(engine, Settings(), interface_strings(engine.languages))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(60)


@contextmanager
def chromium() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    size = ",".join(map(str, SIZE))
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en", f"--window-size={size}"):
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
