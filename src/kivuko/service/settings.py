"""How a service is run: who may do what, and how much of anything."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from kivuko.errors import InputError

#: Where a token is looked for when no file is named.
TOKEN_VARIABLE = "KIVUKO_TOKEN"
_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Limits:
    """How much one request may ask for. They are part of the published schema, and so the same everywhere.

    Attributes:
        query: characters of a query.
        top: documents wanted.
        filters: fields of ``where``, and values of each.
        documents: in one request that adds some.
        address: bytes of a request's path and query string.
        headers: bytes of all its headers.
        search_body: bytes of a search's body.
        body: bytes of any other body.
        passage: characters of a passage in an answer.
    """

    query: int = 1000
    top: int = 100
    filters: int = 16
    documents: int = 1000
    address: int = 1 << 15
    headers: int = 1 << 15
    search_body: int = 1 << 16
    body: int = 1 << 20
    passage: int = 2000


LIMITS = Limits()


@dataclass(frozen=True)
class Timeouts:
    """Seconds after which the service gives up.

    Attributes:
        headers: until a request's headers are there.
        body: until its body is there.
        search: until it is answered, waiting included.
        change: until a change of documents is made, waiting included.
        reading: for which a client may take nothing of an answer that waits for it.
        shutdown: for what is in flight when the service is stopped.
    """

    headers: float = 10.0
    body: float = 10.0
    search: float = 30.0
    change: float = 600.0
    reading: float = 30.0
    shutdown: float = 60.0


@dataclass(frozen=True)
class Settings:
    """How a service is run.

    Attributes:
        workers: searches that run at once.
        queue: further ones that wait; more are refused.
        writers: changes that wait for the one that is made.
        connections: open at once.
        token: who knows it may change documents; None where nobody may.
        hosts: names under which the service is asked; any where there are none.
        origins: other sites whose pages may ask it (CORS).
        log_queries: whether the log has the text of queries.
        timeouts: when to give up.
    """

    workers: int = 1
    queue: int = 64
    writers: int = 64
    connections: int = 512
    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    log_queries: bool = False
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        if self.token is None:
            return
        if len(self.token) < _SHORTEST_TOKEN or not self.token.isascii() or not self.token.isprintable():
            raise InputError(
                "this token protects nothing",
                expected=f"{_SHORTEST_TOKEN} or more printable ASCII characters",
                got=f"{len(self.token)} characters",  # never the token itself
                remedy="make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )


def read_token(file: Path | None) -> str:
    """The token that a file has, or else the environment.

    Raises:
        InputError: neither has one, or the file cannot be read.
    """
    try:
        text = os.environ.get(TOKEN_VARIABLE) if file is None else file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError("the token's file cannot be read", where=file, got=type(error).__name__) from error
    if not text or not text.strip():
        raise InputError(
            "a service that may be written to needs a token",
            where=file or TOKEN_VARIABLE,
            remedy=f"give --token-file FILE, or set {TOKEN_VARIABLE}; python -c 'import secrets; "
            "print(secrets.token_urlsafe(32))' makes one",
        )
    return text.strip()
