"""A late-interaction model as one graph that ONNX Runtime encodes texts with, in float32 or mostly in int8."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from kivuko.artifact import MANIFEST, check_replaceable, folder_bytes, read_manifest, write_artifact
from kivuko.errors import InputError, MissingExtraError
from kivuko.models.encoding import batch_vectors
from kivuko.models.late_interaction import KIND, length_limit, load, space_of
from kivuko.models.loading import EXPORTED, TOKENIZER_FILES, transformer_root
from kivuko.models.onnx_encoder import GRAPH, OnnxEncoder
from kivuko.models.onnx_graph import quantise, write_graph

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

    from kivuko.models.encoder import Encoder

Precision = Literal["fp32", "int8"]
_LEAST_COSINE = 0.9999
#: Texts that both models encode; together, so that most have pads, and alone.
_SENTENCES = "Open the file. Print 12 pages (in colour)! Fungua dirisha jipya? Gabatee bal'isuu; Leihoa itxi."
_COMPARED = 8
_COPIED = ("*.json", "*.md", "LICEN[CS]E*", "NOTICE*", *TOKENIZER_FILES)


@dataclass(frozen=True)
class ExportReport:
    """What :func:`export` wrote; the manifest has it under ``onnx``.

    Attributes:
        precision: of the graph.
        max_length: pieces of a text that are read, special ones included.
        cosine_mean, cosine_min: between the token vectors of the original in float32 and of the graph, over texts of
            several lengths, each with others and alone.
        bytes_before, bytes_after: of the folders' files.
        left_out: files of the original's folder that this one does not have.
    """

    precision: Precision
    max_length: int
    cosine_mean: float
    cosine_min: float
    bytes_before: int
    bytes_after: int
    left_out: tuple[str, ...]


def export(model: Path, output: Path, precision: Precision) -> ExportReport:
    """Write a late-interaction model as a folder that is opened with ONNX Runtime, without weights to train.

    Its space is the original's, so that either can search what the other encoded.

    Args:
        model: a model folder of ours.
        output: the folder to write.
        precision: ``"fp32"`` for the original's vectors, ``"int8"`` for a fraction of the time and size on processors
            without instructions for bfloat16. The README of docs/results/encoding has what int8 costs.

    Raises:
        InputError: the model has parts that no graph is made of, or the graph gives other vectors in float32.
        ArtifactError: ``model`` is damaged or does not name its space, or ``output`` holds something else.
        StorageError: the disk refused a write.
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "onnx")
    check_replaceable(output, KIND)
    encoder = load(model).cpu()
    _check_modules(encoder, model)
    manifest = read_manifest(model, KIND)
    meta: dict[str, Any] = {**manifest.meta, "space": space_of(model)}
    limit = length_limit(encoder)
    texts = _texts(encoder, limit)
    expected = _vectors(encoder, texts)
    with write_artifact(output, KIND, parents={"model": manifest.hash}, meta=meta) as building:
        left_out = _copy(model, building)
        if precision == "fp32":
            write_graph(encoder, building / GRAPH)
        else:
            with tempfile.TemporaryDirectory(prefix="kivuko-") as folder:
                dense = write_graph(encoder, Path(folder) / GRAPH, rounded_embeddings=True)
                quantise(Path(folder) / GRAPH, building / GRAPH, last_kept=dense)
        cosines = (expected * _vectors(OnnxEncoder(building, limit), texts)).sum(axis=1)
        if precision == "fp32" and not cosines.min() >= _LEAST_COSINE:
            raise InputError(
                "the exported graph gives other vectors than this model",
                where=model,
                expected=f"cosines of at least {_LEAST_COSINE}",
                got=float(cosines.min()),
                remedy="use the model as it is, and report which one it is",
            )
        report = ExportReport(
            precision=precision,
            max_length=limit,
            cosine_mean=float(cosines.mean()),
            cosine_min=float(cosines.min()),
            bytes_before=folder_bytes(model),
            bytes_after=folder_bytes(building),
            left_out=tuple(left_out),
        )
        meta[EXPORTED] = asdict(report)
    return report


def _check_modules(encoder: MultiVectorEncoder, model: Path) -> None:
    """Refuse modules that the graph would not have."""
    names = [type(module).__name__ for module in encoder]
    fits = names[0] == "Transformer" and names[-1] == "MultiVectorMask"
    fits = fits and set(names[1:-1]) <= {"Normalize", "Dense"}
    if not fits or encoder[0].query_expansion is not None:
        raise InputError(
            "this model has parts that cannot be exported",
            where=model,
            expected="Transformer, any of Normalize and Dense, MultiVectorMask, and queries that are not expanded",
            got=", ".join(names) + (" with expanded queries" if encoder[0].query_expansion else ""),
            remedy="use the model as it is: it is encoded in torch",
        )


def _texts(encoder: Encoder, limit: int) -> list[str]:
    """Of one word up to more than is read."""
    words = _SENTENCES.split()
    lengths = np.geomspace(1, limit, _COMPARED).astype(int)
    return [" ".join((words * limit)[number : number + length]) for number, length in enumerate(lengths)]


def _vectors(encoder: Encoder, texts: list[str]) -> np.ndarray[Any, Any]:
    """[tokens, dim] float64 of all texts encoded together, then of each alone."""
    with torch.inference_mode():
        groups = [texts, *([text] for text in texts)]
        found = [own for group in groups for own in batch_vectors(encoder, group, "document")]
    return torch.cat(found).double().numpy()


def _copy(model: Path, target: Path) -> list[str]:
    """Copy settings, texts and the tokenizer; what is left out."""
    root, left_out = transformer_root(model), []
    for file in sorted(path for path in model.rglob("*") if path.is_file() and path != model / MANIFEST):
        name = file.relative_to(model)
        of_module = file.name == "config.json" and len(name.parts) == 2
        if of_module or (file.parent in {model, root} and any(fnmatch(file.name, form) for form in _COPIED)):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / name)
        else:
            left_out.append(name.as_posix())
    return left_out
