"""The application: the routes of a service, problems for whatever goes wrong, and the guard before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from kivuko.engine import Engine
from kivuko.service.answers import Problem
from kivuko.service.guard import Guard
from kivuko.service.problems import TYPES, ProblemError
from kivuko.service.routes import add_operating, add_page, add_reading, add_writing
from kivuko.service.searching import shortened
from kivuko.service.service import Service
from kivuko.service.settings import Settings
from kivuko.service.strings import Strings


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
    add_reading(app, service)
    add_writing(app, service)
    add_operating(app, service)
    add_page(app, strings or {})
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


def _schema(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        app.openapi_schema = schema
    return app.openapi_schema


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
    return ".".join(shortened(str(part)).strip("'\"") for part in error["loc"])
