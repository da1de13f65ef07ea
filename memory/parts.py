"""The parts of a memory, put together when a store is opened: what its verbs work with."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from indexers.embedders import open_embedder
from indexers.errors import IndexerError
from memory.catch_up import KeywordIndex
from memory.collections.attachments import Attachments
from memory.collections.collection import Collection
from memory.collections.graph import Graph
from memory.collections.learnings import Learnings
from memory.collections.projects import Projects
from memory.collections.reactions import Reactions
from memory.collections.sessions import Sessions
from memory.collections.settings import StoredSettings
from memory.embedding import Embedders
from memory.errors import InvalidInput, StoreFault
from memory.filling import VectorFiller, VectorFollower
from memory.following import Follower
from memory.kinds import kinds
from memory.nearest import SemanticIndex, VectorPage
from memory.saving import Saver, redaction_key
from memory.search.searcher import Searcher
from memory.settings import Settings, read_settings
from memory.store.changes import Change
from memory.store.store import Store, open_store
from memory.streaming import StreamedMessages

if TYPE_CHECKING:
    from memory.care.upkeep import Upkeep
    from memory.redaction import Redactor


LEVEL_AT_CLOSE = 200
"""Changes from which on closing lets the index follow first; fewer are found without it. Untuned."""


class Parts:
    """A store, its indexes and its collections."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        opens = partial(open_embedder, key=settings.openai_api_key.get_secret_value())
        self._embedders = Embedders(store, settings.embedder, opens)
        self._saver = Saver(store, self._embedders, self._open_redactor)
        self._keyword = KeywordIndex(store, settings.change_retention_days)
        self._follower = Follower(self._keyword, self._saver)
        self._filler = VectorFiller(store, self._embedders)
        self._vector_follower = VectorFollower(self._filler)
        self._saver.on_write = self._note_write
        self._upkeep: Upkeep | None = None
        self._semantic = SemanticIndex(store, self._saver)
        self._options = settings
        self.projects = Projects(store, self._saver, "project")
        self.sessions = Sessions(store, self._saver, self.projects)
        self.messages = StreamedMessages(store, self._saver, "message")
        self.learnings = Learnings(store, self._saver, self.projects)
        self.graph = Graph(store, self._saver, "relationship")
        self.attachments = Attachments(store, self._saver, "attachment")
        self.reactions = Reactions(store, self._saver, "reaction")
        self.settings = StoredSettings(store, self._saver, "setting")
        self._searcher = Searcher(
            store, self._keyword, self._semantic, self.projects.numbers_below, self.messages.around, settings.reranker
        )

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None, *, create: bool = True, **settings: Any) -> Self:
        """Open a store; it is made where there is none.

        Args:
            path: A directory; None for the one that the settings name.
            create: Whether to make the store when it is absent.
            settings: Any of the fields of `memory.settings.Settings`, such as `workspace`.

        Raises:
            NoStore: There is none, and `create` is False.
            NewerStore: A newer version of the program wrote it; it is left untouched.
            DamagedStore: It cannot be read; it is left untouched.
            StoreFault: The directory cannot be read or written.
            SettingsFault: A setting cannot be read.
        """
        options = read_settings(store=None if path is None else os.fspath(path), **settings)
        if "://" in options.store:
            raise StoreFault(f"{options.store}: only a directory can be a store as yet; name a directory")
        directory = Path(options.store).expanduser()
        store = open_store(directory, workspace=options.workspace, create=create, wait_seconds=options.wait_seconds)
        return cls(store, options)

    def collection(self, kind: str) -> Collection[Any]:
        """Give the collection of a kind, by its name or its plural.

        Raises:
            InvalidInput: There is no such kind.
        """
        for name, record in kinds().items():
            if kind in (name, record.declaration.plural):
                own = {"relationship": self.graph, "setting": self.settings}.get(name)
                named = own or vars(self).get(record.declaration.plural)
                return cast("Collection[Any]", named or Collection(self.store, self._saver, name))
        known = ", ".join(record.declaration.plural for record in kinds().values())
        raise InvalidInput(f"there is no kind {kind!r}; there are: {known}")

    def __getattr__(self, name: str) -> Collection[Any]:
        if not name.startswith("_") and any(name == kind.declaration.plural for kind in kinds().values()):
            return self.collection(name)
        raise AttributeError(f"a Memory has no {name!r}")

    def vectors(self, kind: str = "message", *, page_size: int = 1_000) -> Iterator[VectorPage]:
        """Yield the vectors of this workspace's messages, learnings or sessions, page by page; one for each piece of a text.

        Raises:
            InvalidInput: There is no such kind, or a page would be empty.
            IndexerError: There is no embedder.
        """
        return self._semantic.pages(kind, page_size)

    def changes(self, after: int = 0, limit: int = 10_000) -> list[Change]:
        """Give the writes of this workspace behind a number, in order.

        Raises:
            ChangesGone: The log does not reach back so far: it keeps `change_retention_days`, and the last 100,000.
        """
        return self.store.changes.in_workspace(self.store.workspace_number, after, limit)

    def watch(
        self,
        after: int | None = None,
        *,
        stop: threading.Event | None = None,
        quiet_seconds: float | None = None,
    ) -> Iterator[Change]:
        """Yield the writes of this workspace as they happen, those of other processes within 100 ms.

        Args:
            after: The number of the last change that is known; None for what is written from now on.
            stop: Ends it when it is set.
            quiet_seconds: Ends it when nothing was written for so long; None to wait for ever.

        Raises:
            ChangesGone: The log does not reach back so far.
        """
        from memory.live import ChangeWatcher

        begin = self.store.changes.last_seq() if after is None else after
        return ChangeWatcher(self.store, begin, stop or threading.Event(), quiet_seconds).changes()

    @property
    def options(self) -> Settings:
        """The settings that it was opened with."""
        return self._options

    @property
    def saver(self) -> Saver:
        """What every write goes through; for importers and other writers of many records."""
        return self._saver

    def close(self) -> None:
        """Close the store; further use raises StoreClosed."""
        if self._upkeep is not None:
            self._upkeep.stop()
        self._vector_follower.stop()
        self._follower.stop()
        try:
            if self._keyword.lag() >= LEVEL_AT_CLOSE:
                self._keyword.catch_up()
        except (IndexerError, StoreFault):
            pass  # nothing is lost: the next one to open levels the index
        self._keyword.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note_write(self) -> None:
        self._follower.note()
        self._vector_follower.start()
        if self._upkeep is None:
            from memory.care.upkeep import Upkeep

            self._upkeep = Upkeep(self._saver, self._keyword, self._options)
        self._upkeep.start()

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._follower.held(), self._vector_follower.held():
            yield

    def _open_redactor(self) -> "Redactor":
        from memory.redaction import Redactor

        return Redactor(redaction_key(self.store), is_on=self._options.redact)
