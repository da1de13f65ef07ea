"""The built-in embedder: a table of token vectors, looked up and summed.

It needs no network, no download and no thread of its own. `benchmarks/distil_static.py` makes the model and
`docs/embedder.md` says how good it is. A model is a folder of four files:

    model.json      {"model": "static-1:" + the first 8 hex digits of the SHA-256 of the other three}
    vocabulary.txt  one token a line, in the order of the rows; `##` begins a piece that continues a word
    tokens.npy      int8 (vocabulary, dim): the direction of each token, scaled to fill the range
    weights.npy     float32 (2, vocabulary): what a row is multiplied by in a text's sum; how rare the token is
"""

import json
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Generic, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from indexers.errors import EmbedderError

MODEL_FOLDER = Path(__file__).parent / "static_model"

MAX_CHARACTERS = 4096
"""What stands behind these characters of a text is not embedded. Untuned: chunks have about 700."""

MAX_TOKENS = 512
"""What stands behind these tokens of a text is not embedded. Untuned: chunks have about 160."""

MAX_WORD_CHARACTERS = 100
"""A longer run of letters and digits is no word and is left out, as in the teacher's tokenizer."""

MAX_CACHED_WORDS = 100_000
"""The words whose pieces are remembered, at about 200 bytes a word. Untuned."""

_Rows = TypeVar("_Rows")
_WORDS = re.compile(r"[^\W_]+|[^\w\s]|_")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\WA-Z_]+")
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f]")
_IDEOGRAPHS = re.compile("([\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af])")
_SURROGATES = re.compile("[\ud800-\udfff]")


class StaticEmbedder:
    """Embeds a text as the weighted sum of its tokens' vectors, made length 1. Safe in threads and after a fork."""

    def __init__(self, folder: Path) -> None:
        """Open the model in a folder; its vectors stay on disk, mapped into memory.

        Raises:
            EmbedderError: A file is missing, damaged, or belongs to another model.
        """
        self.model, vocabulary, self._tokens, weights = _read_model(folder)
        self.dim = int(self._tokens.shape[1])
        self._scales, self._rarities = weights
        self._pieces = WordPieces(vocabulary)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, in order; see `Embedder.embed`. Only the first `MAX_TOKENS` tokens of a text count."""
        return self.embed_tokens(self.token_ids(texts))

    def embed_tokens(self, tokens: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Embed texts that `token_ids` has cut; what `embed` gives of them."""
        vectors = np.zeros((len(tokens), self.dim), np.float32)
        for row, ids in enumerate(tokens):
            if ids.size:
                # One text at a time, summed token by token: the order of additions, and so every bit of the row, is
                # the same alone, in a batch and on any number of cores (einsum without BLAS, 2.3 times as fast as sum).
                np.einsum("i,ij->j", self._scales.take(ids), self._tokens.take(ids, axis=0), out=vectors[row])
        return _unit_rows(vectors)

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Cut texts into tokens.

        Returns:
            For each text int32 of shape (tokens,), at most `MAX_TOKENS`: rows of `token_vectors`, in the
            order of the text, repeats kept. Characters that no token stands for are left out.
        """
        return [self._pieces.cut(text) for text in texts]

    def token_vectors(self) -> NDArray[np.float32]:
        """Give every token's direction, made anew at each call (about 20 ms; 1 KB a token).

        Returns:
            float32 of shape (vocabulary, dim), each row of length 1, or all zeros for a token without meaning.
        """
        return _unit_rows(self._tokens.astype(np.float32))

    def directions(self, ids: NDArray[np.integer]) -> NDArray[np.float32]:
        """Give some tokens' directions: the rows `ids` of `token_vectors`, in their order."""
        return _unit_rows(self._tokens.take(ids, axis=0).astype(np.float32))

    def token_weights(self) -> NDArray[np.float32]:
        """Say how rare every token is, for weighting the tokens of a query.

        Returns:
            float32 of shape (vocabulary,), 0 to 1; 1 for a token hardly ever seen, near 0 for `the` and `.`.
        """
        rarities: NDArray[np.float32] = self._rarities.copy()
        return rarities


def open_embedder(name: str) -> StaticEmbedder:
    """Open the model that comes with the package, or, when `name` is not empty, the one in that folder.

    Raises:
        EmbedderError: There is no such folder, or its model is missing or damaged.
    """
    if not name:
        return built_in()
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise EmbedderError(
            f"static:{name}: no such folder; write `static` for the built-in model, or name a folder that "
            "benchmarks/distil_static.py has made"
        )
    return StaticEmbedder(folder)


