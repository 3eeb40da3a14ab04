"""An engine as an MCP server: asked by the SDK's own client, in this process and over the pipes of a process."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult
from typer.testing import CliRunner

from kivuko.cli.main import app
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.engine.languages import LanguageParts
from kivuko.errors import ArtifactError
from kivuko.languages import resolve
from kivuko.mcp import make_server
from offline import with_our_programs
from service import lexical_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return lexical_engine(tmp_path_factory.mktemp("mcp") / "engine")


def asking(server: Any, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(server) as client:
            return await ask(client)

    return asyncio.run(run())


def called(engine: Engine, name: str, **arguments: Any) -> CallToolResult:
    return asking(make_server(engine), lambda client: client.call_tool(name, arguments))


@pytest.mark.parametrize(
    ("query", "language"),
    [
        ("faayilii banuu", "orm-Latn"),
        ("ឯកសារ បើក", "khm-Khmr"),
        ("ፋይል ክፈት", "amh-Ethi"),
        ("فائل کھولیں", "urd-Arab"),
    ],
)
def test_an_assistant_searches_in_any_language(engine: Engine, query: str, language: str) -> None:
    found = called(engine, "search", query=query, top=2, explain=True)
    assert not found.is_error
    answer = found.structured_content
    assert (answer["language"], answer["guessed"], answer["hits"][0]["id"]) == (language, True, "open")
    assert answer["hits"][0]["matches"]
    assert json.loads(found.content[0].text) == answer
    assert query in found.content[0].text  # as it is written, not in escapes
    assert len(answer["hits"]) <= 2


def test_the_language_filters_and_method_can_be_said(engine: Engine) -> None:
    found = called(engine, "search", query="fuula", language="om", where={"year": [2021]}, method="bm25")
    answer = found.structured_content
    assert (answer["guessed"], answer["method"], answer["hits"]) == (False, "bm25", [])


def test_a_document_and_the_languages(engine: Engine) -> None:
    document = called(engine, "get_document", id="evil/<1>").structured_content
    assert document["text"] == engine.document("evil/<1>").text
    languages = called(engine, "languages").structured_content
    assert [each["short"] for each in languages["languages"]] == ["en", "am", "km", "om", "ur"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search", {}, "query: Field required"),
        ("search", {"query": " \u00a0"}, "the query is empty"),
        ("search", {"query": ""}, "at least 1 character"),
        ("search", {"query": 5}, "query: Input should be a valid string"),
        ("search", {"query": "x" * 1001}, "at most 1000 characters"),
        ("search", {"query": "file", "top": 0}, "top: Input should be greater than or equal to 1"),
        ("search", {"query": "file", "lang": "om"}, "lang: Extra inputs are not permitted"),
        ("search", {"query": "file", "language": "sw"}, "does not know Swahili"),
        ("search", {"query": "file", "language": "klingon"}, "unknown language 'klingon'"),
        ("search", {"query": "file", "where": {"yaer": 2020}}, "did you mean year"),
        ("search", {"query": "file", "method": "fusion"}, "searching by fusion needs a model"),
        ("search", {"query": "file", "method": "bm52"}, "'bm25'"),
        ("get_document", {"id": "nowhere"}, "no document of this id"),
        ("languages", {"of": "all"}, "no arguments"),
        ("searhc", {"query": "file"}, "did you mean search"),
    ],
)
def test_what_is_asked_wrongly_is_an_error_of_the_tool(
    engine: Engine, name: str, arguments: dict[str, Any], said: str
) -> None:
    found = called(engine, name, **arguments)
    assert found.is_error
    assert said in found.content[0].text
    assert str(engine.path) not in found.content[0].text  # where it lies is nobody's business


def test_the_tools_say_what_they_take_and_give(engine: Engine) -> None:
    tools = {
        tool.name: tool for tool in asking(make_server(engine), lambda client: client.list_tools()).tools
    }
    assert set(tools) == {"search", "get_document", "languages"}
    assert tools["search"].input_schema["required"] == ["query"]
    assert tools["search"].input_schema["additionalProperties"] is False
    assert "hits" in tools["search"].output_schema["properties"]
    assert "English, or in Amharic, Khmer, Oromo, Urdu" in tools["search"].description
    assert all(tool.annotations.read_only_hint for tool in tools.values())


def test_changes_of_the_engine_are_seen(tmp_path: Path) -> None:
    engine = Engine.create(tmp_path / "engine", [Document("a", "A file", "")], kind="lexical")
    server = make_server(tmp_path / "engine")

    async def ask(client: Client) -> None:
        assert "in English. Ask in English. " in (await client.list_tools()).tools[0].description
        lexicon = Lexicon(resolve("sw"), {"faili": {"file": 1.0}})
        engine.add_language("sw", LanguageParts(lexicon=lexicon))
        engine.add([Document("b", "Another file", "")])
        found = await client.call_tool("search", {"query": "faili", "language": "sw"})
        assert {hit["id"] for hit in found.structured_content["hits"]} == {"a", "b"}

    asking(server, ask)


def test_a_failure_of_the_server_is_logged_and_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("kivuko.service.searching.ask", fails)
    found = called(engine, "search", query="file")
    assert found.is_error
    assert "a secret" not in found.content[0].text
    assert "a secret" in caplog.text


def test_a_process_speaks_the_protocol_and_nothing_else(engine: Engine) -> None:
    server = StdioServerParameters(command="kivuko", args=["mcp", str(engine.path)], env=with_our_programs())

    async def ask(client: Client) -> tuple[Any, Any]:
        found = await client.call_tool("search", {"query": "ឯកសារ បើក"})
        return found, await client.call_tool("get_document", {"id": "nowhere"})

    found, failed = asking(server, ask)
    assert found.structured_content["hits"][0]["id"] == "open"
    assert failed.is_error


def test_a_client_that_leaves_ends_it_and_its_output_is_json_alone(engine: Engine) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    started = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "languages"}}
    with subprocess.Popen(
        ["kivuko", "mcp", str(engine.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=with_our_programs(),
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write("no JSON\n" + "".join(json.dumps(each) + "\n" for each in (hello, started, call)))
        server.stdin.flush()
        answers = {}
        while 2 not in answers:
            answer = json.loads(server.stdout.readline())
            answers[answer.get("id")] = answer
        rest, _ = server.communicate()  # closes its input
    assert answers[1]["result"]["serverInfo"]["name"] == "kivuko"
    assert answers[2]["result"]["structuredContent"]["documents"] == 4
    assert (server.returncode, rest) == (0, "")


def test_there_is_no_server_without_an_engine(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        make_server(tmp_path / "nothing")
    done = CliRunner().invoke(app, ["mcp", str(tmp_path / "nothing")])
    assert isinstance(done.exception, ArtifactError)
    assert done.stdout == ""
