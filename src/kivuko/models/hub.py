"""Models from the hub: the one place that may touch a network model store."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from kivuko.errors import FetchError, MissingExtraError, UnknownNameError
from kivuko.models.catalogue import catalogue

# Configuration, tokenizers and safetensors; no pickled weights and no code.
_WANTED = ["*.json", "*.txt", "*.model", "*.spm", "*.safetensors"]
_ANSWER_SECONDS = 10.0


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
