"""The routes: what can be asked at which address, and what each may answer."""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import PlainTextResponse, Response

from kivuko.errors import KivukoError
from kivuko.retrieval.filters import parse_filter
from kivuko.service import answers, changes, searching
from kivuko.service.files import page_files
from kivuko.service.problems import MEDIA_TYPE, PREFIX, TYPES, ProblemError, of_error, page_of
from kivuko.service.service import Service
from kivuko.service.strings import Strings

_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="What --token-file has.")


#: What the guard, or a failure, may answer to any request.
_ANYWHERE = (
    "malformed-request",
    "request-timeout",
    "content-too-large",
    "address-too-long",
    "unsupported-media-type",
    "headers-too-large",
    "internal",
)


def _may_answer(*names: str) -> dict[int | str, dict[str, Any]]:
    """For the schema: the problems that an operation may answer with beside those that every one may."""
    by_status: dict[int | str, list[str]] = {}
    for name in (*names, *_ANYWHERE):
        by_status.setdefault(TYPES[name].status, []).append(name)
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {
            "description": "; ".join(f"{name}: {TYPES[name].title}" for name in found),
            "content": {MEDIA_TYPE: schema},
        }
        for status, found in by_status.items()
    }


_SEARCH = _may_answer(
    "invalid-input",
    "unknown-name",
    "unknown-language",
    "busy",
    "timed-out",
    "engine-unusable",
    "store-unavailable",
)
_READ = _may_answer("invalid-input", "busy", "timed-out", "engine-unusable", "store-unavailable")
_WRITE = _may_answer(
    "unauthorised",
    "read-only",
    "invalid-input",
    "busy",
    "timed-out",
    "being-changed",
    "engine-unusable",
    "store-unavailable",
    "storage-full",
)


def add_reading(app: FastAPI, service: Service) -> None:
    """Searches, documents, languages."""

    @app.get("/v1/search", response_model=answers.Found, responses=_SEARCH, tags=["search"])
    async def search_by_address(asked: Annotated[answers.SearchQuery, Query()]) -> Response:
        """Search, by an address that can be shared."""
        try:
            where = parse_filter(asked.where)
        except KivukoError as error:
            raise of_error(error, service.engine.path) from error
        body = answers.SearchBody.model_construct(**{**dict(asked), "where": where})
        return _answer(await service.search(body))

    @app.post(
        "/v1/search",
        response_model=answers.Found,
        responses=_SEARCH,
        tags=["search"],
        openapi_extra=_example("search"),
    )
    async def search_by_body(asked: answers.SearchBody) -> Response:
        """Search, by a body: for long queries, many filters, and queries that no log on the way should have."""
        return _answer(await service.search(asked))

    @app.get(
        "/v1/documents/{document_id:path}",
        response_model=answers.OneDocument,
        responses={**_READ, **_may_answer("unknown-document")},
        tags=["documents"],
    )
    async def read_document(document_id: str) -> Response:
        """One document, whole."""
        return _answer(await service.ask(lambda engine: searching.document(engine, document_id)))

    @app.get("/v1/languages", response_model=answers.Languages, responses=_READ, tags=["search"])
    async def read_languages() -> Response:
        """The languages that the engine can be asked in, how each is searched and how good it was found to be."""
        return _answer(await service.ask(searching.languages))


def add_writing(app: FastAPI, service: Service) -> None:
    """Changes of documents, by who knows the token."""

    def authorise(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        token = service.settings.token
        if token is None:
            raise ProblemError("read-only", "this service does not change documents")
        said = "" if given is None else given.credentials
        if not hmac.compare_digest(said.encode("utf-8", "replace"), token.encode()):
            raise ProblemError(
                "unauthorised", "the token is missing or wrong", headers={"WWW-Authenticate": "Bearer"}
            )

    @app.post(
        "/v1/documents",
        response_model=answers.Changed,
        responses={**_WRITE, **_may_answer("document-exists")},
        tags=["documents"],
        openapi_extra=_example("documents"),
        dependencies=[Depends(authorise)],
    )
    async def add_documents(asked: answers.NewDocuments) -> Response:
        """Add documents, all of them or none. What is answered outlives a power failure."""
        return _answer(await service.change(lambda engine: changes.add(engine, asked)))

    @app.delete(
        "/v1/documents/{document_id:path}",
        response_model=answers.Changed,
        responses={**_WRITE, **_may_answer("unknown-document")},
        tags=["documents"],
        dependencies=[Depends(authorise)],
    )
    async def delete_document(document_id: str) -> Response:
        """Remove a document."""
        return _answer(await service.change(lambda engine: changes.delete(engine, document_id)))


def add_operating(app: FastAPI, service: Service) -> None:
    """What who runs the service asks."""

    @app.get("/healthz", response_model=answers.Alive, responses=_may_answer(), tags=["operation"])
    async def alive() -> Response:
        """Whether the process runs."""
        return _answer(answers.Alive().model_dump())

    @app.get("/readyz", response_model=answers.Ready, responses=_READ, tags=["operation"])
    async def ready() -> Response:
        """Whether the engine is open, and in which state."""
        return _answer(await service.ask(searching.ready))

    @app.get("/metrics", response_class=PlainTextResponse, responses=_may_answer(), tags=["operation"])
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return PlainTextResponse(service.metrics.page(), media_type="text/plain; version=0.0.4")


def add_page(app: FastAPI, strings: Strings) -> None:
    """The search page, and the pages of problems."""
    files = page_files()

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        return files["index.html"].response(request)

    @app.api_route("/page/strings.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def page_strings() -> Response:
        return _answer(
            {short: {name: asdict(text) for name, text in own.items()} for short, own in strings.items()}
        )

    @app.api_route("/page/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    async def page_file(request: Request, name: str) -> Response:
        if name not in files:
            raise ProblemError("not-found", "the page has no such file")
        return files[name].response(request)

    @app.get(PREFIX + "{name}", include_in_schema=False)
    async def problem(name: str) -> Response:
        if name not in TYPES:
            raise ProblemError("not-found", "there is no problem of this name")
        return PlainTextResponse(page_of(TYPES[name]))


def _answer(content: dict[str, Any]) -> Response:
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode(), media_type="application/json", headers={"Cache-Control": "no-store"})


def _example(name: str) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"example": answers.EXAMPLES[name]}}}}
