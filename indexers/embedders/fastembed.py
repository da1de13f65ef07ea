"""ONNX models, run by fastembed: `fastembed:NAME`, or `:FOLDER`.

A name is one that fastembed lists. Its copy in the hub's cache on this machine is used; only when there is none, it is
downloaded, once. A folder holds a `.onnx` file and a tokenizer. The package is the extra `fastembed`.
"""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexers.embedders._rows import embed_with, padded
from indexers.errors import EmbedderError
from indexers.model_folders import as_fault, check_hub, check_setting, fingerprint, folder_at, is_folder

KIND = "fastembed"
BATCH = 32
"""Texts that are embedded at once. Untuned."""
FILES = ("model.onnx", "onnx/model.onnx", "model_optimized.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")
"""Where a folder's model is looked for, in this order; else its only `.onnx` file is taken."""
POOLED = "sentence_embedding"
"""The name under which exported models give whole texts' rows, where they do."""
_registering = threading.Lock()


class FastembedEmbedder:
    """Embeds with one model; it is loaded at the first text. Safe in threads, which wait for each other."""

    def __init__(self, name: str, folder: Path, load: Callable[[], Any]) -> None:
        self.model = f"{KIND}:{name}@{fingerprint(folder)}"
        self._load = load
        self._loaded: Any = None  # a TextEmbedding
        self._guard = threading.Lock()
        self._dim = 0

    @property
    def dim(self) -> int:
        """How many dimensions a vector has, zeros at its end included."""
        if not self._dim:
            self._dim = padded(self._rows(["dimensions"], "passage_embed").shape[1])
        return self._dim

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed what is stored."""
        return self._embed(texts, "passage_embed")

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed what is asked, as the model wants it."""
        return self._embed(texts, "query_embed")

    def _embed(self, texts: Sequence[str], verb: str) -> NDArray[np.float32]:
        vectors = embed_with(self.model, texts, BATCH, lambda some: self._rows(some, verb))
        return vectors if vectors.size else np.zeros((len(texts), self.dim), np.float32)

    def _rows(self, texts: list[str], verb: str) -> NDArray[np.float32]:
        with self._guard:
            if self._loaded is None:
                with as_fault(f"{self.model} cannot be loaded"):
                    self._loaded = self._load()
            with as_fault(f"{self.model} cannot embed"):
                rows: Iterable[NDArray[np.float32]] = getattr(self._loaded, verb)(texts)
                return np.array(list(rows), np.float32)


def open_embedder(name: str) -> FastembedEmbedder:
    """Open the model in a folder, or one that fastembed lists, which is downloaded where there is no copy of it.

    Raises:
        EmbedderError: The package is not installed, no model is named, or it cannot be had.
    """
    check_setting(KIND, "fastembed", name)
    if is_folder(name):
        folder = folder_at(KIND, name)
        file = _model_file(folder)
        return FastembedEmbedder(folder.name, folder, lambda: _load_folder(folder, file))
    model, cache = _named(name)
    return FastembedEmbedder(name, Path(model.model._model_dir), lambda: _load_named(name, cache, local=True))


def _named(name: str) -> tuple[Any, str | None]:
    """Find a model that fastembed lists, or download it; its weights are not loaded.

    Returns:
        The model; the cache that it is in, None for fastembed's own.
    """
    from fastembed import TextEmbedding
    from huggingface_hub.constants import HF_HUB_CACHE

    listed = {each["model"].lower(): each for each in TextEmbedding.list_supported_models()}
    if name.lower() not in listed:
        raise EmbedderError(
            f"{KIND}:{name}: no model that fastembed lists; name another, or a folder that holds one: {KIND}:FOLDER"
        )
    # fastembed's own cache lies among the temporary files, which do not stay
    for cache in (HF_HUB_CACHE, None):
        try:
            return _load_named(name, cache, local=True, is_lazy=True), cache
        except (ValueError, OSError):
            # it is not there: fastembed says so with the one, the hub's client with the other
            continue
    check_hub(KIND, listed[name.lower()]["sources"]["hf"] or name)
    with as_fault(f"{KIND}:{name} cannot be downloaded"):
        return _load_named(name, HF_HUB_CACHE, local=False, is_lazy=True), HF_HUB_CACHE


def _load_named(name: str, cache: str | None, *, local: bool, is_lazy: bool = False) -> Any:
    from fastembed import TextEmbedding

    return TextEmbedding(name, cache_dir=cache, lazy_load=is_lazy, local_files_only=local)


def _load_folder(folder: Path, file: str) -> Any:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    name = f"folder/{fingerprint(folder)}"
    has_rows, is_pooled = _outputs(folder / file)
    pooling = PoolingType.DISABLED if has_rows or is_pooled else PoolingType(_pooling(folder))
    with _registering:
        if name not in {each["model"] for each in TextEmbedding.list_supported_models()}:
            TextEmbedding.add_custom_model(
                name,
                pooling=pooling,
                normalization=False,
                sources=ModelSource(hf=name),
                dim=0,
                model_file=file,
                output_name=POOLED if is_pooled else None,
            )
    return TextEmbedding(name, specific_model_path=str(folder), local_files_only=True)


def _model_file(folder: Path) -> str:
    for name in FILES:
        if (folder / name).is_file():
            return name
    found = sorted(folder.rglob("*.onnx"))
    if len(found) != 1:
        raise EmbedderError(
            f"{KIND}:{folder}: {len(found)} .onnx files are in the folder; name one that holds model.onnx, or one file"
        )
    return found[0].relative_to(folder).as_posix()


def _outputs(file: Path) -> tuple[bool, bool]:
    """Say whether a model gives one row a text at once, and whether it does so under the name `POOLED`."""
    from onnxruntime import InferenceSession

    outputs = InferenceSession(str(file), providers=["CPUExecutionProvider"]).get_outputs()
    return len(outputs[0].shape) == 2, POOLED in [each.name for each in outputs]


def _pooling(folder: Path) -> str:
    """Read how a model's tokens become a row; the mean where the folder does not say."""
    try:
        told = json.loads((folder / "1_Pooling/config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "MEAN"
    if told.get("pooling_mode_cls_token") or told.get("pooling_mode") == "cls":
        return "CLS"
    if told.get("pooling_mode_lasttoken") or told.get("pooling_mode") == "lasttoken":
        return "LAST_TOKEN"
    return "MEAN"
