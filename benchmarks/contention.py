"""Let many processes write, search and import into one store at once, beside the same on a plain SQLite table.

    python benchmarks/contention.py --processes 8 [--seconds 30] [--messages 20000] [--json FILE]

Half of the processes save messages one by one, one imports, the others search (in the plain table: read a row by its number). Harkback
and the plain table (apsw, WAL, `synchronous=FULL`, `busy_timeout`; no text is indexed, no vector made) take turns, so that what else
the machine does falls on both. The plain table is the floor: what the disk and SQLite's own locks leave.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
from speed_histories import questions, write_histories
from speed_table import header, machine, median, percentile

from memory import Memory

Json = dict[str, Any]
ROUNDS = 3
MORE = 3
"""How many times as many messages are imported meanwhile as were there before, at most."""
FILES = 20
"""Files that are imported in one call, of about 50 messages each."""
BATCH = 1_000
"""Rows that the plain table's importer writes in one transaction."""
SYSTEMS = ("harkback", "plain")
ROLES = ("write", "search", "import")


@dataclass
class Tally:
    """What the processes of one role did, in all rounds."""

    took_ms: list[float] = field(default_factory=list)
    done: int = 0
    seconds: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, told: Json) -> None:
        """Take what a process told."""
        self.took_ms += told["took_ms"]
        self.done += told["done"]
        self.errors.update(told["errors"])

    def as_json(self, processes: int) -> Json:
        """Give it in numbers."""
        took = self.took_ms or [0.0]
        return {
            "processes": processes,
            "per_second": self.done / max(self.seconds, 1e-9),
            "p50_ms": median(took),
            "p99_ms": percentile(took, 0.99),
            "worst_ms": max(took),
            "errors": dict(self.errors),
        }


