"""Fonts for the scripts of the report's text, embedded so that it shows anywhere, without a network.

They are Noto's, which come from a Debian package into the cache, cut down to the characters that occur.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from kivuko.packages import fetch_deb

PACKAGE = "fonts-noto-core"
#: In the order of preference; Latin, Greek and Cyrillic are left to the reader's own fonts.
FONTS = tuple(
    f"Noto{name}-Regular.ttf"
    for name in (
        "SansEthiopic", "SansKhmer", "SansDevanagari", "SansArabic", "SansSinhala", "SansThai", "SerifTibetan",
        "SansBengali", "SansTamil", "SansTelugu", "SansMyanmar", "SansLao", "SansHebrew", "SansArmenian",
        "SansGeorgian", "SansGurmukhi", "SansGujarati",
    )
)  # fmt: skip
FAMILY = "Kivuko Noto"


def font_files() -> list[Path]:
    """The files of those of :data:`FONTS` that the package has, in their order.

    Raises:
        FetchError: the package cannot be brought.
    """
    found = {path.name: path for path in fetch_deb(PACKAGE).rglob("*.ttf")}
    return [found[name] for name in FONTS if name in found]


def font_faces(text: str, files: Sequence[Path]) -> str:
    """CSS rules that embed, for every script of a text, the glyphs it needs.

    Args:
        text: everything that the page shows.
        files: from :func:`font_files`.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    letters = {ord(character) for character in text if ord(character) > 0x2FF}
    rules = []
    for path in files:
        font = TTFont(path, lazy=True)
        # What the text needs beyond letters (joiners, dotted circle) is in several fonts; it decides nothing.
        found = {code for code in letters & set(font.getBestCmap()) if not 0x2000 <= code <= 0x2BFF}
        if not found:
            continue
        letters -= found
        options = Options(flavor="woff", layout_features=["*"], notdef_outline=True)
        cut = Subsetter(options)
        cut.populate(unicodes=found | {0x20, 0x200B, 0x200C, 0x200D, 0x25CC})
        cut.subset(font)
        font.flavor = "woff"
        written = io.BytesIO()
        font.save(written)
        data = base64.b64encode(written.getvalue()).decode()
        scope = ",".join(f"U+{code:X}" for code in sorted(found | {0x200C, 0x200D}))
        rules.append(
            f'@font-face{{font-family:"{FAMILY}";src:url(data:font/woff;base64,{data}) format("woff");'
            f"unicode-range:{scope}}}"
        )
    return "\n".join(rules)


def matplotlib_families(files: Sequence[Path]) -> list[str]:
    """Make fonts known to matplotlib; what a text that may be in any of their scripts is to be drawn with."""
    from matplotlib import font_manager

    for path in files:
        font_manager.fontManager.addfont(path)
    return ["DejaVu Sans", *(font_manager.get_font(path).family_name for path in files)]
