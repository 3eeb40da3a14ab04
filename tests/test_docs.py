"""The site builds strictly, and nothing of it comes from another host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("material", reason="the extra [docs] is not installed")

ROOT = Path(__file__).parents[1]
#: What a browser fetches by itself when it shows a page, and where from.
_FETCHED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*?\bsrc=[\"']?([^\"'\s>]+)|<link\b([^>]*)>")


def fetched_by(html: str) -> list[str]:
    """Addresses that a page loads; links for a reader to follow are not among them."""
    found = []
    for source, link in _FETCHED.findall(html):
        rel, href = re.search(r"rel=[\"']?([\w -]+)", link), re.search(r"href=[\"']?([^\"'\s>]+)", link)
        if source:
            found.append(source)
        elif href and not (rel and rel[1].strip() in ("canonical", "next", "prev", "author", "license")):
            found.append(href[1])
    return found


def is_elsewhere(address: str) -> bool:
    return bool(re.match(r"(?:https?:)?//", address))


def test_what_a_page_loads_is_seen() -> None:
    page = '<script src="https://a/x.js"></script><a href="https://b">b</a><link rel="stylesheet" href="//c/y.css">'
    assert [address for address in fetched_by(page) if is_elsewhere(address)] == [
        "https://a/x.js",
        "//c/y.css",
    ]


@pytest.mark.slow
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 20
    elsewhere = {
        (page.relative_to(tmp_path), address)
        for page in pages
        for address in fetched_by(page.read_text(encoding="utf-8"))
        if is_elsewhere(address)
    }
    sheets = {
        (sheet.relative_to(tmp_path), address)
        for sheet in tmp_path.rglob("*.css")
        for address in re.findall(r"url\([\"']?([^\"')]+)", sheet.read_text(encoding="utf-8"))
        if is_elsewhere(address)
    }
    assert not elsewhere | sheets
