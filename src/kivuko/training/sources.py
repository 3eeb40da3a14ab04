"""What a person gives to train on, of which much is drawn, and what must not be trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from kivuko.languages import Language

#: What may be trained on beside English pairs and English text, from nothing to all pairs of the bitext.
Budget = Literal["none", "lexicon", "monolingual", "1k", "5k", "all"]
PAIRS = {"1k": 1000, "5k": 5000}
#: Budgets with translation pairs.
PAIRED = ("1k", "5k", "all")


def _beside(path: Path, info: ValidationInfo) -> Path:
    """A path of a configuration file is relative to that file's folder."""
    return Path(info.context["folder"]) / path if info.context else path


GivenPath = Annotated[Path, AfterValidator(_beside)]


class Sources(BaseModel):
    """What a person gives for a language; None where public data are to stand in.

    Attributes:
        bitext: pairs: a file in any format of :func:`kivuko.readers.bitext.read_pairs`, or a bitext folder.
        lowest_score: pairs of the file with a lower score are dropped.
        lexicon: a lexicon folder, or its table: ``foreign<TAB>English<TAB>probability`` lines.
        text: text of the language, read by passages, see :func:`kivuko.readers.running_text.texts_of_file`.
        linked: documents that are linked though not parallel, see
            :func:`kivuko.readers.linked_documents.read_linked`.
        mmarco: mMARCO's data folder, for queries in the language with English passages.
        negatives: hard negatives for each of these, from mMARCO's triples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bitext: GivenPath | None = None
    lowest_score: float | None = None
    lexicon: GivenPath | None = None
    text: GivenPath | None = None
    linked: GivenPath | None = None
    mmarco: GivenPath | None = None
    negatives: Annotated[int, Field(ge=0)] = 0


class EnglishSources(BaseModel):
    """What a person gives of English; None where public help pages are to stand in.

    Attributes:
        documents: documents (TSV: id, title, text, or JSON lines). Their titles are queries, a teacher's scores of
            them can be imitated, and an encoder's space is centred on them.
        msmarco: folder with MS MARCO's training files; English pairs are from there.
        negatives: hard negatives for each of these pairs.
        negatives_by: systems whose negatives are taken.
        mined_negatives: give every pair that is not MS MARCO's one hard negative from among the documents, see
            :func:`kivuko.training.teacher.with_hard_negatives`.
        without_queries: take queries out of the documents they should find, see
            :func:`kivuko.training.teacher.without_queries`; MS MARCO's do not stand there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    documents: GivenPath | None = None
    msmarco: GivenPath | None = None
    negatives: Annotated[int, Field(ge=0)] = 0
    negatives_by: tuple[str, ...] = ()
    mined_negatives: bool = False
    without_queries: bool = False

    @model_validator(mode="after")
    def _not_of_msmarco(self) -> EnglishSources:
        if self.msmarco and (self.mined_negatives or self.without_queries):
            raise ValueError(
                "mined_negatives and without_queries are for documents and help pages, not for msmarco"
            )
        return self


@dataclass(frozen=True)
class Draw:
    """How much of which languages' data.

    ``none`` and ``monolingual`` have no bitext and no lexicon; ``lexicon`` has the lexicon that was given, or
    public dictionaries; ``1k``, ``5k`` and ``all`` have that many translation pairs of every language, drawn by the
    seed, and the lexicon induced from them. Monolingual text and linked documents go with every budget whose regime
    needs them. English pairs, pages and text are free.

    Attributes:
        languages: a language for which there is nothing of a kind is left out of that kind.
        budget: see above.
        seed: draws the pairs.
        given_lexicon: a lexicon that was given takes the place of the induced one, whatever the budget.
    """

    languages: tuple[Language, ...]
    budget: Budget = "all"
    seed: int = 0
    given_lexicon: bool = False


@dataclass(frozen=True)
class HeldOut:
    """What is asked for in tests, and must not be trained on.

    Public data was built without what the public collections ask for; files that a person gives were not, and of a
    collection that a person gives neither were.

    Attributes:
        of_all: language → comparison keys of what any collection asks for; kept out of given files.
        of_given: the same of given collections alone; kept out of public data too.
        collections: names of the public collections that ask.
    """

    of_all: Mapping[Language, frozenset[str]] = field(default_factory=dict)
    of_given: Mapping[Language, frozenset[str]] = field(default_factory=dict)
    collections: frozenset[str] = frozenset()
