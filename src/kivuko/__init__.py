"""Kivuko: search from English to languages with almost no data.

The public names below are loaded when they are first used, so ``import kivuko`` is immediate and loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kivuko import langchain as langchain
    from kivuko import llama_index as llama_index
    from kivuko import mcp as mcp
    from kivuko import mteb as mteb
    from kivuko import pyterrier as pyterrier
    from kivuko.benchmarks.importing import import_collection as import_collection
    from kivuko.codeswitch.english_table import invert as invert_lexicon
    from kivuko.codeswitch.induce import induce as induce_lexicon
    from kivuko.codeswitch.lexicon import Lexicon as Lexicon
    from kivuko.codeswitch.switcher import Switcher as Switcher
    from kivuko.collections.bitext import Bitext as Bitext
    from kivuko.collections.bitext import Pair as Pair
    from kivuko.collections.collection import Collection as Collection
    from kivuko.collections.document import Document as Document
    from kivuko.engine.engine import Engine as Engine
    from kivuko.engine.languages import LanguageParts as LanguageParts
    from kivuko.errors import KivukoError as KivukoError
    from kivuko.errors import MissingExtraError as MissingExtraError
    from kivuko.evaluation.comparison import compare_systems as compare_systems
    from kivuko.evaluation.measures import evaluate as evaluate
    from kivuko.evaluation.run import read_qrels as read_qrels
    from kivuko.evaluation.run import read_run as read_run
    from kivuko.evaluation.run import write_run as write_run
    from kivuko.experiment.config import Experiment as Experiment
    from kivuko.experiment.config import read_experiment as read_experiment
    from kivuko.languages import resolve as resolve_language
    from kivuko.models.encoder import Encoder as Encoder
    from kivuko.public.bitext import build_bitext as build_bitext
    from kivuko.public.collections import build_collection as build_collection
    from kivuko.public.lexicons import public_lexicon as public_lexicon
    from kivuko.readers.bitext import read_pairs as read_pairs
    from kivuko.readers.documents import read_documents as read_documents
    from kivuko.readers.documents import read_queries as read_queries
    from kivuko.retrieval.build import build_index as build_index
    from kivuko.retrieval.index import Index as Index
    from kivuko.retrieval.search import Hit as Hit
    from kivuko.retrieval.search import Searcher as Searcher
    from kivuko.training.optical import OpticalLoss as OpticalLoss
    from kivuko.training.optical import OpticalSettings as OpticalSettings
    from kivuko.training.optical import train_optical as train_optical
    from kivuko.training.regimes import find_regime as find_regime
    from kivuko.training.resources import Resources as Resources
    from kivuko.training.stages import make_stage as make_stage
    from kivuko.training.stages import run_stages as run_stages
    from kivuko.training.teacher import default_teacher as default_teacher

__version__ = "0.1.0"

__all__ = [
    "Bitext",
    "Collection",
    "Document",
    "Encoder",
    "Engine",
    "Experiment",
    "Hit",
    "Index",
    "KivukoError",
    "LanguageParts",
    "Lexicon",
    "MissingExtraError",
    "OpticalLoss",
    "OpticalSettings",
    "Pair",
    "Resources",
    "Searcher",
    "Switcher",
    "__version__",
    "build_bitext",
    "build_collection",
    "build_index",
    "compare_systems",
    "default_teacher",
    "evaluate",
    "find_regime",
    "import_collection",
    "induce_lexicon",
    "invert_lexicon",
    "langchain",
    "llama_index",
    "make_stage",
    "mcp",
    "mteb",
    "public_lexicon",
    "pyterrier",
    "read_documents",
    "read_experiment",
    "read_pairs",
    "read_qrels",
    "read_queries",
    "read_run",
    "resolve_language",
    "run_stages",
    "train_optical",
    "write_run",
]

#: Public name → module that has it, with its name there where that is another. A test holds the imports above, which
#: are what type checkers see, against it.
_HOMES = {
    "Bitext": "kivuko.collections.bitext",
    "Collection": "kivuko.collections.collection",
    "Document": "kivuko.collections.document",
    "Encoder": "kivuko.models.encoder",
    "Engine": "kivuko.engine.engine",
    "Experiment": "kivuko.experiment.config",
    "Hit": "kivuko.retrieval.search",
    "Index": "kivuko.retrieval.index",
    "KivukoError": "kivuko.errors",
    "LanguageParts": "kivuko.engine.languages",
    "Lexicon": "kivuko.codeswitch.lexicon",
    "MissingExtraError": "kivuko.errors",
    "OpticalLoss": "kivuko.training.optical",
    "OpticalSettings": "kivuko.training.optical",
    "Pair": "kivuko.collections.bitext",
    "Resources": "kivuko.training.resources",
    "Searcher": "kivuko.retrieval.search",
    "Switcher": "kivuko.codeswitch.switcher",
    "build_bitext": "kivuko.public.bitext",
    "build_collection": "kivuko.public.collections",
    "build_index": "kivuko.retrieval.build",
    "compare_systems": "kivuko.evaluation.comparison",
    "default_teacher": "kivuko.training.teacher",
    "evaluate": "kivuko.evaluation.measures",
    "find_regime": "kivuko.training.regimes",
    "import_collection": "kivuko.benchmarks.importing",
    "induce_lexicon": "kivuko.codeswitch.induce:induce",
    "invert_lexicon": "kivuko.codeswitch.english_table:invert",
    "langchain": "kivuko",
    "llama_index": "kivuko",
    "make_stage": "kivuko.training.stages",
    "mcp": "kivuko",
    "mteb": "kivuko",
    "public_lexicon": "kivuko.public.lexicons",
    "pyterrier": "kivuko",
    "read_documents": "kivuko.readers.documents",
    "read_experiment": "kivuko.experiment.config",
    "read_pairs": "kivuko.readers.bitext",
    "read_qrels": "kivuko.evaluation.run",
    "read_queries": "kivuko.readers.documents",
    "read_run": "kivuko.evaluation.run",
    "resolve_language": "kivuko.languages:resolve",
    "run_stages": "kivuko.training.stages",
    "train_optical": "kivuko.training.optical",
    "write_run": "kivuko.evaluation.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kivuko' has no attribute {name!r}")
    from kivuko.errors import names_missing_extra

    module, _, attribute = _HOMES[name].partition(":")
    with names_missing_extra():
        if module == __name__:  # a module for another library
            return importlib.import_module(f"{module}.{name}")
        return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return __all__
