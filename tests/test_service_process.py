"""The service as a process: how it ends, what a kill loses, and clients that do not behave."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kivuko.engine import Engine
from kivuko.service.settings import LIMITS, Settings, Timeouts
from service import DOCUMENTS, TOKEN, Listening, lexical_engine, listening, served

_SEARCH = b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_ALIVE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return lexical_engine(tmp_path / "engine")


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a service that soon gives up on clients."""
    engine = Engine.create(tmp_path_factory.mktemp("impatient") / "engine", DOCUMENTS, kind="lexical")
    timeouts = Timeouts(headers=0.4, body=0.4, reading=0.4)
    with served(engine, Settings(timeouts=timeouts, connections=40, token=TOKEN)) as port:
        yield port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def said(connection: socket.socket) -> bytes:
    """All that a service says until it closes the connection."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what is to become true soon, however busy the machine is."""
    latest = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < latest
        time.sleep(0.02)


def takes_connections(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionError:
        return False
    return True


def is_alive(port: int) -> bool:
    with connect(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b" 200 " in said(connection)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_finishes_what_is_in_flight_and_ends_well(engine: Engine, number: int) -> None:
    body = b'{"query": "secretword file"}'
    head = _SEARCH.replace(b"Host: x", b"Host: 127.0.0.1") + b"Content-Length: %d\r\n\r\n" % len(body)
    with listening(engine.path) as service, connect(service.port) as connection:
        connection.sendall(head + body[:9])
        service.ask("GET", "/healthz")  # the other request was read by now
        service.process.send_signal(number)
        until(lambda: not takes_connections(service.port))
        connection.sendall(body[9:])
        answer = said(connection)
        assert b" 200 OK" in answer
        assert b'"id":"open"' in answer
        assert service.stop() == 0
        log = "".join(service.log)
    assert "POST /v1/search 200" in log
    assert "secretword" not in log
    assert "Traceback" not in log


@pytest.mark.slow
def test_what_was_acknowledged_outlives_a_kill_at_any_moment(engine: Engine) -> None:
    acknowledged: list[str] = []

    def write(service: Listening, writer: int) -> None:
        for number in range(1000):
            name = f"w{writer}-{number}"
            document = {"id": name, "title": f"zebra {name}"}
            try:
                status, _, _ = service.ask("POST", "/v1/documents", {"documents": [document]}, headers=BEARER)
            except (OSError, ValueError):
                return
            assert status == 200
            acknowledged.append(name)

    for round_ in range(2):
        with listening(engine.path, "--writable", token=TOKEN) as service:
            before = len(acknowledged)
            threads = [
                threading.Thread(target=write, args=(service, 10 * round_ + writer)) for writer in range(4)
            ]
            for thread in threads:
                thread.start()
            while len(acknowledged) < before + 12:
                assert service.ask("GET", "/v1/search?query=zebra&language=en")[0] == 200
            service.process.kill()
            for thread in threads:
                thread.join(30)
        opened = Engine.open(engine.path)
        opened.verify()
        assert {opened.document(name).title for name in acknowledged} == {
            f"zebra {name}" for name in acknowledged
        }
    assert len(acknowledged) >= 24


@pytest.mark.slow
def test_64_writers_at_once_all_write(engine: Engine) -> None:
    def write(service: Listening, number: int) -> int:
        refused = 0
        while True:
            document = {"id": f"w{number}", "title": f"zebra {number}"}
            status, headers, _ = service.ask(
                "POST", "/v1/documents", {"documents": [document]}, headers=BEARER
            )
            if status == 200:
                return refused
            assert status == 503
            refused += 1
            time.sleep(int(headers["retry-after"]) / 10)

    with listening(engine.path, "--writable", token=TOKEN) as service, ThreadPoolExecutor(64) as threads:
        list(threads.map(lambda number: write(service, number), range(64)))
        _, _, found = service.ask("GET", "/v1/search?query=zebra&language=en&top=100")
        assert {hit["id"] for hit in found["hits"]} == {f"w{number}" for number in range(64)}
        assert service.stop() == 0
    Engine.open(engine.path).verify()


def test_a_change_waits_for_the_one_that_another_process_makes(engine: Engine) -> None:
    from kivuko.artifact import try_exclusive

    body = {"documents": [{"id": "x", "title": "x"}]}
    with served(engine, Settings(token=TOKEN)) as port:
        service = Listening(None, port, [])  # type: ignore[arg-type]
        with try_exclusive(engine.path / "index" / "change") as free:
            assert free
            with ThreadPoolExecutor(1) as aside:
                waiting = aside.submit(service.ask, "POST", "/v1/documents", body, headers=BEARER)
                time.sleep(0.3)
                assert not waiting.done()
                status, _, found = service.ask("GET", "/v1/search?query=file&language=en")
                assert (status, bool(found["hits"])) == (200, True)  # searches do not wait
                status, headers, problem = waiting.result()
        assert (status, problem["type"]) == (503, "/problems/being-changed")
        assert int(headers["retry-after"]) >= 1
        assert service.ask("POST", "/v1/documents", body, headers=BEARER)[0] == 200


@pytest.mark.parametrize("begun", [b"", b"GET /", b"GET / HTTP/1.1\r\nX-Slow: ", _ALIVE + b"GET "])
def test_who_does_not_finish_a_request_is_hung_up_on(impatient: int, begun: bytes) -> None:
    with connect(impatient) as connection:
        connection.sendall(begun)
        started = time.monotonic()
        said(connection)
        assert time.monotonic() - started < 15
    assert is_alive(impatient)


def test_a_body_that_does_not_come_is_not_waited_for(impatient: int) -> None:
    with connect(impatient) as connection:
        connection.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        answer = said(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/request-timeout" in answer


def test_more_connections_than_are_allowed_are_told_so_and_leave_no_trace(impatient: int) -> None:
    held = [connect(impatient) for _ in range(60)]
    try:
        with connect(impatient) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert said(connection).startswith((b"HTTP/1.1 503 ", b"HTTP/1.1 200 "))
    finally:
        for each in held:
            each.close()
    deadline = time.monotonic() + 20
    while not is_alive(impatient):
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # RFC 9112, 3.2: no Host
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"x" * 50_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 50_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 414),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        # RFC 9112, 6.3: two lengths, or a length and chunks, are how requests are smuggled past a proxy.
        (_SEARCH + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n{}", 400),
        (_SEARCH + b"Content-Length: -1\r\n\r\n", 400),
        (_SEARCH + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (_SEARCH + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (_SEARCH + b"Content-Length: 9999999\r\n\r\n" + b"x" * (LIMITS.search_body + 1), 413),
        (
            _SEARCH
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + b"8000\r\n"
            + (b"x" * 0x8000 + b"\r\n8000\r\n") * 3,
            413,
        ),
        (b"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
            200,
        ),
        (b"GET //evil.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    ],
)
def test_what_is_no_request_is_refused_and_does_no_harm(impatient: int, sent: bytes, status: int) -> None:
    with connect(impatient) as connection:
        with contextlib.suppress(ConnectionError):  # it was refused before all was sent
            connection.sendall(sent)
        answer = said(connection)
    # A peer that is reset may have lost the answer; a wrong one it may not get.
    assert not answer or answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert is_alive(impatient)


@pytest.mark.slow
def test_the_command_says_what_is_wrong(tmp_path: Path, engine: Engine) -> None:
    def serve(*options: str) -> str:
        program = "from kivuko.cli.main import run; run()"
        command = [sys.executable, "-c", program, "serve", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        return done.stderr

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot listen here" in serve(str(engine.path), "--port", str(taken.getsockname()[1]))
    assert "needs a token" in serve(str(engine.path), "--writable")
    assert "no complete engine here" in serve(str(tmp_path / "none"))


def test_who_goes_away_leaves_the_queue(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    go, real, asked = threading.Event(), Engine.search, []

    def slow(self: Engine, query: str, **options: object) -> object:
        asked.append(query)
        go.wait(60)
        return real(self, query, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "search", slow)
    with served(engine, Settings(workers=1, queue=2)) as port:
        service = Listening(None, port, [])  # type: ignore[arg-type]

        def until_admitted(number: int) -> None:
            until(lambda: f"\nkivuko_searching {number}.0\n" in service.ask("GET", "/metrics")[2].decode())

        for number in range(3):  # the first runs, the others wait
            with connect(port) as connection:
                connection.sendall(b"GET /v1/search?query=gone%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
                until_admitted(min(number, 1) + 1)
                until(lambda: bool(asked))
            until_admitted(1)
        with ThreadPoolExecutor(2) as aside:
            waiting = [aside.submit(service.ask, "GET", "/v1/search?query=file") for _ in range(2)]
            until_admitted(3)
            go.set()
            assert [each.result()[0] for each in waiting] == [200, 200]
    assert asked == ["gone0", "file", "file"]
