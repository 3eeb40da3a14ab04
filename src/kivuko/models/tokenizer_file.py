"""An encoder's ``tokenizer.json``, opened without its encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kivuko.errors import InputError, MissingExtraError

FILE = "tokenizer.json"


def open_tokenizer(folder: Path) -> Any:
    """The ``tokenizers.Tokenizer`` of a folder, which pads and cuts nothing.

    Args:
        folder: where ``tokenizer.json`` lies.

    Raises:
        InputError: the folder has no ``tokenizer.json``, or one that cannot be read.
        MissingExtraError: the package ``tokenizers`` is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError("tokenizers", "train") from error
    file = folder / FILE
    if not file.is_file():
        raise InputError(
            "this encoder has no tokenizer in one file",
            where=file,
            expected="tokenizer.json, as a fast tokenizer is saved",
            remedy="save it again with transformers: AutoTokenizer.from_pretrained(…).save_pretrained(FOLDER)",
        )
    try:
        tokenizer: Any = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more exact
        raise InputError("this tokenizer cannot be read", where=file, got=str(error)) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
