"""Memory: the one object that a program holds; `open` puts the parts together."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from indexers.embedders import open_embedder
from indexers.errors import IndexerError
from memory.catch_up import Follower, KeywordIndex
from memory.collections.attachments import Attachments
from memory.collections.collection import Collection
from memory.collections.graph import Graph
from memory.collections.learnings import Learnings
from memory.collections.projects import Projects
from memory.collections.sessions import Sessions
from memory.collections.settings import StoredSettings
from memory.embedding import Choice, Embedders
from memory.errors import InvalidInput, StoreFault, UnknownRecord
from memory.filling import VectorFiller, VectorFollower
from memory.kinds import kinds
from memory.kinds.learning import Learning
from memory.kinds.message import Message
from memory.nearest import SemanticIndex, VectorPage
from memory.saving import Saver, redaction_key
from memory.search.answer import Recall, SearchHit, SearchResult
from memory.search.recall import pack
from memory.search.recipe import Recipe
from memory.search.request import request_of
from memory.search.searcher import Searcher
from memory.settings import Settings, read_settings
from memory.stats import IndexStats, Reindexed, Stats, VectorStats
from memory.store.changes import Change
from memory.store.store import Store, open_store
from memory.streaming import StreamedMessages

if TYPE_CHECKING:
    from memory.care.redacting import Redacted
    from memory.importing import ImportReport, Progress
    from memory.redaction import Redactor

LEVEL_AT_CLOSE = 200
"""Changes from which on closing lets the index follow first; fewer are found without it. Untuned."""
RECALL_HITS = 20
"""Hits that are offered to a context. Untuned."""


class Memory:
    """One workspace of one store, with its indexes.

    Safe to use from many threads and many processes at once. It is a context manager.

    Attributes:
        sessions: Conversations.
        messages: Their entries.
        learnings: What was drawn from them.
        graph: Relationships.
        projects: Bodies of work.
        attachments: Files and images of messages.
        settings: Keys and values kept with the store.
    """

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
        self._semantic = SemanticIndex(store, self._saver)
        self._options = settings
        self.projects = Projects(store, self._saver, "project")
        self.sessions = Sessions(store, self._saver, self.projects)
        self.messages = StreamedMessages(store, self._saver, "message")
        self.learnings = Learnings(store, self._saver, self.projects)
        self.graph = Graph(store, self._saver, "relationship")
        self.attachments = Attachments(store, self._saver, "attachment")
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

    def search(self, query: str, **arguments: Any) -> SearchResult:
        """Find messages, learnings and sessions.

        Args:
            query: Words, `"phrases"`, `-exclusions` and filters such as `role:user`; there is no wrong query.
            arguments: `mode` (hybrid, keyword, semantic, title), `limit` (10, at most 200), `group` (session),
                `project` (with those below it), `session` (an id, or its beginning), `role`, `tool`, `kind` (message,
                learning, session), `participant`, `tag`, `after`, `before`, `as_of` (a datetime or text such as
                2026-11-03, yesterday, 7d), `context` (neighbours of each hit), `min_score` (0 switches the floor off),
                `fold` (False keeps hits of the same text apart).

        Raises:
            InvalidInput: An argument is unknown, or cannot be what it is.
        """
        request = request_of(query, arguments)
        self._vector_follower.start()
        return self._searcher.search(request)

    @property
    def recipe(self) -> Recipe:
        """How a search in mode `hybrid` weighs what it knows; another one may be set."""
        return self._searcher.finder.recipe

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self._searcher.finder.recipe = recipe

    def recall(self, query: str, *, budget: int = 2000, **arguments: Any) -> Recall:
        """Find what is relevant and pack it, cited, into a context for a prompt.

        Args:
            query: As for `search`.
            budget: Tokens that the text has at most, at about four characters each.
            arguments: As for `search`.

        Raises:
            InvalidInput: The budget is less than 1, or an argument cannot be what it is.
        """
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
            raise InvalidInput(f"budget is {budget!r}; it must be a whole number of tokens, 1 or more")
        return pack(self.search(query, **{"limit": RECALL_HITS, **arguments}), budget, self._quoted)

    def import_(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        format: str | None = None,
        project: str | None = None,
        keep_source: str | None = None,
        on_progress: "Progress | None" = None,
    ) -> "ImportReport":
        """Import histories, so that they are found when this returns; see `memory.importing.import_histories`."""
        several = [Path(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
        return self._imported(several, True, keep_source, format=format, project=project, on_progress=on_progress)

    def watch_sources(
        self,
        paths: Sequence[str | os.PathLike[str]] = (),
        *,
        stop: threading.Event | None = None,
        format: str | None = None,
        project: str | None = None,
        keep_source: str | None = None,
        poll: bool = False,
        on_progress: "Progress | None" = None,
    ) -> "Iterator[ImportReport]":
        """Import what came since the last import, and then what comes, until it is stopped.

        Args:
            paths: Files and directories; none for the places where agents keep their histories on this machine, those
                that come into being later included.
            stop: Ends it when it is set, after the file that is being read.
            format: As for `import_`; without paths: only the places of this format.
            project: As for `import_`.
            keep_source: As for `import_`.
            poll: Look at the files every two seconds, for file systems that give no notices of changes.
            on_progress: As for `import_`.

        Yields:
            What came of the first import; then a report whenever something was added, or could not be read.

        Raises:
            SourceFault: As for `import_`, of what is named; what goes wrong later is in the reports.
        """
        from memory.watching import SourceWatcher

        stopped, given = stop or threading.Event(), [Path(path) for path in paths]
        arguments = {"format": format if given else None, "project": project, "on_progress": on_progress}

        def read(some: Sequence[Path], is_first: bool) -> "ImportReport":
            is_strict = is_first and bool(given)
            return self._imported(
                some, is_first, keep_source, is_strict=is_strict, is_stopped=stopped.is_set, **arguments
            )

        self._vector_follower.start()
        return SourceWatcher(self.store, read, given, None if given else format, stopped, poll).reports()

    def _imported(
        self, paths: Sequence[Path], is_much: bool, keep_source: str | None, **arguments: Any
    ) -> "ImportReport":
        """Import; what is much is brought into the index at once, what is little follows in the background."""
        from memory.importing import import_histories
        from memory.indexing import indexing_beside

        with self._held() if is_much else nullcontext():
            report = import_histories(
                self._saver,
                self.projects,
                paths,
                derived=self._options.derived,
                keep_source=keep_source or self._options.keep_source,
                beside=lambda size: indexing_beside(self.store.directory, self.store.workspace, size),
                **arguments,
            )
            if is_much:
                self._keyword.catch_up()
        return report

    def kept_source(self, path: str | os.PathLike[str]) -> Iterator[bytes]:
        """Yield what an imported file held, its secrets taken out, piece by piece.

        Args:
            path: The path as the import reported it.

        Raises:
            UnknownRecord: Nothing is kept of it.
        """
        name = os.fspath(path)
        for each in (name, str(Path(name).expanduser().resolve())):
            if any(kept.path == each for kept in self.store.kept_sources.all()):
                return self.store.kept_sources.pieces(each)
        raise UnknownRecord(f"nothing is kept of {name}; `hark import --keep-source all {name}` keeps it")

    def vectors(self, kind: str = "message", *, page_size: int = 1_000) -> Iterator[VectorPage]:
        """Yield the vectors of this workspace's messages, learnings or sessions, page by page; one for each piece of a text.

        Raises:
            InvalidInput: There is no such kind, or a page would be empty.
            IndexerError: There is no embedder.
        """
        return self._semantic.pages(kind, page_size)

    def changes(self, after: int = 0, limit: int = 10_000) -> list[Change]:
        """Give the writes of this workspace behind a number, in order."""
        return self.store.changes.in_workspace(self.store.workspace_number, after, limit)

    def reindex(self, on_progress: Callable[[str, int, int], None] | None = None) -> Reindexed:
        """Make the keyword index anew from the store, and the vectors that are missing; an embedder that was chosen takes over.

        Raises:
            IndexerError: Another process is writing the index, the embedder failed, or the disk.
        """
        self._keyword.rebuild(partial(on_progress, "keyword index") if on_progress else None)
        vectors = self._filler.fill(on_progress=partial(on_progress, "vectors") if on_progress else None)
        engine = self._keyword.engine()
        return Reindexed(documents=engine.documents() if engine else 0, vectors=vectors)

    def redact(
        self, *, dry_run: bool = False, on_progress: Callable[[str, int, int], None] | None = None
    ) -> "Redacted":
        """Take secrets out of what is stored already, in all workspaces, with today's rules.

        Afterwards no byte of them is in any file of the store. A run that was stopped, or killed, is finished by the next.

        Args:
            dry_run: Only say what would be taken out, and where.
            on_progress: Called with what is looked through, how much of it is done, and of how much.

        Returns:
            What was taken out, by kind and place, and what was made anew; never a secret itself.

        Raises:
            IndexBusy: Another process has been writing the keyword index all the while; the next run goes on.
        """
        from memory.care.redacting import redact_store
        from memory.redaction import Redactor

        key = self.store.state("redaction_key") if dry_run else redaction_key(self.store).hex()
        redactor = Redactor(bytes.fromhex(key or "00"))
        with self._held():
            return redact_store(self._saver, redactor, self._keyword, dry_run=dry_run, on_progress=on_progress)

    def catch_up(self, on_progress: Callable[[int, int], None] | None = None) -> bool:
        """Bring the keyword index level with the store; False when another process is doing so just now."""
        return self._keyword.catch_up(on_progress)

    def index_lag(self) -> int:
        """Count the changes that the keyword index has not seen; searches read them from the store."""
        return self._keyword.lag()

    def choose_embedder(self, setting: str | None) -> Choice:
        """Choose what makes vectors, for all programs that use this store; None for what the settings say.

        Its vectors are made in the background, by any program that keeps the store open, or by `reindex`; until all
        are there the one before answers, whose vectors are dropped then.

        Raises:
            EmbedderError: It cannot be opened, or cannot embed; nothing is changed.
        """
        chosen = self._embedders.choose(setting)
        self._vector_follower.wake()
        return chosen

    def stats(self) -> Stats:
        """Count what is stored and indexed, and say how large it is."""
        engine = self._keyword.engine()
        return Stats(
            store=str(self.store.directory),
            workspace=self.store.workspace,
            counts={kind.declaration.plural: self.collection(name).count() for name, kind in kinds().items()},
            chunks=self.store.chunks.count(),
            index=IndexStats(
                documents=engine.documents() if engine else 0, lag=self._keyword.lag(), fault=self._keyword.fault
            ),
            vectors=self.vector_stats(),
            size_bytes=sum(path.stat().st_size for path in self.store.directory.rglob("*") if path.is_file()),
        )

    def vector_stats(self) -> VectorStats:
        """Say which embedder answers, which is coming, and how far their vectors are."""
        return self._filler.stats()

    @property
    def saver(self) -> Saver:
        """What every write goes through; for importers and other writers of many records."""
        return self._saver

    def close(self) -> None:
        """Close the store; further use raises StoreClosed."""
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

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._follower.held(), self._vector_follower.held():
            yield

    def _open_redactor(self) -> "Redactor":
        from memory.redaction import Redactor

        return Redactor(redaction_key(self.store), is_on=self._options.redact)

    def _quoted(self, hit: SearchHit) -> Sequence[Message] | str:
        if hit.kind == "message":
            return self.messages.around(hit.id, before=1, after=1)
        found = self.learnings.get(hit.id) if hit.kind == "learning" else None
        return found.content if isinstance(found, Learning) else hit.snippet