def roles_of(processes: int) -> list[str]:
    """Share out the roles: one imports, half write, the rest search."""
    writers = max(1, processes // 2)
    return ["import"] + ["write"] * writers + ["search"] * max(1, processes - 1 - writers)


def prepare(folder: Path, messages: int) -> Path:
    """Make both stores, with the same messages, and say in a file what is to be done."""
    made = write_histories(folder / "histories", messages * (1 + MORE))
    files = sorted(made.folder.rglob("*.jsonl"))
    base, more = files[:: 1 + MORE], [str(path) for at, path in enumerate(files) if at % (1 + MORE)]
    with Memory.open(folder / "harkback") as memory:
        memory.import_(base)
        memory.sessions.create(id="s", title="Crowd")
        rows = memory.store.database.rows("select content from message")
    table = plain(folder)
    table.execute("create table message (number integer primary key, session text, role text, content text)")
    with table:
        table.executemany("insert into message (session, role, content) values ('base', 'user', ?)", rows)
    table.close()
    told = {"texts": made.samples, "queries": questions(made, 2, 200), "more": more}
    plan = folder / "plan.json"
    plan.write_text(json.dumps(told), encoding="utf-8")
    return plan


def plain(folder: Path) -> apsw.Connection:
    """Open the plain table's database."""
    connection = apsw.Connection(str(folder / "plain.db"))
    connection.set_busy_timeout(60_000)
    for name, value in (("journal_mode", "wal"), ("synchronous", "full")):
        connection.pragma(name, value)
    return connection


def work(folder: Path, system: str, role: str, seed: int, seconds: float) -> Json:
    """Do one role's work for some seconds, from when standard input says so."""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    random.seed(seed)
    if system == "harkback":
        with Memory.open(folder / "harkback") as memory:
            memory.search("warm up")
            plan["more"] = plan["more"][seed // 100 :: ROUNDS]
            return _repeat(_with_harkback(memory, role, plan), seconds)
    connection = plain(folder)
    try:
        return _repeat(_with_plain(connection, role, plan), seconds)
    finally:
        connection.close()


def _repeat(step: Callable[[], int], seconds: float) -> Json:
    took: list[float] = []
    errors: Counter[str] = Counter()
    print("ready", flush=True)
    sys.stdin.readline()
    until, done = time.perf_counter() + seconds, 0
    while (started := time.perf_counter()) < until:
        try:
            done += step()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            errors[f"{type(error).__name__}: {error}"[:200]] += 1
        took.append((time.perf_counter() - started) * 1000)
    return {"took_ms": took, "done": done, "errors": errors}


def _with_harkback(memory: Memory, role: str, plan: Json) -> Callable[[], int]:
    def write() -> int:
        memory.messages.append("s", role="user", content=random.choice(plan["texts"]))
        return 1

    def search() -> int:
        result = memory.search(random.choice(plan["queries"]))
        faults = [leg for leg in result.legs if getattr(leg, "fault", None)]
        assert not faults, faults
        return 1

    def import_() -> int:
        if not plan["more"]:
            raise RuntimeError("nothing is left to import; give more --messages")
        some = [plan["more"].pop() for _ in range(min(FILES, len(plan["more"])))]
        return memory.import_(some).totals["added"]

    return {"write": write, "search": search, "import": import_}[role]


def _with_plain(connection: apsw.Connection, role: str, plan: Json) -> Callable[[], int]:
    sql = "insert into message (session, role, content) values (?, 'user', ?)"
    [[rows]] = connection.execute("select max(number) from message")

    def begin() -> None:
        connection.execute("begin immediate")

    def write() -> int:
        begin()
        connection.execute(sql, ("s", random.choice(plan["texts"])))
        connection.execute("commit")
        return 1

    def search() -> int:
        list(connection.execute("select content from message where number = ?", (random.randrange(1, rows),)))
        return 1

    def import_() -> int:
        begin()
        connection.executemany(sql, (("i", random.choice(plan["texts"])) for _ in range(BATCH)))
        connection.execute("commit")
        return BATCH

    return {"write": write, "search": search, "import": import_}[role]


def round_of(folder: Path, system: str, roles: list[str], seed: int, seconds: float) -> list[tuple[str, Json]]:
    """Let all processes of a system work at once."""
    children = []
    for at, role in enumerate(roles):
        told = ["--child", str(folder), system, role, str(seed * 100 + at), str(seconds)]
        command = [sys.executable, __file__, *told]
        children.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n", f"a process of {system} did not start"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    return [
        (role, json.loads(child.communicate(timeout=seconds + 300)[0]))
        for role, child in zip(roles, children, strict=True)
    ]


def measure(folder: Path, processes: int, seconds: float, messages: int) -> dict[str, dict[str, Json]]:
    """Let both systems work in turns."""
    prepare(folder, messages)
    roles = roles_of(processes)
    tallies = {system: {role: Tally() for role in ROLES} for system in SYSTEMS}
    for turn in range(ROUNDS):
        for system in SYSTEMS if turn % 2 == 0 else reversed(SYSTEMS):
            print(f"round {turn + 1} of {ROUNDS}: {system}", file=sys.stderr, flush=True)
            for role, told in round_of(folder, system, roles, turn, seconds / ROUNDS):
                tallies[system][role].add(told)
            for tally in tallies[system].values():
                tally.seconds += seconds / ROUNDS
    counts = Counter(roles)
    with Memory.open(folder / "harkback") as memory:
        memory.catch_up()
        index, pieces = memory.stats().index, memory.store.chunks.count()
        assert (index.documents, index.lag, index.fault) == (pieces, 0, None), index
        assert memory.store.database.rows("pragma quick_check") == [("ok",)]
    return {name: {role: tally.as_json(counts[role]) for role, tally in of.items()} for name, of in tallies.items()}


def table(found: dict[str, dict[str, Json]]) -> str:
    """Lay out what was measured."""
    units = {"write": "saves", "search": "searches", "import": "messages imported"}
    lines = [("what", "processes", "a second", "p50 ms", "p99 ms", "worst ms", "errors")]
    for role in ROLES:
        for system in SYSTEMS:
            row = found[system][role]
            name = (
                units[role]
                if system == "harkback"
                else f"  plain table, {'rows read' if role == 'search' else 'rows written'}"
            )
            figures = (f"{row['per_second']:,.0f}", *(f"{row[f'{each}_ms']:,.2f}" for each in ("p50", "p99", "worst")))
            lines.append((name, str(row["processes"]), *figures, f"{sum(row['errors'].values()):,}"))
    widths = [max(len(line[at]) for line in lines) for at in range(7)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each of the two works in all")
    parser.add_argument("--messages", type=int, default=20_000, help="how many are there before")
    parser.add_argument("--json", type=Path, help="also write what was measured to this file")
    given = parser.parse_args()
    on = machine()
    print(header(on), flush=True)
    with tempfile.TemporaryDirectory(prefix="hark-contention-") as folder:
        found = measure(Path(folder), given.processes, given.seconds, given.messages)
    print(table(found))
    errors: Counter[str] = sum((Counter(row["errors"]) for row in found["harkback"].values()), Counter())
    for error, count in errors.most_common(5):
        print(f"{count:,} × {error}")
    if given.json:
        told = {"machine": on, "processes": given.processes, "seconds": given.seconds, "messages": given.messages}
        given.json.write_text(json.dumps(told | found, indent=1), encoding="utf-8")
    sys.exit(bool(errors))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        place, system_name, role_name, number, length = sys.argv[2:]
        print(json.dumps(work(Path(place), system_name, role_name, int(number), float(length))))
    else:
        main()
