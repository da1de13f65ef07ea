"""Prove that a store and its indexes agree, and mend what can be mended."""

import time
from collections.abc import Callable, Iterator

from pydantic import BaseModel

from indexers.errors import IndexerError
from memory.care.examining import CHECKS, OF_ROWS, Finding, Patient
from memory.errors import MemoryFault
from memory.store.sqlite import sqlite_version

Progress = Callable[[str, int, int], None]
MOST_OF_A_SORT = 20
"""Problems of one check that are told; the number of more is told with the last. Untuned."""


class DoctorProblem(BaseModel):
    """Something that was wrong."""

    check: str
    what: str
    to_do: str
    """What a person can do; "" when it was mended."""
    is_repaired: bool = False


class DoctorCheck(BaseModel):
    """Something that was looked at."""

    name: str
    problems: int
    took_ms: float


class DoctorReport(BaseModel):
    """What a doctor found, and has mended."""

    ok: bool
    """Whether nothing is wrong, or all of it was repaired."""
    store: str
    versions: dict[str, str]
    checks: list[DoctorCheck]
    problems: list[DoctorProblem]

    def add(self, workspace: str, other: "DoctorReport") -> None:
        """Take up what was found in another workspace."""
        self.ok = self.ok and other.ok
        for problem in other.problems:
            problem.what = f"workspace {workspace}: {problem.what}"
        self.problems += other.problems


def examine(
    patient: Patient, *, repair: bool, of_rows: bool = False, on_progress: Progress | None = None
) -> DoctorReport:
    """Run every check, and mend what they find when that is wanted; with `of_rows` only those of one workspace's records.

    What is mended is looked at again; it counts as repaired when it is gone then. Nothing is deleted that could be
    needed: an index is set aside, not thrown away.
    """
    problems: list[DoctorProblem] = []
    checks: list[DoctorCheck] = []
    for at, (name, look) in enumerate(CHECKS):
        if of_rows and name not in OF_ROWS:
            continue
        if on_progress:
            on_progress(f"looking at {name}", at, len(CHECKS))
        started = time.perf_counter()
        found = _found(look, patient)
        told = [_told(name, finding) for finding in found[:MOST_OF_A_SORT]]
        if len(found) > MOST_OF_A_SORT:
            told[-1].what += f"; and {len(found) - MOST_OF_A_SORT:,} more of this sort"
        if repair and found:
            failed = _mend(found)
            left = {finding.what for finding in _found(look, patient)}
            for problem, finding in zip(told, found, strict=False):
                problem.is_repaired = finding.mend is not None and finding.what not in left
                problem.to_do = "" if problem.is_repaired else (failed.get(finding.what) or problem.to_do)
            behind = [finding for finding in found[len(told) :] if finding.mend is None or finding.what in left]
            if behind and told[-1].is_repaired:
                told[-1].is_repaired, told[-1].to_do = False, f"{len(behind):,} of this sort are left; run it again"
        problems += told
        checks.append(
            DoctorCheck(name=name, problems=len(found), took_ms=round((time.perf_counter() - started) * 1000, 1))
        )
    return DoctorReport(
        ok=all(problem.is_repaired for problem in problems),
        store=str(patient.store.directory),
        versions=versions(),
        checks=checks,
        problems=problems,
    )


def versions() -> dict[str, str]:
    """Name the versions of what a store rests on."""
    from importlib.metadata import version

    return {
        "SQLite": sqlite_version(),
        **{name: version(name) for name in ("harkback", "apsw", "sqlite-vec", "tantivy", "numpy", "pydantic")},
    }


def _found(look: Callable[[Patient], Iterator[Finding]], patient: Patient) -> list[Finding]:
    try:
        return list(look(patient))
    except (MemoryFault, IndexerError) as error:
        # what is damaged so badly that it cannot be looked at is a finding, too
        return [Finding(str(error), to_do="`hark doctor --salvage-to DIR` writes what can be read into a new store")]


def _mend(found: list[Finding]) -> dict[str, str]:
    """Mend what can be mended, and say of the rest why not."""
    failed: dict[str, str] = {}
    for finding in found:
        if finding.mend is not None:
            try:
                finding.mend()
            except (MemoryFault, IndexerError, OSError) as error:
                failed[finding.what] = f"it could not be mended: {error}"
    return failed


def _told(name: str, finding: Finding) -> DoctorProblem:
    to_do = finding.to_do or ("`hark doctor --repair` mends it" if finding.mend else "")
    return DoctorProblem(check=name, what=finding.what, to_do=to_do)
