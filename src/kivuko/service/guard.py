"""What stands before the application: it bounds what comes in, and says what a browser may do with what goes out.

Bodies are read here, whole and within their limits of size and time, so that nothing behind ever waits for a slow
client; addresses have to be UTF-8; a host that nobody named is refused, which keeps pages of others, whose names lead
here (DNS rebinding), from asking a service on loopback. Every answer is counted and logged here, without its query.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kivuko.service.metrics import Metrics
from kivuko.service.problems import ProblemError, busy
from kivuko.service.settings import LIMITS, Settings

log = logging.getLogger("kivuko.service")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
#: What the log and the metrics say of a client that did not wait, as nginx does.
_CLIENT_WENT = 499
#: Seconds that an answer may take longer than the work it is of.
_GRACE = 5.0


class Guard:
    """ASGI middleware around everything.

    Args:
        app: what answers.
        settings: who may ask, and how long anything may take.
        metrics: what to count in.
        route_of: an application's own name for the route that a request takes, known once it was routed.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, route_of: Callable[[Scope], str]
    ) -> None:
        self._app, self._settings, self._metrics, self._route_of = app, settings, metrics, route_of
        shared = {} if settings.origins else {"Cross-Origin-Resource-Policy": "same-origin"}
        self._headers = [
            (name.lower().encode(), value.encode()) for name, value in (_HEADERS | shared).items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._headers)
        started = time.perf_counter()
        try:
            await self._answer(scope, receive, answer)
        finally:
            self._count(scope, answer, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        limits = self._settings.timeouts
        longest = (limits.search if _is_search(scope) else limits.change) + limits.body + _GRACE
        try:
            async with asyncio.timeout(longest):
                self._check(scope)
                body = await self._body(scope, receive)
                await _while_there(self._app, scope, body, receive, answer)
        except ProblemError as problem:
            self._metrics.problems.labels(problem.type.name).inc()
            if not answer.status:
                await problem.response()(scope, receive, answer)
        except TimeoutError:
            if not answer.status:
                await busy("timed-out", "the answer took too long", _GRACE).response()(scope, receive, answer)
        except Exception as error:
            # What an exception says may have a query in it; where it was raised has not.
            said = f": {error}" if self._settings.log_queries else ""
            log.error(
                "%s%s\n%s",
                type(error).__name__,
                said,
                "".join(traceback.format_tb(error.__traceback__)).rstrip(),
            )
            if not answer.status:
                failure = ProblemError("internal", "the service failed")
                self._metrics.problems.labels("internal").inc()
                await failure.response()(scope, receive, answer)

    def _check(self, scope: Scope) -> None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LIMITS.address:
            raise ProblemError(
                "address-too-long", "the address is too long", expected=f"{LIMITS.address:,} bytes"
            )
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LIMITS.headers:
            raise ProblemError(
                "headers-too-large", "the headers are too large", expected=f"{LIMITS.headers:,} bytes"
            )
        for name in ("raw_path", "query_string"):
            try:
                unquote_to_bytes(scope.get(name) or b"").decode("utf-8")
            except UnicodeDecodeError:
                where = "path" if name == "raw_path" else "query string"
                raise ProblemError("malformed-request", "this is no UTF-8", where=where) from None
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if self._settings.hosts and (len(hosts) != 1 or _host(hosts[0]) not in self._settings.hosts):
            raise ProblemError(
                "malformed-request",
                "the service is not called so",
                where="header Host",
                expected=f"one of {', '.join(self._settings.hosts)}",
                remedy="ask under one of these names, or start the service with --allow-host NAME",
            )

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """All of a request's body.

        Raises:
            ProblemError: it is too large, too slow, or no JSON.
        """
        limit = LIMITS.search_body if _is_search(scope) else LIMITS.body
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.timeouts.body):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ProblemError("malformed-request", "the client went away")
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise ProblemError(
                            "content-too-large",
                            "the body is too large",
                            expected=f"at most {limit:,} bytes",
                            headers={"Connection": "close"},
                        )
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise ProblemError(
                "request-timeout",
                "the body did not come in time",
                expected=f"all of it within {self._settings.timeouts.body:g} seconds",
                headers={"Connection": "close"},
            ) from None
        kinds = [value for name, value in scope["headers"] if name == b"content-type"]
        if body and (len(kinds) != 1 or kinds[0].split(b";")[0].strip().lower() != b"application/json"):
            raise ProblemError("unsupported-media-type", "a body has to be JSON", expected="application/json")
        return bytes(body)

    def _count(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        route = self._route_of(scope)
        self._metrics.requests.labels(route, _method(scope), str(answer.status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        # As it was sent, percent-encoded: nothing in it can end the line.
        path = (scope.get("raw_path") or b"").decode("ascii", "backslashreplace")
        if self._settings.log_queries and scope["query_string"]:
            path += f"?{scope['query_string'].decode('ascii', 'backslashreplace')}"
        client = (scope.get("client") or ("?",))[0]
        log.info(
            "%s %s %s %d %.1f ms %d bytes",
            client,
            _method(scope),
            path,
            answer.status,
            1000 * seconds,
            answer.size,
        )


class _Answer:
    """Where an application sends its answer: adds headers, and remembers status and size."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send, self._headers = send, headers
        self.status, self.size = 0, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        self.size += len(message.get("body", b""))
        await self._send(message)


async def _while_there(app: ASGIApp, scope: Scope, body: bytes, receive: Receive, answer: _Answer) -> None:
    """Let an application answer for as long as the client waits for it.

    A client that goes away takes what it asked out of the queue, so that nobody who stays waits for it.
    """
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def leave() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def replayed() -> Message:
        if left:
            return left.pop()
        await asyncio.wait({gone})
        return {"type": "http.disconnect"}

    gone = asyncio.create_task(leave())
    answering = asyncio.ensure_future(app(scope, replayed, answer))
    try:
        await asyncio.wait({gone, answering}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()
        else:
            answer.status = answer.status or _CLIENT_WENT
    finally:
        for task in (gone, answering):
            task.cancel()
        await asyncio.gather(gone, answering, return_exceptions=True)


def _is_search(scope: Scope) -> bool:
    path: str = scope["path"]
    return not path.startswith("/v1/documents")


def _method(scope: Scope) -> str:
    """A request's method; what is none of HTTP's own is not repeated."""
    method: str = scope["method"]
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
    return method if method in known else "other"


def _host(header: bytes) -> str:
    """The name of a Host header, without the port."""
    text = header.decode("latin-1").lower()
    return text.partition("]")[0] + "]" if text.startswith("[") else text.partition(":")[0]
