"""Which embedder answers, and which is to take its place once all its vectors are made.

Both are kept with the store, for all workspaces and programs that have it open. While none was chosen, each program
uses the one of its own settings.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexers.errors import EmbedderError, IndexerError
from memory.store.chunks import VectorTable
from memory.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexers.embedders import Embedder

CHOICE, FAULT = "embedder", "embedder_fault"
PATIENCE_SECONDS = 30.0
"""After a fault saves leave vectors to later for so long, so that a server that is down does not hold up each. Untuned."""


@dataclass(frozen=True)
class Choice:
    """Settings of embedders, such as `static`."""

    answers: str
    """Whose vectors searches look at."""
    coming: str | None = None
    """Whose vectors are being made; None when none are."""
    is_kept: bool = True
    """Whether it was chosen for the store; else it is this program's own setting."""


class Embedders:
    """Opens the embedders of one store, each when it is first needed, and changes the choice."""

    def __init__(self, store: Store, default: str, open_embedder: "Callable[[str], Embedder]") -> None:
        self._store = store
        self._default = default
        self._open = open_embedder
        self._opened: dict[str, Embedder] = {}
        self._guard = threading.Lock()
        self._patience = 0.0
        self._last_fault: str | None = None

    def choice(self) -> Choice:
        """Read what is chosen now."""
        kept = self._store.state(CHOICE)
        return Choice(**json.loads(kept)) if kept else Choice(self._default, is_kept=False)

    def answering(self) -> "Embedder":
        """Give the embedder whose vectors searches look at.

        Raises:
            EmbedderError: It cannot be opened.
        """
        return self.opened(self.choice().answers)

    def opened(self, setting: str) -> "Embedder":
        """Give an embedder, opened when it is first needed.

        Raises:
            EmbedderError: It cannot be opened.
        """
        with self._guard:
            if setting not in self._opened:
                self._opened[setting] = self._open(setting)
            return self._opened[setting]

    def is_resting(self) -> str | None:
        """Give the fault after which saves do not ask the embedder for a while; None when they may."""
        return self._last_fault if time.monotonic() < self._patience else None

    def note(self, fault: str | None) -> None:
        """Take note that a save could not be embedded, and why; None when it could."""
        self._last_fault = fault
        self._patience = time.monotonic() + PATIENCE_SECONDS if fault else 0.0

    def choose(self, setting: str | None) -> Choice:
        """Choose an embedder for the store; None for that of the settings.

        It is tried first. Where nothing is to be embedded, or nothing else than what is there, it answers at once; else
        the one before answers until all vectors are made (`memory/filling.py`). What was being made for another is dropped.

        Raises:
            EmbedderError: It cannot be opened, or cannot embed; nothing is changed.
        """
        wanted = _lasting(setting or self._default)
        model = self._tried(wanted).model
        same = {each for each in (wanted, self.choice().answers) if self._model(each) == model}
        with self._store.transaction():
            answers = self.choice().answers
            chosen = Choice(wanted) if answers in same or not self._has_vectors() else Choice(answers, wanted)
            self.keep(chosen)
            self._store.drop_state(FAULT)
        self.note(None)
        self.drop_unused()
        return chosen

    def keep(self, choice: Choice) -> None:
        """Write a choice; inside a transaction."""
        self._store.set_state(CHOICE, json.dumps({"answers": choice.answers, "coming": choice.coming}))

    def drop_unused(self) -> None:
        """Drop the vectors of embedders that neither answer nor are coming, for their room on disk.

        To come back to one, its vectors are made again. While nothing is chosen for the store, nothing is dropped.
        """
        choice = self.choice()
        if not choice.is_kept:
            return
        used = [self._model(each) for each in (choice.answers, choice.coming) if each]
        if None in used:
            # which table is whose can be told only of an embedder that can be opened
            return
        for table in self._store.chunks.vector_tables():
            if table.model not in used:
                with self._store.transaction():
                    if self.choice() == choice:
                        self._store.chunks.drop_vector_table(table)

    def table_made(self, setting: str) -> VectorTable:
        """Find the table of an embedder's vectors, or make it.

        Raises:
            EmbedderError: It cannot be opened.
        """
        embedder = self.opened(setting)
        chunks = self._store.chunks
        return chunks.vector_table(embedder.model) or chunks.make_vector_table(embedder.model, embedder.dim)

    def embedded(
        self, setting: str, texts: Sequence[str], tokens: "Sequence[NDArray[np.int32]] | None" = None
    ) -> "tuple[VectorTable, NDArray[np.float32]]":
        """Embed texts to be stored, and say where their vectors belong.

        Args:
            setting: The embedder.
            texts: What is embedded.
            tokens: The texts' tokens of the built-in model, where they were cut already.

        Raises:
            EmbedderError: It cannot be opened or reached, or its vectors have another length than before.
        """
        embedder, table = self.opened(setting), self.table_made(setting)
        vectors = _from_tokens(embedder, tokens) if tokens is not None else None
        if vectors is None:
            vectors = embedder.embed(texts)
        if vectors.shape[1] != table.dim:
            raise EmbedderError(
                f"{setting} gives vectors of {vectors.shape[1]} numbers, those that are stored have {table.dim}; it is another"
                " model now: choose it under another name, or bring the former one back"
            )
        return table, vectors

    def _tried(self, setting: str) -> "Embedder":
        with self._guard:
            # opened anew: a folder may hold another model than when it was opened before
            self._opened.pop(setting, None)
        embedder = self.opened(setting)
        (row,) = embedder.embed(["Which port does the server listen on?"])
        if not row.any():
            raise EmbedderError(f"{setting} gave no vector for a plain sentence; choose another model")
        return embedder

    def _model(self, setting: str) -> str | None:
        try:
            return self.opened(setting).model
        except IndexerError:
            return None

    def _has_vectors(self) -> bool:
        chunks = self._store.chunks
        return any(chunks.counts(table)[1] for table in chunks.vector_tables())


def _lasting(setting: str) -> str:
    """Write a setting's folder from the root, so that it is found from anywhere."""
    kind, _, name = setting.partition(":")
    folder = Path(name).expanduser()
    return f"{kind}:{folder.resolve()}" if name and folder.is_dir() else setting


def _from_tokens(embedder: "Embedder", tokens: "Sequence[NDArray[np.int32]]") -> "NDArray[np.float32] | None":
    """Embed tokens of the built-in model; None when the embedder is another."""
    from indexers.embedders.static import built_in

    model = built_in()
    return model.embed_tokens(tokens) if embedder is model else None
