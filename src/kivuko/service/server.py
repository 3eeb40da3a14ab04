"""Listening: uvicorn with deadlines of our own for slow clients, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from h11 import IDLE
from uvicorn.protocols.http.h11_impl import H11Protocol

from kivuko.engine import Engine
from kivuko.errors import InputError
from kivuko.service.app import create_app
from kivuko.service.searching import warm
from kivuko.service.settings import Settings, Timeouts
from kivuko.service.strings import Strings, interface_strings

if TYPE_CHECKING:
    from kivuko.retrieval.scanners import Scanners

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def serve(
    path: Path,
    host: str,
    port: int,
    settings: Settings,
    say: Callable[[str], None],
    *,
    also: Sequence[Path] = (),
    scanners: Scanners | None = None,
    localise: bool = False,
) -> None:
    """Serve an engine until the process is told to stop (SIGTERM, Ctrl-C); what is in flight then is finished.

    Args:
        path: the engine's folder.
        host: name or address to listen at.
        port: to listen at; 0 takes one that is free.
        settings: how it is run.
        say: is told the address, and what goes on.
        also: see :meth:`kivuko.engine.Engine.open`.
        scanners: see there.
        localise: whether public translations of the page's words are fetched for the engine's languages.

    Raises:
        ArtifactError: there is no engine, or it is damaged.
        InputError: the address cannot be listened at.
        FetchError: the translations cannot be brought.
    """
    engine = Engine.open(path, also=also, scanners=scanners)
    listening = _listen(host, port, settings.connections)
    name = f"[{host}]" if ":" in host else host
    with listening:
        say(f"opening {path} …")
        warm(engine)
        server = make_server(engine, settings, interface_strings(engine.languages) if localise else {})
        say(f"http://{name}:{listening.getsockname()[1]}/  (Ctrl-C stops it)")
        # uvicorn raises the signal that stopped it once more when it is done; the work is done then, and all is well.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        server.run(sockets=[listening])
        say("stopped")


def make_server(engine: Engine, settings: Settings, strings: Strings | None = None) -> uvicorn.Server:
    """What serves an engine at a socket that listens."""
    # What uvicorn has to say of single requests is in our own log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return uvicorn.Server(
        uvicorn.Config(
            create_app(engine, settings, strings),
            http=_protocol(settings.timeouts),
            ws="none",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=settings.connections,
            timeout_graceful_shutdown=int(settings.timeouts.shutdown),
        )
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=backlog)
    except (OSError, OverflowError, UnicodeError) as error:
        raise InputError(
            "cannot listen here",
            where=f"{host}:{port}",
            expected="an address of this machine, and a free port of 1 to 65535, or 0 for any",
            got=str(error),
            remedy="give --host and --port",
        ) from error


def _protocol(timeouts: Timeouts) -> type[asyncio.Protocol]:
    """HTTP/1.1 that does not wait for clients without end: neither for headers, nor for them to read an answer."""

    class Protocol(H11Protocol):
        _headers_due: asyncio.TimerHandle | None = None
        _reading_due: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._headers_due = self.loop.call_later(timeouts.headers, transport.abort)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not IDLE:
                self._forget_headers()
            elif self._headers_due is None:  # the beginning of a further request
                self._headers_due = self.loop.call_later(timeouts.headers, self.transport.abort)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading_due = self.loop.call_later(timeouts.reading, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._forget_reading()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._forget_headers()
            self._forget_reading()

        def _forget_headers(self) -> None:
            if self._headers_due is not None:
                self._headers_due.cancel()
                self._headers_due = None

        def _forget_reading(self) -> None:
            if self._reading_due is not None:
                self._reading_due.cancel()
                self._reading_due = None

    return Protocol
