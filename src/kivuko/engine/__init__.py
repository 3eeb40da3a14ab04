"""The engine: one folder that is a search engine over somebody's documents, in as many languages as were added.

``engine.py`` is the object people hold, ``making.py`` how its folder is made; ``state.py`` what its folder says it
is; ``languages.py`` how a language comes into it; ``quality.py`` how good it is there, without judgments;
``guess.py`` in which language a query is; ``asking.py`` how programs ask it, whatever form texts and names have.
"""

from __future__ import annotations

from kivuko.engine.engine import Engine, scanners_of
from kivuko.engine.results import Results

__all__ = ["Engine", "Results", "scanners_of"]