@lru_cache(maxsize=1)
def built_in() -> StaticEmbedder:
    """Open the model that comes with the package, once in a process.

    Raises:
        EmbedderError: It is missing or damaged.
    """
    return StaticEmbedder(MODEL_FOLDER)


def _unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows to length 1 in place; rows of zeros stay."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    np.divide(rows, lengths, out=rows, where=lengths > 0)
    return rows


class _Remembered(dict[str, _Rows], Generic[_Rows]):
    """What each text gives, worked out when it is first asked for; safe in threads. Long texts are not remembered."""

    def __init__(self, work_out: Callable[[str], _Rows]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, text: str) -> _Rows:
        found = self._work_out(text)
        if len(text) <= MAX_WORD_CHARACTERS:
            if len(self) >= MAX_CACHED_WORDS:
                self.clear()
            self[text] = found
        return found


class WordPieces:
    """Cuts text into the rows of a vocabulary, by WordPiece (longest piece first) and a memory for whole words.

    It differs from the teacher's tokenizer: an identifier such as `getUserName` is cut where its case changes, Korean
    is cut into syllables, unknown letters get one of the vocabulary's `[unused]` rows, by their hash, so that equal
    words in any script still meet, and everything else that is unknown is left out.
    """

    def __init__(self, vocabulary: list[str]) -> None:
        self._rows = {token: row for row, token in enumerate(vocabulary)}
        self._spare = [row for row, token in enumerate(vocabulary) if token.startswith("[unused")]
        self._longest = max(map(len, vocabulary), default=0)
        self._known = _Remembered(self._learn)
        self._stretches = _Remembered(self._cut_stretch)

    def cut(self, text: str) -> NDArray[np.int32]:
        """Cut a text into rows, int32 of shape (tokens,), at most `MAX_TOKENS`."""
        text = text[:MAX_CHARACTERS]
        if not text.isascii():
            text = unicodedata.normalize("NFC", _SURROGATES.sub("\ufffd", text))
        # no word goes over a blank, so what stands between blanks is cut once and remembered
        rows = b"".join(map(self._stretches.__getitem__, text.split()))
        return np.frombuffer(rows, np.int32)[:MAX_TOKENS]

    def _cut_stretch(self, stretch: str) -> bytes:
        return array("i", chain.from_iterable(map(self._known.__getitem__, _WORDS.findall(stretch)))).tobytes()

    def _learn(self, word: str) -> tuple[int, ...]:
        return tuple(self._cut_word(word)) if len(word) <= MAX_WORD_CHARACTERS else ()

    def _cut_word(self, word: str) -> Iterable[int]:
        plain = _plain(word)
        if plain in self._rows:
            return [self._rows[plain]]
        parts = [_plain(part) for part in _CAMEL.findall(word)] or [plain]
        split = chain.from_iterable(_IDEOGRAPHS.sub(r" \1 ", part).split() for part in parts)
        return chain.from_iterable(map(self._cut_part, split))

    def _cut_part(self, part: str) -> list[int]:
        rows, start = [], 0
        while start < len(part):
            prefix = "##" if start else ""
            for end in range(min(len(part), start + self._longest), start, -1):
                row = self._rows.get(prefix + part[start:end])
                if row is not None:
                    break
            else:
                return self._hashed(part)
            rows.append(row)
            start = end
        return rows

    def _hashed(self, part: str) -> list[int]:
        if not self._spare or not part[0].isalnum():
            return []
        return [self._spare[crc32(part.encode()) % len(self._spare)]]


def _plain(word: str) -> str:
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", word))).lower()


def _read_model(folder: Path) -> tuple[str, list[str], NDArray[np.int8], NDArray[np.float32]]:
    try:
        model = str(json.loads((folder / "model.json").read_text(encoding="utf-8"))["model"])
        vocabulary = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
        tokens = np.load(folder / "tokens.npy", mmap_mode="r")
        weights = np.load(folder / "weights.npy")
        found = fingerprint(folder)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise EmbedderError(f"{folder}: cannot read the static model ({error}); install the package again") from error
    if not model.endswith(f":{found}"):
        raise EmbedderError(f"{folder}: the files are not those of {model} but of :{found}; install the package again")
    if tokens.dtype != np.int8 or tokens.shape[0] != len(vocabulary) or weights.shape != (2, len(vocabulary)):
        raise EmbedderError(f"{folder}: the files of the static model do not belong together; make it again")
    return model, vocabulary, np.asarray(tokens), weights.astype(np.float32, copy=False)


def fingerprint(folder: Path) -> str:
    """Give the first 8 hex digits of the SHA-256 of a model's three data files."""
    digest = sha256()
    for name in ("vocabulary.txt", "tokens.npy", "weights.npy"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:8]
