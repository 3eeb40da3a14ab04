"""An engine as a server of the Model Context Protocol, for assistants: ``pip install 'kivuko[mcp]'``.

The tools ask for and give what the HTTP API does (:mod:`kivuko.service.answers`), as structured content and as text.
What an assistant asks wrongly is an error of the tool, which says what, where, what was expected and what to do.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kivuko.engine import Engine
from kivuko.engine.engine import EngineLike
from kivuko.errors import InputError, KivukoError, UnknownNameError, names_missing_extra

with names_missing_extra():
    import anyio
    from mcp import types
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    from kivuko.service import searching
    from kivuko.service.answers import Found, Languages, OneDocument, SearchBody
    from kivuko.service.problems import ProblemError, of_error

log = logging.getLogger("kivuko.mcp")


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _OneId(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, description="A document's id, as `search` gives it.")


@dataclass(frozen=True)
class _Tool:
    """What an assistant can do: what it has to say, what it is told, and how that is found out."""

    asked: type[BaseModel]
    answer: type[BaseModel]
    work: Callable[[Engine, Any], dict[str, Any]]


_TOOLS = {
    "search": _Tool(SearchBody, Found, searching.search),
    "get_document": _Tool(_OneId, OneDocument, lambda engine, asked: searching.document(engine, asked.id)),
    "languages": _Tool(_Nothing, Languages, lambda engine, _: searching.languages(engine)),
}


def make_server(engine: EngineLike) -> Server[Any]:
    """A server of an engine, for any transport of the SDK.

    It has the tools ``search``, ``get_document`` and ``languages``, none of which changes anything. Each call is
    answered by the engine as it then is, in a thread of its own.

    Args:
        engine: its folder, or an open one.

    Raises:
        ArtifactError: there is no complete engine.
    """
    opened = Engine.open(engine)

    async def list_tools(
        _: ServerRequestContext[Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        said = _descriptions(opened)
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=name,
                    description=said[name],
                    input_schema=tool.asked.model_json_schema(),
                    output_schema=tool.answer.model_json_schema(),
                    annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
                )
                for name, tool in _TOOLS.items()
            ]
        )

    async def call_tool(
        _: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            answer = await anyio.to_thread.run_sync(_call, opened, params.name, params.arguments or {})
        except ProblemError as problem:
            return types.CallToolResult(content=[_text(_in_words(problem))], is_error=True)
        return types.CallToolResult(
            content=[_text(json.dumps(answer, ensure_ascii=False))], structured_content=answer
        )

    return Server(
        "kivuko",
        version=version("kivuko"),
        instructions="Documents that can be searched in several languages: search first, then get_document.",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def serve(engine: EngineLike) -> None:
    """Answer one client over standard input and output, until it closes them.

    Raises:
        ArtifactError: there is no complete engine.
    """
    server = make_server(engine)

    async def run() -> None:
        async with stdio_server() as (received, sent):
            await server.run(received, sent, server.create_initialization_options())

    anyio.run(run)


def _descriptions(engine: Engine) -> dict[str, str]:
    own, *others = engine.languages
    spoken = ", ".join(language.name for language in others)
    asked = f"{own.name}, or in {spoken}, without translating it" if others else own.name
    return {
        "search": f"Search documents that are in {own.name}. Ask in {asked}. Gives the best documents, each with its "
        "title, passage and score.",
        "get_document": "One document, whole: title, text and metadata.",
        "languages": "The languages one can ask in, how each is searched, and how good that was found to be.",
    }


def _call(engine: Engine, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a tool answers, as JSON.

    Raises:
        ProblemError: the assistant asked for what cannot be, or the engine cannot be read.
    """
    try:
        if name not in _TOOLS:
            raise UnknownNameError("tool", name, _TOOLS)
        tool = _TOOLS[name]
        answer = tool.work(engine, _asked(tool, arguments))
        return tool.answer.model_validate(answer).model_dump(mode="json")
    except KivukoError as error:
        raise of_error(error, engine.path) from error
    except ProblemError:
        raise
    except Exception as error:
        log.exception("the tool %s failed", name)
        raise ProblemError("internal", "the server failed; its log says more") from error


def _asked(tool: _Tool, arguments: dict[str, Any]) -> BaseModel:
    try:
        return tool.asked.model_validate(arguments)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)
        raise InputError(
            "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong),
            where="arguments",
            expected=", ".join(tool.asked.model_fields) or "no arguments",
        ) from error


def _in_words(problem: ProblemError) -> str:
    rows = [
        f"  {name}: {problem.members[name]}"
        for name in ("where", "expected", "got", "remedy")
        if name in problem.members
    ]
    return "\n".join([problem.what, *rows])


def _text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)
