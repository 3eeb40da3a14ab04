"""The service in this process: what it answers, to good requests and to bad ones."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.types import ASGIApp

from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.errors import InputError
from kivuko.service.answers import EXAMPLES, NewDocuments, SearchBody
from kivuko.service.app import create_app
from kivuko.service.problems import TYPES
from kivuko.service.settings import LIMITS, Settings, Timeouts, read_token
from service import DICTIONARIES, TOKEN, ask, lexical_engine

BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lexical_engine(tmp_path_factory.mktemp("service") / "engine").path


@pytest.fixture(scope="module")
def app(made: Path) -> ASGIApp:
    """Of an engine that no test changes."""
    return create_app(Engine.open(made), Settings(hosts=("127.0.0.1",)))


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Engine:
    """An engine to change."""
    shutil.copytree(made, tmp_path / "engine")
    return Engine.open(tmp_path / "engine")


@pytest.fixture
def writable(own: Engine) -> ASGIApp:
    return create_app(own, Settings(token=TOKEN))


@pytest.mark.parametrize("language", [None, *DICTIONARIES])
def test_a_search_answers_what_the_engine_does(app: ASGIApp, made: Path, language: str | None) -> None:
    words = list(DICTIONARIES[language or "om"])
    query = f"{words[2]} {words[3]}"
    engine = Engine.open(made)
    expected = engine.search(query, language=language, top=2, explain=True)
    by_address = f"/v1/search?query={quote(query)}&top=2&explain=true"
    body = {"query": query, "top": 2, "explain": True}
    if language:
        by_address, body = f"{by_address}&language={language}", {**body, "language": language}
    for answer in (ask(app, "GET", by_address), ask(app, "POST", "/v1/search", body)):
        found = answer.json
        assert answer.status == 200
        assert [(hit["id"], hit["score"]) for hit in found["hits"]] == [
            (hit.id, hit.score) for hit in expected
        ]
        assert (found["language"], found["guessed"]) == (expected.language.tag, language is None)
        assert found["generation"] == expected.generation == engine.generation
        for hit, own in zip(found["hits"], expected, strict=True):
            full = own.document.full_text
            assert hit["passage"]["text"] == full[hit["passage"]["begin"] : hit["passage"]["end"]]
            for match in hit["matches"]:
                assert query[slice(*match["query_span"])] == match["query_word"]
                assert {full[slice(*span)].lower() for span in match["document_spans"]} == {
                    match["document_word"]
                }
        assert found["hits"][0]["id"] == "print"


def test_filters_by_address_and_by_body(app: ASGIApp) -> None:
    for year, expected in (("2020", {"open"}), ("2021", {"print", "table"})):
        answer = ask(app, "GET", f"/v1/search?query=file+page+table&where=year={year}&language=en")
        assert {hit["id"] for hit in answer.json["hits"]} == expected
    body = {"query": "file page table", "where": {"year": [2020, 2021]}, "language": "en"}
    assert len(ask(app, "POST", "/v1/search", body).json["hits"]) == 3


def test_long_documents_are_shown_by_the_part_that_was_met(own: Engine) -> None:
    own.add([Document("long", "Long", "filler " * 3000 + "zebra here " + "filler " * 3000)])
    for explain in ("true", "false"):
        answer = ask(
            create_app(own, Settings()), "GET", f"/v1/search?query=zebra&language=en&explain={explain}"
        )
        passage = answer.json["hits"][0]["passage"]
        assert "zebra" in passage["text"]
        assert len(passage["text"]) <= LIMITS.passage


def test_the_method_can_be_chosen(app: ASGIApp) -> None:
    found = ask(app, "GET", "/v1/search?query=fuula&language=om&method=bm25").json
    assert (found["method"], found["reader"], found["hits"]) == ("bm25", None, [])
    languages = {each["short"]: each for each in ask(app, "GET", "/v1/languages").json["languages"]}
    assert [way["method"] for way in languages["om"]["ways"]] == ["lexicon-bm25", "bm25"]
    assert [languages[each]["direction"] for each in ("ur", "am")] == ["rtl", "ltr"]
    assert next(iter(languages)) == "en"
    assert languages["en"]["of_documents"]


@pytest.mark.parametrize("name", ["open", "evil/<1>"])
def test_a_document_is_read_by_its_id(app: ASGIApp, made: Path, name: str) -> None:
    expected = Engine.open(made).document(name)
    for path in {quote(name), quote(name, safe="")}:
        found = ask(app, "GET", f"/v1/documents/{path}").json
        assert (found["id"], found["title"], found["text"]) == (expected.id, expected.title, expected.text)


PROBLEMS = [
    ("GET", "/v1/search?query=x&language=xx", None, "unknown-name"),
    ("GET", "/v1/search?query=x&language=sw", None, "unknown-language"),
    ("GET", "/v1/search?query=x&language=om&method=fusion", None, "invalid-input"),
    ("GET", "/v1/search?query=x&language=en&method=lexicon-bm25", None, "invalid-input"),
    ("GET", "/v1/search?query=x&method=magic", None, "invalid-input"),
    ("GET", "/v1/search?query=x&where=colour=red", None, "unknown-name"),
    ("GET", "/v1/search?query=x&where=year", None, "invalid-input"),
    ("GET", "/v1/search?query=x&top=0", None, "invalid-input"),
    ("GET", f"/v1/search?query=x&top={LIMITS.top + 1}", None, "invalid-input"),
    ("GET", "/v1/search?query=x&topp=3", None, "invalid-input"),
    ("GET", "/v1/search", None, "invalid-input"),
    ("GET", "/v1/search?query=", None, "invalid-input"),
    ("GET", "/v1/search?query=%20%E2%80%8B%20", None, "invalid-input"),
    ("GET", f"/v1/search?query={'x' * (LIMITS.query + 1)}", None, "invalid-input"),
    ("GET", "/v1/search?query=%ff", None, "malformed-request"),
    ("GET", "/v1/documents/%c3%28", None, "malformed-request"),
    ("GET", "/v1/documents/none", None, "unknown-document"),
    ("GET", "/v1/documents/../../etc/passwd", None, "unknown-document"),
    ("GET", "/v1/documents/", None, "unknown-document"),
    ("GET", "/v1/documents", None, "method-not-allowed"),
    ("GET", "/page/../app.py", None, "not-found"),
    ("GET", "/page/%2e%2e%2fapp.py", None, "not-found"),
    ("GET", "/v2", None, "not-found"),
    ("PUT", "/v1/search", None, "method-not-allowed"),
    ("TRACE", "/", None, "method-not-allowed"),
    ("NONSENSE", "/healthz", None, "method-not-allowed"),
    ("POST", "/v1/search", b"", "invalid-input"),
    ("POST", "/v1/search", b"{", "malformed-request"),
    ("POST", "/v1/search", b"[]", "invalid-input"),
    ("POST", "/v1/search", b'{"query": "\xff"}', "malformed-request"),
    ("POST", "/v1/search", b'{"query": "\\ud800"}', "invalid-input"),
    ("POST", "/v1/search", b'{"\\udfff": 1, "query": "x"}', "invalid-input"),
    ("POST", "/v1/search", b'{"query": "x", "where": {"year": ' + b"9" * 5000 + b"}}", "malformed-request"),
    ("POST", "/v1/search", b'{"query": "x", "where": {"year": NaN}}', "invalid-input"),
    ("POST", "/v1/search", b"[" * 60_000, "malformed-request"),
    ("POST", "/v1/search", b'{"query": ' + b'{"a":' * 9_000 + b"1" + b"}" * 9_001, "malformed-request"),
    ("POST", "/v1/search", b"x" * (LIMITS.search_body + 1), "content-too-large"),
    ("POST", "/v1/search", {"query": "x", "where": {f"f{n}": 1 for n in range(LIMITS.filters + 1)}}, "invalid-input"),
    ("POST", "/v1/documents", {"documents": [{"id": "new"}]}, "read-only"),
    ("DELETE", "/v1/documents/open", None, "read-only"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "target", "body", "name"), PROBLEMS)
def test_what_cannot_be_is_a_problem_that_teaches(
    app: ASGIApp, made: Path, method: str, target: str, body: Any, name: str
) -> None:
    answer = ask(app, method, target, body)
    problem = answer.json
    assert (problem["type"], answer.status) == (f"/problems/{name}", TYPES[name].status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status
    assert problem["detail"] == problem["what"]
    assert problem["remedy"]
    assert ("allow" in answer.headers) == (answer.status == 405)
    assert str(made.parent) not in answer.content.decode()  # where it lies is nobody's business


def test_every_type_of_problem_has_a_page(app: ASGIApp) -> None:
    for name, kind in TYPES.items():
        assert kind.title in ask(app, "GET", f"/problems/{name}").content.decode()
    assert ask(app, "GET", "/problems/none").status == 404


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_a_body_that_does_not_say_it_is_json_is_refused(app: ASGIApp, kind: str) -> None:
    # What a form of another site can send without asking (WHATWG Fetch, CORS-safelisted Content-Type).
    answer = ask(app, "POST", "/v1/search", {"query": "x"}, headers={"content-type": kind})
    assert answer.json["type"] == "/problems/unsupported-media-type"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1]", "127.0.0.1@evil"])
def test_a_host_that_nobody_named_is_refused(app: ASGIApp, host: str) -> None:
    assert ask(app, "GET", "/healthz", headers={"host": host}).json["where"] == "header Host"
    assert ask(app, "GET", "/healthz", headers={"host": "127.0.0.1:8080"}).status == 200


def test_headers_that_keep_a_page_safe_are_on_every_answer(app: ASGIApp) -> None:
    for method, target in (
        ("GET", "/"),
        ("GET", "/v1/languages"),
        ("GET", "/none"),
        ("GET", "/v1/search?query=%ff"),
    ):
        headers = ask(app, method, target, headers={"origin": "https://other.example"}).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert not [name for name in headers if name.startswith("access-control-")]


def test_other_sites_may_ask_where_that_is_wanted(made: Path) -> None:
    app = create_app(Engine.open(made), Settings(origins=("https://other.example",)))
    for origin, allowed in (("https://other.example", True), ("https://evil.example", False)):
        headers = ask(app, "GET", "/v1/languages", headers={"origin": origin}).headers
        assert (headers.get("access-control-allow-origin") == origin) == allowed


def test_documents_are_added_replaced_and_deleted_by_who_knows_the_token(
    writable: ASGIApp, own: Engine
) -> None:
    def add(*ids: str, **more: object) -> Any:
        body = {
            "documents": [{"id": name, "title": "zebra", "metadata": {"year": 1}} for name in ids],
            **more,
        }
        return ask(writable, "POST", "/v1/documents", body, headers=BEARER)

    before = ask(writable, "GET", "/readyz").json["generation"]
    changed = add("a", "b/c")
    assert (changed.status, changed.json["added"]) == (200, 2)
    found = ask(writable, "GET", "/v1/search?query=zebra&language=en").json
    assert {hit["id"] for hit in found["hits"]} == {"a", "b/c"}
    assert found["generation"] == changed.json["generation"] != before
    assert add("a").json["type"] == "/problems/document-exists"
    assert add("new", "new").json["what"] == "two documents have the same id"
    assert add("a", replace=True).status == 200
    assert ask(writable, "DELETE", "/v1/documents/b/c", headers=BEARER).json["deleted"] == 1
    assert ask(writable, "DELETE", "/v1/documents/b/c", headers=BEARER).status == 404
    assert {hit.id for hit in own.search("zebra", language="en")} == {"a"}
    own.verify()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": "Bearer \xff\xe9"},
        {"cookie": f"token={TOKEN}"},
    ],
)
def test_without_the_token_nothing_is_changed(
    writable: ASGIApp, own: Engine, headers: dict[str, str]
) -> None:
    before = own.generation
    for method, target, body in (
        ("POST", "/v1/documents", {"documents": [{"id": "x"}]}),
        ("DELETE", "/v1/documents/open", None),
    ):
        answer = ask(writable, method, target, body, headers=headers)
        assert answer.json["type"] == "/problems/unauthorised"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert own.generation == before


@pytest.mark.parametrize(
    "document",
    [
        {"id": ""},
        {"id": "x" * 513},
        {"title": "no id"},
        {"id": "x", "metadata": {"a": [1]}},
        {"id": "x", "metadata": {"a": 2**60}},
        {"id": "x", "metadata": {"a": None}},
        {"id": "x", "txt": "typo"},
        {"id": "x", "title": "\ud800"},
        {"id": "x", "metadata": {"\ud800": 1}},
    ],
)
def test_documents_that_cannot_be_kept_are_refused(writable: ASGIApp, document: dict[str, Any]) -> None:
    answer = ask(writable, "POST", "/v1/documents", {"documents": [document]}, headers=BEARER)
    assert answer.json["type"] == "/problems/invalid-input"


def test_metadata_keep_their_types(writable: ASGIApp, own: Engine) -> None:
    metadata = {"whole": 3, "part": 0.5, "true": True, "text": "3"}
    body = {"documents": [{"id": "m", "title": "m", "metadata": metadata}]}
    assert ask(writable, "POST", "/v1/documents", body, headers=BEARER).status == 200
    found = own.document("m").metadata
    assert {name: (type(value), value) for name, value in found.items()} == {
        name: (type(value), value) for name, value in metadata.items()
    }


def test_what_another_process_changes_is_seen_by_the_next_request(own: Engine) -> None:
    app = create_app(Engine.open(own.path), Settings())
    first = ask(app, "GET", "/v1/search?query=zebra&language=en").json
    own.add([Document("z", "zebra", "")])
    second = ask(app, "GET", "/v1/search?query=zebra&language=en").json
    assert [hit["id"] for hit in second["hits"]] == ["z"]
    assert first["generation"] != second["generation"] == own.generation


def test_searches_go_on_while_documents_and_languages_change(own: Engine) -> None:
    """Eight threads ask one open engine while another one of it replaces a document and a language."""
    from kivuko.codeswitch import Lexicon
    from kivuko.engine.languages import LanguageParts

    reader, over = Engine.open(own.path), threading.Event()
    asked = SearchBody(query="maxxansuu fuula", explain=True)
    from kivuko.service.searching import search

    def many() -> set[str]:
        seen = set()
        while not over.is_set():
            found = search(reader, asked)
            assert found["hits"][0]["id"] == "print"
            seen.add(found["generation"])
        return seen

    words = {**DICTIONARIES["om"]}
    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(many) for _ in range(8)]
        try:
            for number in range(6):
                own.add([Document("other", f"Other {number}", "")], replace=True)
                words[f"new{number}"] = "other"
                lexicon = Lexicon(
                    own.language("om"), {word: {english: 1.0} for word, english in words.items()}
                )
                own.add_language("om", LanguageParts(lexicon=lexicon))
        finally:
            over.set()
        assert len(set.union(*(each.result() for each in running))) > 1


def test_beyond_the_queue_it_says_when_to_come_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, go = Engine.open(made), threading.Event()
    app = create_app(engine, Settings(workers=1, queue=1))
    real = Engine.search

    def slow(self: Engine, *arguments: Any, **options: Any) -> Any:
        go.wait(30)
        return real(self, *arguments, **options)

    monkeypatch.setattr(Engine, "search", slow)
    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(ask, app, "GET", "/v1/search?query=file") for _ in range(8)]
        while sum(each.done() for each in running) < 6:
            pass
        assert ask(app, "GET", "/readyz").status == 200  # however many searches wait
        go.set()
        answers = [each.result() for each in running]
    assert sorted(answer.status for answer in answers) == [200, 200, *[503] * 6]
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.json["type"] == "/problems/busy"
    assert int(refused.headers["retry-after"]) >= 1
    assert ask(app, "GET", "/v1/search?query=file").status == 200


def test_what_takes_too_long_is_given_up_and_keeps_its_place(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    app = create_app(Engine.open(made), Settings(workers=1, queue=0, timeouts=Timeouts(search=0.05)))
    monkeypatch.setattr(Engine, "search", lambda *_, **__: go.wait(30))
    answer = ask(app, "GET", "/v1/search?query=file")
    assert answer.json["type"] == "/problems/timed-out"
    assert "retry-after" in answer.headers
    assert ask(app, "GET", "/v1/search?query=file").json["type"] == "/problems/busy"
    go.set()


def test_a_failure_of_ours_tells_a_client_nothing_and_the_log_no_query(
    made: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Engine, query: str, **_: Any) -> None:
        raise ValueError(query)

    monkeypatch.setattr(Engine, "search", broken)
    with caplog.at_level(logging.INFO, "kivuko.service"):
        answer = ask(create_app(Engine.open(made), Settings()), "GET", "/v1/search?query=secret")
    assert answer.json["type"] == "/problems/internal"
    assert "secret" not in answer.content.decode()
    assert "broken" in caplog.text  # where it was raised
    assert "secret" not in caplog.text


def test_an_engine_that_was_damaged_is_unusable_and_not_shown(
    own: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(own, Settings())
    assert ask(app, "GET", "/readyz").status == 200
    manifest = (own.path / "manifest.json").read_bytes()
    (own.path / "manifest.json").write_text("{")
    for target in ("/readyz", "/v1/search?query=file", "/v1/languages"):
        answer = ask(app, "GET", target)
        assert answer.json["type"] == "/problems/engine-unusable"
        assert str(own.path.parent) not in answer.content.decode()
    assert ask(app, "GET", "/healthz").status == 200
    (own.path / "manifest.json").write_bytes(manifest)
    assert ask(app, "GET", "/readyz").status == 200  # mended, it needs no restart


def test_the_log_has_queries_only_where_that_is_wanted(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    for wanted in (False, True):
        caplog.clear()
        app = create_app(Engine.open(made), Settings(log_queries=wanted, token=TOKEN))
        with caplog.at_level(logging.DEBUG):
            ask(app, "GET", "/v1/search?query=secretword")
            ask(app, "GET", "/v1/search?query=secretword&language=%0a2026-01-01")
            ask(app, "POST", "/v1/documents", {"documents": []}, headers=BEARER)
        assert ("secretword" in caplog.text) == wanted
        assert TOKEN not in caplog.text
        assert all("\n" not in record.getMessage() for record in caplog.records)
    assert TOKEN not in repr(Settings(token=TOKEN))


def test_metrics_count_and_hold_nothing_that_a_client_made_up(app: ASGIApp) -> None:
    for target in ("/v1/search?query=zzsecret&language=en", "/zzmadeup", "/v1/documents/zzsecret"):
        ask(app, "GET", target)
    ask(app, "ZZMETHOD", "/")
    text = ask(app, "GET", "/metrics").content.decode()
    assert 'kivuko_requests_total{method="GET",route="/v1/search",status="200"}' in text
    assert 'kivuko_requests_total{method="GET",route="none",status="404"}' in text
    assert 'kivuko_searches_without_hits_total{language="eng-Latn"}' in text
    assert "zz" not in text.lower()


def test_the_schema_is_openapi_3_1_and_its_examples_fit(app: ASGIApp) -> None:
    schema = ask(app, "GET", "/openapi.json").json
    assert schema["openapi"].startswith("3.1")
    SearchBody.model_validate(EXAMPLES["search"])
    NewDocuments.model_validate(EXAMPLES["documents"])
    documented = {
        name.partition(":")[0]
        for path in schema["paths"].values()
        for operation in path.values()
        for answer in operation["responses"].values()
        for name in answer["description"].split("; ")
    }
    assert set(TYPES) - {"not-found", "method-not-allowed"} <= documented
    write = schema["paths"]["/v1/documents"]["post"]
    assert write["security"] == [{"token": []}]
    assert write["requestBody"]["content"]["application/json"]["example"] == EXAMPLES["documents"]


def test_a_page_file_that_a_browser_has_is_not_sent_again(app: ASGIApp) -> None:
    first = ask(app, "GET", "/")
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    again = ask(app, "GET", "/", headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status, again.content) == (304, b"")


def test_a_token_has_to_be_there_and_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KIVUKO_TOKEN", raising=False)
    with pytest.raises(InputError, match="needs a token"):
        read_token(None)
    monkeypatch.setenv("KIVUKO_TOKEN", f"{TOKEN}\n")
    assert read_token(None) == TOKEN
    file = tmp_path / "token"
    file.write_text("short\n")
    with pytest.raises(InputError, match="protects nothing") as refused:
        Settings(token=read_token(file))
    assert "short" not in str(refused.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_token(tmp_path / "none")


def test_without_the_extra_it_says_which(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kivuko.cli.main import run

    # This one alone: packages have their modules as attributes, and others would be left with twins of theirs.
    monkeypatch.delitem(sys.modules, "kivuko.service.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr(sys, "argv", ["kivuko", "serve", str(made)])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 2
    assert "pip install 'kivuko[serve]'" in capsys.readouterr().err


def test_nothing_is_json_that_is_not(app: ASGIApp) -> None:
    for target in ("/v1/languages", "/v1/search?query=file", "/readyz", "/healthz", "/v1/documents/open"):
        answer = ask(app, "GET", target)
        assert answer.headers["cache-control"] == "no-store"
        json.loads(answer.content, parse_constant=lambda name: pytest.fail(name))
