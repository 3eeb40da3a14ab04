"""A late-interaction model as a graph for ONNX Runtime, in float32 or mostly in int8: exported, and encoding texts.

The graph is the Transformer and what follows it, pieces in and token vectors out; which tokens are of content is
said outside it. The folder encodes as the original does, and cannot be trained.
"""

from __future__ import annotations

import copy
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from kivuko.artifact import (
    MANIFEST,
    check_replaceable,
    folder_bytes,
    is_complete,
    read_manifest,
    write_artifact,
)
from kivuko.errors import InputError, MissingExtraError
from kivuko.models.compared import sample_texts, vectors_of
from kivuko.models.identity import model_hash, space_of
from kivuko.models.late_interaction import KIND, length_limit, load
from kivuko.models.layout import EXPORTED, TOKENIZER_FILES, layout_of, modules_of, transformer_root
from kivuko.models.loading import quiet
from kivuko.models.runtime import open_session, run
from kivuko.models.token_vectors import Task

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

Precision = Literal["fp32", "int8"]
GRAPH = "model.onnx"
_SETTINGS = "config_sentence_transformers.json"
_LEAST_COSINE = 0.9999
_COPIED = ("*.json", "*.md", "LICEN[CS]E*", "NOTICE*", *TOKENIZER_FILES)
#: The first with attention as one operator.
_OPSET = 23
#: What a file of protocol buffers can hold, less some for the graph itself.
_MOST_BYTES = 2**31 - 2**26


@dataclass(frozen=True)
class ExportReport:
    """What :func:`export` wrote; the manifest has it under ``onnx``.

    Attributes:
        precision: of the graph.
        max_length: pieces of a text that are read where its side has no length of its own, special ones included.
        cosine_mean, cosine_min: between the token vectors of the original in float32 and of the graph, over queries
            and documents of several lengths, each with others and alone.
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
        model: a late-interaction model folder.
        output: the folder to write.
        precision: ``"fp32"`` for the original's vectors, ``"int8"`` for a fraction of the time and size on processors
            without instructions for bfloat16. The README of docs/results/encoding has what int8 costs.

    Raises:
        InputError: the model has parts that no graph is made of, or the graph gives other vectors in float32.
        ArtifactError: ``model`` is damaged, or ``output`` holds something else.
        StorageError: the disk refused a write.
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "onnx")
    check_replaceable(output, KIND)
    encoder = load(model).cpu()
    check_modules(encoder, model)
    own = read_manifest(model, KIND).meta if is_complete(model) else {}
    meta: dict[str, Any] = {**own, "space": space_of(model)}
    limit = encoder.max_seq_length or length_limit(encoder)
    texts = sample_texts(encoder)
    expected = vectors_of(encoder, texts)
    with (
        tempfile.TemporaryDirectory(prefix="kivuko-") as temporary,
        write_artifact(output, KIND, parents={"model": model_hash(model)}, meta=meta) as building,
    ):
        scratch = Path(temporary)
        left_out = _copy(_in_own_layout(model, encoder, scratch), building)
        if precision == "fp32":
            write_graph(encoder, building / GRAPH)
        else:
            dense = write_graph(encoder, scratch / GRAPH, rounded_embeddings=True)
            quantise(scratch / GRAPH, building / GRAPH, last_kept=dense)
        cosines = (expected * vectors_of(OnnxEncoder(building, limit), texts)).sum(axis=1)
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


def _in_own_layout(model: Path, encoder: MultiVectorEncoder, scratch: Path) -> Path:
    """The folder itself, or for another layout than sentence-transformers' a copy in that."""
    if layout_of(model) == "sentence-transformers":
        return model
    with quiet():
        encoder.save_pretrained(str(scratch / "model"), create_model_card=False)
    return scratch / "model"


def check_modules(encoder: MultiVectorEncoder, model: Path) -> None:
    """Refuse modules that the graph would not have."""
    names = [type(module).__name__ for module in encoder]
    fits = names[0] == "Transformer" and names.count("MultiVectorMask") == 1
    if not fits or not set(names[1:]) <= {"Normalize", "Dense", "MultiVectorMask"}:
        raise InputError(
            "this model has parts that cannot be exported",
            where=model,
            expected="Transformer, then any of Normalize and Dense, and one MultiVectorMask",
            got=", ".join(names),
            remedy="use the model as it is: it is encoded in torch",
        )


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


