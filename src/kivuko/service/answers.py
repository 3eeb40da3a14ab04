"""What requests and answers hold: the published schema, with an example of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kivuko.service.settings import LIMITS

#: What JSON's numbers hold exactly everywhere (RFC 7493).
_WHOLE = (1 << 53) - 1
Text = Annotated[str, StringConstraints(max_length=LIMITS.body)]
#: Titles and metadata come with every hit.
Short = Annotated[str, StringConstraints(max_length=LIMITS.passage)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Whole = Annotated[int, Field(ge=-_WHOLE, le=_WHOLE)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-_WHOLE, le=_WHOLE)]
Scalar = Annotated[bool, Field(strict=True)] | Annotated[Whole, Field(strict=True)] | Number | Short
Method = Literal["late-interaction", "bm25", "lexicon-bm25", "fusion"]
Reader = Literal["student", "teacher"]
Span = tuple[int, int]

_QUERY = Field(
    min_length=1,
    max_length=LIMITS.query,
    description="What is looked for, in any of the engine's languages and scripts.",
    examples=["fuula maxxansuu"],
)
_LANGUAGE = Field(
    default=None,
    max_length=64,
    description="What the query is in: om, orm, orm-Latn, Oromo … Guessed by default.",
    examples=["om"],
)
_TOP = Field(default=10, ge=1, le=LIMITS.top, description="Documents wanted.")
_METHOD = Field(
    default=None, description="How to search; by default what the engine found best for the language."
)
_READER = Field(
    default=None,
    description="Which model reads the query, where the method has one: `teacher` is the untrained one.",
)
_EXPLAIN = Field(
    default=False, description="Whether each hit says which words of the query met which of its own."
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SearchQuery(_Strict):
    """A search, as an address has it."""

    query: str = _QUERY
    language: str | None = _LANGUAGE
    top: int = _TOP
    where: list[Annotated[str, StringConstraints(max_length=512)]] = Field(
        default_factory=list,
        max_length=LIMITS.filters,
        description="FIELD=VALUE: only documents with it in their metadata; several of a field are alternatives.",
        examples=[["year=2021"]],
    )
    method: Method | None = _METHOD
    reader: Reader | None = _READER
    explain: bool = _EXPLAIN


class SearchBody(_Strict):
    """A search, as a body."""

    query: str = _QUERY
    language: str | None = _LANGUAGE
    top: int = _TOP
    where: dict[Name, Scalar | Annotated[list[Scalar], Field(max_length=LIMITS.filters)]] = Field(
        default_factory=dict,
        max_length=LIMITS.filters,
        description="Field → value or alternatives: only documents whose metadata have one of them for every field.",
        examples=[{"year": [2020, 2021]}],
    )
    method: Method | None = _METHOD
    reader: Reader | None = _READER
    explain: bool = _EXPLAIN


class Match(BaseModel):
    """A word of the query and the word of a document that it met."""

    query_word: str
    document_word: str
    similarity: float = Field(description="Cosine of two vectors, or the probability of a translation.")
    query_span: Span = Field(description="Where the word stands in `query` of the answer, in code points.")
    document_spans: list[Span] = Field(
        description="Where it stands in the title, a line end and the text; in what the answer shows of them."
    )
    read_as: str = Field(
        description="The word of the query's gloss that met it; empty where the query's own did."
    )


class Passage(BaseModel):
    """A part of a document's text."""

    begin: int = Field(description="Where it stands in the title, a line end and the text, in code points.")
    end: int
    text: str


class Hit(BaseModel):
    """A document that was found."""

    id: str
    title: str
    snippet: str
    passage: Passage
    score: float = Field(description="Higher is better; comparable within one answer alone.")
    metadata: dict[str, Any]
    matches: list[Match] = Field(description="Empty unless `explain` asks for them.")


class Found(BaseModel):
    """What a search found, and how it was searched."""

    query: str = Field(description="The query in the form that was searched: Unicode NFC, single spaces.")
    language: str = Field(examples=["orm-Latn"])
    guessed: bool = Field(description="Whether nobody said the language.")
    method: Method
    reader: Reader | None
    way: str = Field(description="The same in words.")
    generation: str = Field(
        description="State of the engine that was searched; another one after every change."
    )
    truncated: bool = Field(
        description="Whether the model read the query's beginning alone, for it is too long."
    )
    seconds: float
    hits: list[Hit]


class OneDocument(BaseModel):
    """A document."""

    id: str
    title: str
    text: str
    metadata: dict[str, Any]
    generation: str


class NewDocument(_Strict):
    """A document to be added."""

    id: Name = Field(examples=["save"])
    title: Short = Field(default="", examples=["Saving a file"])
    text: Text = Field(default="", examples=["Choose File - Save."])
    metadata: dict[Name, Scalar] = Field(
        default_factory=dict,
        max_length=64,
        description="What searches can be narrowed by.",
        examples=[{"year": 2022}],
    )


class NewDocuments(_Strict):
    """Documents to be added, all of them or none."""

    documents: list[NewDocument] = Field(min_length=1, max_length=LIMITS.documents)
    replace: bool = Field(default=False, description="Whether documents with ids of others take their place.")


class Changed(BaseModel):
    """What a change did; it outlives a power failure from now on."""

    added: int = 0
    deleted: int = 0
    without_content: int = Field(default=0, description="Left out, because they have no word.")
    cut: int = Field(default=0, description="Longer than the model reads, and cut.")
    generation: str


class SearchedBy(BaseModel):
    """A way of searching."""

    method: Method
    reader: Reader | None
    way: str


class Checked(BaseModel):
    """How good a language was found to be, without judgments."""

    measure: str
    questions: str
    mean: float
    low: float
    high: float
    n: int


class OneLanguage(BaseModel):
    """A language that the engine can be asked in."""

    tag: str
    short: str
    name: str
    script: str
    direction: Literal["ltr", "rtl"]
    of_documents: bool
    ways: list[SearchedBy] = Field(description="How it can be searched, what was found best first.")
    quality: Checked | None


class Languages(BaseModel):
    """The languages that the engine can be asked in, the documents' own first."""

    languages: list[OneLanguage]
    documents: int
    generation: str


class Alive(BaseModel):
    """The service runs."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The engine is open."""

    status: Literal["ready"] = "ready"
    generation: str
    documents: int


class Problem(BaseModel):
    """What went wrong (RFC 9457), with what, where, expected, got and remedy where there is something to say."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/unknown-language"])
    title: str
    status: int
    detail: str
    what: str
    remedy: str


EXAMPLES: Mapping[str, Any] = {
    "search": {
        "query": "fuula maxxansuu",
        "language": "om",
        "top": 3,
        "where": {"year": [2020, 2021]},
        "explain": True,
    },
    "documents": {
        "documents": [
            {
                "id": "save",
                "title": "Saving a file",
                "text": "Choose File - Save.",
                "metadata": {"year": 2022},
            }
        ],
        "replace": True,
    },
}
