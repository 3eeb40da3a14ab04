"""What went wrong, as RFC 9457 has it: ``application/problem+json`` with a type that programs can rely on.

A type's name is stable; its URI is the page of this service that explains it. Beside RFC 9457's own members stand
those of our errors: ``what``, ``where``, ``expected``, ``got``, ``remedy``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response

from kivuko.errors import ArtifactError, InputError, KivukoError, StorageError, StoreError, UnknownNameError

MEDIA_TYPE = "application/problem+json"
PREFIX = "/problems/"


@dataclass(frozen=True)
class ProblemType:
    """A kind of problem.

    Attributes:
        name: in its URI.
        status: of the answer.
        title: in words, the same each time.
        remedy: what to do, where nothing more particular is known.
    """

    name: str
    status: int
    title: str
    remedy: str


TYPES = {
    each.name: each
    for each in (
        ProblemType(
            "malformed-request", 400, "The request cannot be read",
            "send UTF-8, percent-encoded in addresses, and JSON bodies of moderate depth",
        ),
        ProblemType("unauthorised", 401, "The token is missing or wrong", "send Authorization: Bearer TOKEN"),
        ProblemType(
            "read-only", 403, "This service does not change documents",
            "start it with --writable and a token, or use kivuko engine add",
        ),
        ProblemType("not-found", 404, "There is nothing here", "see /openapi.json for what there is"),
        ProblemType("unknown-document", 404, "There is no such document", "ids are those of the documents' file"),
        ProblemType("method-not-allowed", 405, "Not this method here", "see the header Allow"),
        ProblemType("request-timeout", 408, "The request came too slowly", "send it again, all of it at once"),
        ProblemType("document-exists", 409, "There is a document of this id", "say replace: true, or rename"),
        ProblemType("content-too-large", 413, "The body is too large", "send documents in several requests"),
        ProblemType("address-too-long", 414, "The address is too long", "send a search as the body of a POST"),
        ProblemType("unsupported-media-type", 415, "The body is no JSON", "send Content-Type: application/json"),
        ProblemType("invalid-input", 422, "The request asks for what cannot be", "see where and expected"),
        ProblemType("unknown-name", 422, "A name is not known", "see expected for the nearest ones"),
        ProblemType(
            "unknown-language", 422, "The engine does not know the language", "see /v1/languages for those it does"
        ),
        ProblemType("headers-too-large", 431, "The headers are too large", "send fewer cookies and shorter headers"),
        ProblemType("internal", 500, "The service failed", "the log of the service says more; tell who runs it"),
        ProblemType("busy", 503, "Too many are waiting already", "wait as long as Retry-After says, then ask again"),
        ProblemType("timed-out", 503, "It took too long", "ask again; a change may still be made meanwhile"),
        ProblemType("being-changed", 503, "Another process is changing the engine", "wait, then send it again"),
        ProblemType("engine-unusable", 503, "The engine cannot be read", "run kivuko engine verify ENGINE"),
        ProblemType("store-unavailable", 503, "The store of the vectors does not answer", "ask again in a while"),
        ProblemType("storage-full", 507, "The disk refused the change", "free some space; nothing was changed"),
    )
}  # fmt: skip


class ProblemError(Exception):
    """A request that is answered by a problem.

    Args:
        kind: name of a type.
        what: what is wrong this time.
        members: where, expected, got, remedy, and whatever else a program should know.
        headers: of the answer.
    """

    def __init__(
        self, kind: str, what: str, *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(what)
        self.type, self.what, self.headers = TYPES[kind], what, dict(headers or {})
        self.members = {name: value for name, value in members.items() if value is not None}

    def response(self) -> Response:
        """The answer."""
        return problem_response(self.type, self.what, self.members, self.headers)


def of_error(error: KivukoError, engine: Path, kind: str | None = None) -> ProblemError:
    """An error of ours as a problem; the engine is called by its name, for its place is nobody's business.

    Args:
        error: what was raised.
        engine: its folder.
        kind: name of a type; by default what the error's class says.
    """
    members: dict[str, object] = {}
    if isinstance(error, StoreError):  # what server that is, is nobody's business either
        return ProblemError("store-unavailable", "a search by vectors, or a change, is not possible just now")
    for name in ("where", "expected", "got", "remedy"):
        value = getattr(error, name)
        if value is not None:
            members[name] = _without_place(str(value), engine)
    if isinstance(error, UnknownNameError):
        members["nearest"] = error.nearest
    problem = ProblemError(kind or _kind(error), _without_place(error.what, engine))
    problem.members |= members
    return problem


def _kind(error: KivukoError) -> str:
    for cls, name in (
        (UnknownNameError, "unknown-name"),
        (InputError, "invalid-input"),
        (StorageError, "storage-full"),
        (ArtifactError, "engine-unusable"),
    ):
        if isinstance(error, cls):
            return name
    return "internal"


def _without_place(text: str, engine: Path) -> str:
    for place in (str(engine.absolute()), str(engine)):
        text = text.replace(place, engine.name)
    return text


def busy(kind: str, what: str, seconds: float) -> ProblemError:
    """A problem that passes: ask again after so many seconds."""
    return ProblemError(kind, what, headers={"Retry-After": str(max(1, math.ceil(seconds)))})


def problem_response(
    kind: ProblemType, what: str, members: Mapping[str, object], headers: Mapping[str, str]
) -> Response:
    """A problem as an answer; half surrogates of what was sent are written as escapes."""
    body: dict[str, Any] = {
        "type": PREFIX + kind.name,
        "title": kind.title,
        "status": kind.status,
        "detail": what,
        "what": what,
        "remedy": kind.remedy,
        **members,
    }
    content = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    return Response(content, kind.status, {**headers, "Cache-Control": "no-store"}, MEDIA_TYPE)


def page_of(kind: ProblemType) -> str:
    """What a person reads at a type's URI."""
    return f"{kind.name} ({kind.status})\n\n{kind.title}.\n\nWhat to do: {kind.remedy}.\n"
