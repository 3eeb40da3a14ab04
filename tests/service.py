"""Services to be tested: one in this process, without a socket, and one that listens, in a process of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp

from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.engine.languages import LanguageParts
from kivuko.languages import resolve
from kivuko.service.server import make_server
from kivuko.service.settings import Settings
from kivuko.service.strings import Strings

#: Probability of a translation, where it is not 1.
CERTAINTY = {"banuu": 0.75}
TOKEN = "a-token-of-the-tests-0123456789"
#: Of our own wording. One is hostile.
DOCUMENTS = [
    Document("open", "Opening a file", "Choose File - Open and pick the file to see.", {"year": 2020}),
    Document(
        "print", "Printing a page", "Choose File - Print. It prints one page or all pages.", {"year": 2021}
    ),
    Document("table", "Tables", "Insert a table, then type into its cells.", {"year": 2021}),
    Document("evil/<1>", "<img src=x onerror=alert(1)>", "<script>alert('page')</script> & \"a\" \u202eback"),
]
#: Foreign word → English, in languages of several scripts and directions.
DICTIONARIES = {
    "om": {"faayilii": "file", "banuu": "open", "maxxansuu": "print", "fuula": "page", "gabatee": "table"},
    "km": {"ឯកសារ": "file", "បើក": "open", "បោះពុម្ព": "print", "ទំព័រ": "page", "តារាង": "table"},
    "am": {"ፋይል": "file", "ክፈት": "open", "አትም": "print", "ገጽ": "page", "ሠንጠረዥ": "table"},
    "ur": {"فائل": "file", "کھولیں": "open", "چھاپیں": "print", "صفحہ": "page", "جدول": "table"},
}


def lexical_engine(path: Path) -> Engine:
    """An engine of words in five languages."""
    engine = Engine.create(path, DOCUMENTS, kind="lexical")
    for language, words in DICTIONARIES.items():
        entries = {foreign: {english: CERTAINTY.get(foreign, 1.0)} for foreign, english in words.items()}
        lexicon = Lexicon(resolve(language), entries)
        engine.add_language(language, LanguageParts(lexicon=lexicon))
    return engine


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


def ask(
    app: ASGIApp, method: str, target: str, body: Any = None, *, headers: dict[str, str] | None = None
) -> Answer:
    """Ask an application in this process; ``target`` is an address as it goes over the wire."""
    raw, _, query = target.partition("?")
    given = {"host": "127.0.0.1", **(headers or {})}
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    if content:
        given.setdefault("content-type", "application/json")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(raw), "raw_path": raw.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    messages: list[Any] = []
    left = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> Any:
        return left.pop() if left else await asyncio.Event().wait()  # the client stays

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    start, *rest = messages
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], names, b"".join(each.get("body", b"") for each in rest))


@dataclass
class Listening:
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    log: list[str]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        seconds: float = 60,
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and content of an answer; JSON is read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            given = dict(headers or {})
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            if body is not None:
                given.setdefault("Content-Type", "application/json")
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            content: Any = answer.read()
            if "json" in (answer.getheader("content-type") or ""):
                content = json.loads(content)
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextmanager
def listening(engine: Path, *options: str, token: str | None = None) -> Iterator[Listening]:
    """``kivuko serve`` of an engine on a free port, with what it prints kept."""
    environment = {name: value for name, value in os.environ.items() if name != "KIVUKO_TOKEN"}
    if token:
        environment["KIVUKO_TOKEN"] = token
    program = "from kivuko.cli.main import run; run()"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program, "serve", str(engine), "--port", "0", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    log: list[str] = []
    assert process.stdout is not None
    try:
        port = 0
        for line in process.stdout:
            log.append(line)
            if found := re.match(r"http://[^ ]*:(\d+)/", line):
                port = int(found[1])
                break
        assert port, "".join(log)
        reader = threading.Thread(target=lambda: log.extend(process.stdout or ()), daemon=True)
        reader.start()
        yield Listening(process, port, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def served(engine: Engine, settings: Settings | None = None, strings: Strings | None = None) -> Iterator[int]:
    """A service that listens, in a thread of this process; its port."""
    server = make_server(engine, settings or Settings(), strings)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(60)
