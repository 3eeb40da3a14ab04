"""The engine: one folder that is a search engine over somebody's documents, in as many languages as were added.

``engine.py`` is the object people hold; ``state.py`` what its folder says it is; ``languages.py`` how a language
comes into it; ``quality.py`` how good it is there, without judgments; ``guess.py`` in which language a query is;
``asking.py`` how programs ask it, whatever form texts and names have.
"""

from __future__ import annotations

from kivuko.engine.engine import Engine, Results, scanners_of

__all__ = ["Engine", "Results", "scanners_of"]
