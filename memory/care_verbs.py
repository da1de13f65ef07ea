"""What a memory does to care for its store."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.embedding import Choice
from memory.errors import InvalidInput
from memory.kinds import kinds
from memory.parts import Parts
from memory.saving import redaction_key
from memory.stats import IndexStats, Reindexed, Stats, VectorStats

if TYPE_CHECKING:
    from memory.care.clearing import Archived, Cleared
    from memory.care.doctor import DoctorReport
    from memory.care.forgetting import Forgotten
    from memory.care.redacting import Redacted
    from memory.care.salvaging import Salvaged
    from memory.care.upkeep import Upkept


class CareVerbs(Parts):
    """Care for a store and its indexes."""

    def reindex(self, on_progress: Callable[[str, int, int], None] | None = None) -> Reindexed:
        """Make the keyword index anew from the store, and the vectors that are missing; an embedder that was chosen takes over.

        Raises:
            IndexerError: Another process is writing the index, the embedder failed, or the disk.
        """
        from memory.care.purging import when_free

        tell = partial(on_progress, "keyword index") if on_progress else None
        when_free(lambda: self._keyword.rebuild(tell))
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

    def doctor(
        self,
        repair: bool = False,
        *,
        quick: bool = False,
        deep: bool = False,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> "DoctorReport":
        """Prove that the store and its indexes agree, and mend what can be mended.

        Others may read and write meanwhile.

        Args:
            repair: Mend what is found.
            quick: Do not compare SQLite's own indexes with their tables.
            deep: Compare every record with its pieces, not a sample.
            on_progress: Called with what is looked at, how many checks are done, and of how many.
        """
        from memory.care.doctor import examine
        from memory.care.examining import Patient

        patient = Patient(self._saver, self._keyword, self._filler, is_quick=quick, is_deep=deep)
        with self._held():
            report = examine(patient, repair=repair, on_progress=on_progress)
            for name in self.store.workspace_names():
                if name != self.store.workspace:
                    with type(self).open(self.store.directory, create=False, workspace=name) as other:
                        theirs = Patient(other._saver, other._keyword, other._filler, is_quick=quick, is_deep=deep)
                        report.add(name, examine(theirs, repair=repair, of_rows=True, on_progress=on_progress))
        return report

    def archive(
        self, *, older_than: str | None = None, project: str | None = None, dry_run: bool = False
    ) -> "Archived":
        """Archive the sessions in which nothing was said for long; they are found and read as before.

        Args:
            older_than: A span such as 90d, 12w or 1y; None for the setting `archive_after_days`.
            project: Only those of a project and of those below it.
            dry_run: Only say which.

        Raises:
            InvalidInput: It is no span, or there is none and the setting is 0.
        """
        from datetime import timedelta

        from memory.care.clearing import archive_idle, days

        if older_than is None and not self._options.archive_after_days:
            raise InvalidInput("nothing says how old; give a span such as 90d, or set archive_after_days")
        span = (
            days(older_than, "older_than")
            if older_than is not None
            else timedelta(days=self._options.archive_after_days)
        )
        projects = None if project is None else self.projects.numbers_below(project)
        return archive_idle(self._saver, span, projects, dry_run=dry_run)

    def clear(
        self,
        *,
        deleted: bool = False,
        older_than: str | None = None,
        dry_run: bool = False,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> "Cleared":
        """Empty this workspace, or clear what was deleted in it, so that no file of the store holds it.

        Args:
            deleted: Only what was deleted; it leaves its ids behind, so that no import brings it back. Else everything, also what
                is known of sources: the next import brings it back.
            older_than: With `deleted`: only what was deleted so long ago, such as 30d.
            dry_run: Only count.
            on_progress: Called with what is done, how much of it, and of how much.

        Raises:
            InvalidInput: It is no span, or stands without `deleted`.
            IndexBusy: Another process has been writing the keyword index all the while; the next run goes on.
        """
        from datetime import UTC, datetime, timedelta

        from memory.care.clearing import clear, days

        if older_than is not None and not deleted:
            raise InvalidInput("older_than goes with deleted; without it everything is cleared")
        until = datetime.now(UTC) - (days(older_than, "older_than") if older_than is not None else timedelta())
        with self._held():
            return clear(
                self._saver,
                self._keyword,
                deleted_before=until if deleted else None,
                dry_run=dry_run,
                on_progress=on_progress,
            )

    def upkeep(self) -> "Upkept":
        """Apply the rules of the settings, merge the parts of the index, and give free room back.

        A process that keeps a store open does it by itself when nobody has written for five minutes.

        Raises:
            StoreFault: The disk failed, or others have been writing for too long.
        """
        from memory.care.upkeep import keep_up

        with self._held():
            return keep_up(self._saver, self._keyword, self._options)

    @classmethod
    def salvage(
        cls,
        damaged: str | os.PathLike[str],
        to: str | os.PathLike[str],
        *,
        on_progress: Callable[[str, int, int], None] | None = None,
        **settings: Any,
    ) -> "Salvaged":
        """Write what can be read of a damaged store into a new one; the damaged one is left untouched.

        Args:
            damaged: The directory of a store that no program has open.
            to: A directory that is empty or absent.
            on_progress: Called with what is done, how much of it, and of how much.
            settings: As for `open`.

        Raises:
            NoStore: There is nothing to read.
            StoreFault: There is something where the new one is to be.
            DamagedStore: Not even the list of tables can be read; only a backup helps.
        """
        from memory.care.salvaging import make_findable, salvage_into

        place, workspace = Path(to).expanduser(), str(settings.get("workspace", "default"))
        salvaged = salvage_into(Path(damaged).expanduser(), place, workspace, on_progress)
        with cls.open(place, **settings) as first:
            every = first.store.workspace_names()
        for name in every:
            with cls.open(place, **{**settings, "workspace": name}) as memory, memory._held():
                make_findable(memory._saver, on_progress)
                memory._keyword.catch_up()
        return salvaged

    def forget(
        self,
        *ids: str,
        dry_run: bool = False,
        on_progress: Callable[[str, int, int], None] | None = None,
        **selection: Any,
    ) -> "Forgotten":
        """Forget records for good, with what belongs to them and what was drawn from them; an import does not bring them back.

        Afterwards no byte of them is in any file of the store; the receipt says how that was looked for.

        Args:
            ids: Of records: `message:ID`, or a bare id.
            dry_run: Only say what would be forgotten.
            on_progress: Called with what is done, how much of it, and of how much.
            selection: `session` (an id or several), `project` (with those below it), `participant`, `kind`, `after`,
                `before`, `query` (words that all stand in a record); what is forgotten fulfils all of them.

        Raises:
            InvalidInput: Nothing is given that says what to forget.
            UnknownRecord: It names what is not there.
            IndexBusy: Another process has been writing the keyword index all the while; the next run goes on.
        """
        from memory.care.forgetting import BackupHolding, Forgetting
        from memory.selection import Selection, Selector
        from memory.store.backups import noted_backups
        from memory.store.schema import moment

        chosen = Selection.of({**selection, "ids": ids or None})
        held = [BackupHolding(path=each.path, at=moment(each.at)) for each in noted_backups(self.store)]
        with self._held():
            forgetting = Forgetting(self._saver, self._keyword, Selector(self.store, self.projects))
            return forgetting.run(chosen, held, dry_run=dry_run, on_progress=on_progress)

    def catch_up(self, on_progress: Callable[[int, int], None] | None = None) -> bool:
        """Bring the keyword index level with the store; False when another process is doing so just now."""
        return self._keyword.catch_up(on_progress)

    def index_lag(self) -> int:
        """Count the changes that the keyword index has not seen; searches read them from the store.

        Of an index that is being built the pieces that are not in it yet are counted, too; searches find those by meaning alone.
        """
        return self._keyword.lag() + self._keyword.lacking()

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
        from memory.store.checks import Checks

        free, _, page_bytes = Checks(self.store.database).free_pages()
        sizes = self.store.sizes()
        return Stats(
            store=str(self.store.directory),
            workspace=self.store.workspace,
            counts={kind.declaration.plural: self.collection(name).count() for name, kind in kinds().items()},
            chunks=self.store.chunks.count(),
            index=self.index_stats(),
            vectors=self.vector_stats(),
            size_bytes=sum(sizes.values()),
            sizes=sizes | {"free pages": free * page_bytes},
            queries=self._searcher.times.stats(),
        )

    def index_stats(self) -> IndexStats:
        """Say how large the keyword index is, how far behind, and what keeps it from answering."""
        engine = self._keyword.engine()
        return IndexStats(
            documents=engine.documents() if engine else 0,
            lag=self.index_lag(),
            fault=self._keyword.fault or self._keyword.shortfall(),
        )

    def vector_stats(self) -> VectorStats:
        """Say which embedder answers, which is coming, and how far their vectors are."""
        return self._filler.stats()
