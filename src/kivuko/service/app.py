"""The application: routes, what each may answer, and what is open while it runs."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Scope

from kivuko.engine import Engine
from kivuko.errors import KivukoError, StorageError
from kivuko.retrieval.filters import parse_filter
from kivuko.service import answers, changes, searching
from kivuko.service.files import page_files
from kivuko.service.guard import Guard
from kivuko.service.metrics import Metrics
from kivuko.service.pool import Pool
from kivuko.service.problems import MEDIA_TYPE, PREFIX, TYPES, ProblemError, of_error, page_of
from kivuko.service.settings import Settings

T = TypeVar("T")
#: Language's short code → what the page calls a text → its translation.
Strings = Mapping[str, Mapping[str, str]]
log = logging.getLogger("kivuko.service")
_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="What --token-file has.")


class Service:
    """What answers requests: the open engine, its pools and its counters.

    Args:
        engine: open. Changes are made by an engine of their own, so that they never keep a search from a model.
        settings: how it is run.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine, self.settings, self.metrics = engine, settings, Metrics()
        self.searches = Pool("search", settings.workers, settings.queue)
        self.changes = Pool("change", 1, settings.writers)
        # Whether it is ready has to be known however many searches wait.
        self._asides = Pool("aside", 1, settings.connections)
        self._writer: Engine | None = None
        self.metrics.searching.set_function(lambda: self.searches.admitted)
        self.metrics.changing.set_function(lambda: self.changes.admitted)

    async def search(self, asked: answers.SearchBody) -> dict[str, Any]:
        """Answer a search, and count it."""
        work = lambda: searching.search(self.engine, asked)  # noqa: E731
        found = await self._run(self.searches, work, self.settings.timeouts.search)
        self.metrics.searches.labels(found["language"], found["method"]).inc()
        if not found["hits"]:
            self.metrics.found_nothing.labels(found["language"]).inc()
        return found

    async def ask(self, work: Callable[[Engine], T]) -> T:
        """Ask the engine for something small."""
        return await self._run(self._asides, lambda: work(self.engine), self.settings.timeouts.search)

    async def change(self, work: Callable[[Engine], T]) -> T:
        """Change the engine."""
        return await self._run(self.changes, lambda: work(self._writing()), self.settings.timeouts.change)

    def close(self) -> None:
        """Wait for what runs."""
        for pool in (self.changes, self.searches, self._asides):
            pool.close()

    def _writing(self) -> Engine:
        if self._writer is None:
            self._writer = Engine.open(self.engine.path)
        return self._writer

    async def _run(self, pool: Pool, work: Callable[[], T], seconds: float) -> T:
        try:
            return await pool.run(work, seconds=seconds)
        except KivukoError as error:
            problem = of_error(error, self.engine.path)
            if problem.type.status >= 500:
                log.error("%s", error if not isinstance(error, StorageError) else error.what)
            raise problem from error


def create_app(engine: Engine, settings: Settings, strings: Strings | None = None) -> ASGIApp:
    """The service of an engine, to be run by an ASGI server.

    Args:
        engine: open.
        settings: how it is run.
        strings: the page's words in other languages than English.
    """
    service = Service(engine, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        with ThreadPoolExecutor(1) as aside:
            await asyncio.get_running_loop().run_in_executor(aside, service.close)

    app = FastAPI(
        title=f"Kivuko: {engine.path.name}",
        version=version("kivuko"),
        description="Search in documents, in any of the languages that the engine was taught.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    _handle_problems(app, service)
    _add_reading(app, service)
    _add_writing(app, service)
    _add_operating(app, service)
    _add_page(app, strings or {})
    app.openapi = lambda: _schema(app)  # type: ignore[method-assign]
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type"],
        )
    return Guard(app, settings, service.metrics, _route_of)


def _route_of(scope: Scope) -> str:
    """The pattern of the route that a request took: one of few, whatever was asked."""
    return str(getattr(scope.get("route"), "path", "none"))


def _answer(content: dict[str, Any]) -> Response:
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode(), media_type="application/json", headers={"Cache-Control": "no-store"})


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
    "invalid-input", "unknown-name", "unknown-language", "busy", "timed-out", "engine-unusable"
)
_READ = _may_answer("invalid-input", "busy", "timed-out", "engine-unusable")
_WRITE = _may_answer(
    "unauthorised",
    "read-only",
    "invalid-input",
    "busy",
    "timed-out",
    "being-changed",
    "engine-unusable",
    "storage-full",
)


def _add_reading(app: FastAPI, service: Service) -> None:
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


def _add_writing(app: FastAPI, service: Service) -> None:
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


def _add_operating(app: FastAPI, service: Service) -> None:
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


def _add_page(app: FastAPI, strings: Strings) -> None:
    files = page_files()

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        return files["index.html"].response(request)

    @app.api_route("/page/strings.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def page_strings() -> Response:
        return _answer(dict(strings))

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


def _schema(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schema["components"]["schemas"]["Problem"] = answers.Problem.model_json_schema()
        app.openapi_schema = schema
    return app.openapi_schema


def _example(name: str) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"example": answers.EXAMPLES[name]}}}}


def _handle_problems(app: FastAPI, service: Service) -> None:
    async def problem(_: Request, error: Exception) -> Response:
        found = error if isinstance(error, ProblemError) else _of_http(error)
        service.metrics.problems.labels(found.type.name).inc()
        return found.response()

    for kind in (ProblemError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, problem)


def _of_http(error: Exception) -> ProblemError:
    """What the framework refuses, as a problem."""
    if isinstance(error, RequestValidationError):
        first, *others = error.errors()
        if first["type"] == "json_invalid":
            return ProblemError("malformed-request", "the body is no JSON", where="body")
        return ProblemError(
            "invalid-input",
            "the request does not fit the schema",
            where=_place(first),
            expected=first["msg"],
            errors=[{"where": _place(each), "expected": each["msg"]} for each in (first, *others)][:20],
        )
    if not isinstance(error, HTTPException):
        return ProblemError("internal", "the service failed")
    name = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "malformed-request")
    return ProblemError(name, TYPES[name].title.lower(), headers=error.headers)


def _place(error: dict[str, Any]) -> str:
    """Where in a request something does not fit; what a client called it is shortened."""
    return ".".join(searching.shortened(str(part)).strip("'\"") for part in error["loc"])
