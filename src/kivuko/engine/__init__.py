"""The engine: one folder that is a search engine over somebody's documents, in as many languages as were added.

``engine.py`` is the object people hold; ``languages.py`` how a language comes into the folder; ``quality.py`` how good
it is there, without judgments; ``guess.py`` which of the languages a query is in.
"""

from __future__ import annotations

from kivuko.engine.engine import Engine, Results

__all__ = ["Engine", "Results"]