def write_graph(encoder: MultiVectorEncoder, file: Path, *, rounded_embeddings: bool = False) -> int:
    """Write an encoder's graph, all of it but the mask, for batches of any size and length.

    Args:
        encoder: with a Transformer first, and a MultiVectorMask after it.
        file: what to write.
        rounded_embeddings: whether the word embeddings are kept as int8, with a scale for each row.

    Returns:
        How many Dense modules the graph has: its last multiplications.

    Raises:
        InputError: torch cannot make a graph of this encoder, or its weights do not fit one file.
    """
    graph = _Graph(encoder, rounded_embeddings).eval()
    size = sum(weight.nbytes for weight in graph.state_dict().values())
    if size > _MOST_BYTES:
        raise InputError(
            "this model is too large for one ONNX file",
            expected=f"weights of at most {_MOST_BYTES / 1e9:.1f} GB",
            got=f"{size / 1e9:.1f} GB",
            remedy="export it as int8, or use the model as it is: it is encoded in torch",
        )
    pad = encoder.tokenizer.pad_token_id
    mask = torch.ones(3, 17, dtype=torch.long)
    mask[1, 9:] = mask[2, 4:] = 0
    ids = torch.where(mask.bool(), torch.arange(3 * 17).reshape(3, 17) % 11 + 5, pad)
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    try:
        with silence():
            program = torch.onnx.export(
                graph,
                (ids, mask),
                dynamo=True,
                dynamic_shapes={"input_ids": axes, "attention_mask": axes},
                input_names=["input_ids", "attention_mask"],
                output_names=["token_embeddings"],
                opset_version=_OPSET,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise InputError(
            "torch cannot make a graph of this encoder",
            got=str(error).strip().splitlines()[0],
            remedy="use the model as it is: it is encoded in torch",
        ) from error
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    program.save(str(file))
    return sum(hasattr(module, "linear") for module in graph.further)


def quantise(
    graph: Path, output: Path, *, last_kept: int, kept_shapes: frozenset[tuple[int, ...]] = frozenset()
) -> None:
    """Write a graph whose multiplications by weights are of int8, with a scale for each column and each input.

    Weights use seven of the eight bits: processors without VNNI add two products in 16 bits, which eight would
    overflow, and a model that was exported here is used there.

    Args:
        graph: of :func:`write_graph`.
        output: the file to write.
        last_kept: how many of the last multiplications stay float32; a centring layer subtracts numbers of like size,
            so that it would magnify rounding.
        kept_shapes: weights [in, out] that stay float32 too.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = onnx.load(str(graph)).graph
    shapes = {weight.name: tuple(weight.dims) for weight in nodes.initializer}
    of_weights = [node for node in nodes.node if node.op_type == "MatMul" and node.input[1] in shapes]
    kept = of_weights[len(of_weights) - last_kept :]
    kept += [node for node in of_weights if shapes[node.input[1]] in kept_shapes]
    with silence():
        quantize_dynamic(
            str(graph),
            str(output),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in kept],
        )


class _Graph(torch.nn.Module):
    """[batch, length] pieces and mask to [batch, length, dim] vectors."""

    transformer: Any

    def __init__(self, encoder: MultiVectorEncoder, rounded_embeddings: bool) -> None:
        super().__init__()
        self.transformer = copy.deepcopy(encoder[0].auto_model).float()
        further = [module for module in list(encoder)[1:] if type(module).__name__ != "MultiVectorMask"]
        self.further = torch.nn.ModuleList(further)
        if getattr(self.transformer, "pooler", None) is not None:
            self.transformer.pooler = None  # of one vector a text
        if rounded_embeddings:
            rows = self.transformer.get_input_embeddings().weight.detach()
            self.transformer.set_input_embeddings(_RoundedRows(rows))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        places = {}
        if hasattr(
            self.transformer, "rotary_emb"
        ):  # ONNX's operator wants the angles of every text of a batch
            places["position_ids"] = torch.arange(input_ids.shape[1]).expand(input_ids.shape)
        found = self.transformer(input_ids=input_ids, attention_mask=attention_mask, **places)
        features: dict[str, Tensor] = {"token_embeddings": found.last_hidden_state}
        for module in self.further:
            features = module(features)
        return features["token_embeddings"]


class _RoundedRows(torch.nn.Module):
    """Embeddings whose rows are int8 with a scale each: of a multilingual vocabulary they are most of the weights."""

    codes: Tensor
    scales: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        scales = weight.abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
        self.register_buffer("codes", (weight / scales).round().to(torch.int8))
        self.register_buffer("scales", scales)

    def forward(self, ids: Tensor) -> Tensor:
        return self.codes[ids].float() * self.scales[ids]


@contextmanager
def silence() -> Iterator[None]:
    """No hints of the exporters, which are for those who write them; errors are shown."""
    former = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(former)


class OnnxEncoder:
    """The :class:`kivuko.models.token_vectors.TokenEncoder` of a folder that :func:`kivuko.models.onnx.export` wrote.

    It uses as many threads as torch does when it is opened. Its features are torch's, so that callers need not know
    which of the two libraries computed them.

    Args:
        folder: the exported model.
        max_length: pieces of a text that are read where its side has no length of its own, special ones included.

    Raises:
        ArtifactError: ONNX Runtime cannot read the graph.
        MissingExtraError: onnxruntime is not installed.
    """

    device = torch.device("cpu")

    def __init__(self, folder: Path, max_length: int) -> None:
        self._session = open_session(folder / GRAPH)
        self._mask = _mask(folder)
        self._reader = _reader(folder)
        self.max_seq_length = max_length
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
        self.prompts: dict[str, str | None] = settings.get("prompts") or {}
        self.default_prompt_name: str | None = settings.get("default_prompt_name")
        self._mask.resolve_with_tokenizer(self.tokenizer)

    def __getitem__(self, number: Literal[0], /) -> Any:
        """The module that cuts texts into pieces."""
        return (self._reader,)[number]

    def __iter__(self) -> Iterator[Any]:
        """That module, and the one that says which tokens count."""
        return iter((self._reader, self._mask))

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers."""
        return self._reader.tokenizer

    @property
    def max_seq_length(self) -> int | None:
        """Pieces of a text that are read where its side has no length of its own."""
        pieces: int | None = self._reader.max_seq_length
        return pieces

    @max_seq_length.setter
    def max_seq_length(self, pieces: int | None) -> None:
        self._reader.max_seq_length = pieces

    def get_embedding_dimension(self) -> int:
        """Numbers in one token vector."""
        return int(self._session.get_outputs()[0].shape[-1])

    def preprocess(self, inputs: list[str], prompt: str | None = None, **options: Any) -> dict[str, Any]:
        """Texts as features, as the original makes them."""
        return dict(self._reader.preprocess(inputs, prompt=prompt, **options))

    def __call__(self, features: dict[str, Any], *, task: Task) -> dict[str, Any]:
        """Token vectors, and which of them count."""
        inputs = {name: features[name].numpy() for name in ("input_ids", "attention_mask")}
        vectors = run(self._session, inputs)
        found: dict[str, Any] = self._mask(
            features | {"token_embeddings": torch.from_numpy(vectors)}, task=task
        )
        return found


def _reader(folder: Path) -> Any:
    """The original's Transformer without its weights: what it does with texts before they are encoded."""
    with quiet():
        from sentence_transformers.base.modules import Transformer

        class Reader(Transformer):
            def _load_model(self, _path: str, _task: Any, config: Any, *_: Any, **__: Any) -> Any:  # type: ignore[override]
                model: Any = torch.nn.Identity()
                model.config = config
                return model

        path = transformer_root(folder).relative_to(folder).as_posix()
        subfolder = "" if path == "." else path
        return Reader.load(str(folder), subfolder=subfolder, local_files_only=True)


def _mask(folder: Path) -> Any:
    """The module that says which tokens count."""
    with quiet():
        from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

        (path,) = [each["path"] for each in modules_of(folder) if each["type"].endswith("MultiVectorMask")]
        return MultiVectorMask.load(str(folder), subfolder=path, local_files_only=True)
