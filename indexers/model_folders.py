"""Models of others, in folders: where the copy of a named one is, which model a folder holds, and what goes into it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from indexers.errors import EmbedderError

WEIGHTS = ("*.safetensors", "*.bin", "*.onnx")
HUB_SECONDS = 10.0
"""How long the hub is waited for before a download. Untuned."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_BLOCK_BYTES = 4_096
_BLOCKS = 256
_READ_WHOLE_BYTES = _BLOCK_BYTES * _BLOCKS


def check_setting(kind: str, extra: str, name: str) -> None:
    """See that a model is named, and that what runs it is installed.

    Args:
        kind: What the setting begins with.
        extra: The extra of this distribution that brings the package, which is called the same but for dashes.
        name: What the setting names.

    Raises:
        EmbedderError: One of the two is lacking.
    """
    if find_spec(extra.replace("-", "_")) is None:
        raise EmbedderError(f"{kind} needs a package; install it with `pip install 'harkback[{extra}]'`")
    if not name:
        raise EmbedderError(f"{kind} needs a model; write `{kind}:NAME`, or `{kind}:FOLDER`")


def is_folder(name: str) -> bool:
    """Say whether a model is named by a place on disk, not by a name of the hub."""
    return name.startswith(("/", "~", ".")) or "\\" in name or Path(name).is_dir()


def folder_at(kind: str, name: str) -> Path:
    """Give the folder that holds a model.

    Raises:
        EmbedderError: There is none, or no weights are in it.
    """
    folder = Path(name).expanduser().resolve()
    if not folder.is_dir():
        raise EmbedderError(f"{kind}:{name}: no such folder; name one that holds a model, or a model of the hub")
    if not has_weights(folder):
        raise EmbedderError(f"{kind}:{name}: no weights are in the folder ({', '.join(WEIGHTS)}); name another")
    return folder


def has_weights(folder: Path) -> bool:
    """Say whether weights are in a folder; of an interrupted download they may be missing."""
    return any(path.exists() for pattern in WEIGHTS for path in folder.rglob(pattern))


def cached_copy(name: str) -> Path | None:
    """Give the folder where the hub's cache has a model, without asking the network; None when it is not there whole."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    return folder if has_weights(folder) else None


def check_hub(kind: str, name: str) -> None:
    """See that a model can be downloaded; one question with a time limit, where the download itself would ask for minutes.

    Raises:
        EmbedderError: The hub cannot be reached or has no such model.
    """
    from huggingface_hub import model_info
    from huggingface_hub.errors import HfHubHTTPError

    try:
        model_info(name, timeout=HUB_SECONDS)
    except HfHubHTTPError as error:
        raise EmbedderError(
            f"{kind}:{name}: no copy is on this machine, and the hub does not give it "
            f"(HTTP {error.response.status_code}); check the name, or name a folder: {kind}:FOLDER"
        ) from error
    except Exception as error:
        # the hub's client raises errors of whichever HTTP package it has
        raise EmbedderError(
            f"{kind}:{name}: no copy is on this machine, and the hub cannot be reached; connect to the network once to "
            f"download it, or name a folder that holds the model: {kind}:FOLDER"
        ) from error


def fetched(kind: str, name: str, download: Callable[[], object]) -> Path:
    """Download a model of the hub into its cache, and give its folder there.

    Raises:
        EmbedderError: It cannot be had.
    """
    check_hub(kind, name)
    with as_fault(f"{kind}:{name} cannot be downloaded"):
        download()
    folder = cached_copy(name)
    if folder is None:
        raise EmbedderError(f"{kind}:{name}: the download is not in the hub's cache; name a folder: {kind}:FOLDER")
    return folder


def fingerprint(folder: Path) -> str:
    """Tell what a folder's model is by its files, in about 10 ms.

    Of a file above a megabyte only its size and 256 pieces spread over it are read: other weights differ all over.

    Returns:
        8 hex digits of a SHA-256 over all files' names and content; but hidden ones and Markdown do not count.
    """
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and path.suffix != ".md" and not any(part.startswith((".", "__")) for part in inside.parts):
            digest.update(f"{inside.as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(_sample(path))
    return digest.hexdigest()[:8]


def _sample(path: Path) -> bytes:
    size = path.stat().st_size
    if size <= _READ_WHOLE_BYTES:
        return path.read_bytes()
    pieces = []
    with path.open("rb") as file:
        for block in range(_BLOCKS):
            file.seek((size - _BLOCK_BYTES) * block // (_BLOCKS - 1))
            pieces.append(file.read(_BLOCK_BYTES))
    return b"".join(pieces)


@contextmanager
def as_fault(what: str) -> Iterator[None]:
    """Say in one line what another package's fault was; torch, tokenizers, onnxruntime and the hub have no common error.

    Raises:
        EmbedderError: Something was raised in the block.
    """
    try:
        yield
    except EmbedderError:
        raise
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise EmbedderError(f"{what} ({why}); mend the model or choose another") from error


@contextmanager
def without_bars(is_wanted: bool) -> Iterator[None]:
    """Let transformers draw no bars on the terminal during a block; for a download, which takes long, they stay."""
    # by its name, since it has no types
    logging: Any = import_module("transformers.utils.logging")
    shown = logging.is_progress_bar_enabled()
    if is_wanted:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def harmless(text: str, most: int) -> str:
    """Give the beginning of a text, without lone surrogates, which tokenizers refuse."""
    return _SURROGATES.sub("\ufffd", text[:most])
