"""An environment for programs that must not fetch: an empty cache, and nobody at the other end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: No program answers here.
NOWHERE = "http://127.0.0.1:9"


def with_our_programs() -> dict[str, str]:
    """This process's environment, in which ``kivuko`` is the one of the Python that runs the tests."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def offline(cache: Path) -> dict[str, str]:
    """The same without a network, with its own cache; whatever fetches ends with an error."""
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    return {**with_our_programs(), **nowhere, "KIVUKO_CACHE": str(cache), "PIP_NO_INDEX": "1"}
