"""MediaWiki's message files: one JSON object per language, message key → text."""

from __future__ import annotations

import json

from kivuko.errors import InputError


def read_messages(data: bytes, where: object) -> dict[str, str]:
    """Messages of one file by key; the ``@metadata`` entry is left out.

    Args:
        data: the file's content.
        where: its path, for errors.

    Raises:
        InputError: the file is not a JSON object of strings in UTF-8.
    """
    try:
        body = json.loads(data.decode("utf-8"))
    except ValueError as error:
        raise InputError("this is not a JSON message file in UTF-8", where=where, got=str(error)) from error
    if not isinstance(body, dict):
        raise InputError("this is not a JSON object", where=where, got=type(body).__name__)
    return {key: text for key, text in body.items() if not key.startswith("@") and isinstance(text, str)}
