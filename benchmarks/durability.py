"""Kill real processes at random instants and count what of the acknowledged is lost, doubled or not found.

    python benchmarks/durability.py --kills 500 [--what saving,indexing,importing] [--seed N] [--json FILE] [--keep FOLDER]

One to three processes at once (`durability_tasks.py`) append, stream, update, delete, index and import into one store and say what
they do before and after each call; each is killed with SIGKILL. Then the store is opened as anybody would: every
acknowledged record is read and searched for by a word of its own, what was not acknowledged is there whole or not at all, and when
the index is level its set of documents is compared with the store's set of pieces. A new store is begun every 50 kills, when
what was killed last is brought to its end, all that was ever acknowledged is read again and `doctor` looks at it. What a seed does
not fix is when the kernel lets which process run.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durability_tasks import write_history
from speed_table import header, machine, median

from memory import Memory

Json = dict[str, Any]
WHAT = ("saving", "indexing", "importing", "loading")
KILLS_A_STORE = 50
HISTORY_MESSAGES = 4_000
LONGEST_SECONDS = 0.6
"""What a process lives after it is ready, at most."""
BEHIND_MS = 100.0
"""What a stream may lack at a kill: SPEC 9.2."""


class Child:
    """A process that is to be killed, and what it said."""

    def __init__(self, task: str, name: str, store: Path, seed: int, source: Path | None) -> None:
        self.task, self.name, self.source = task, name, source
        told = [task, str(store), name, str(seed), *([str(source)] if source else [])]
        command = [sys.executable, str(Path(__file__).with_name("durability_tasks.py")), *told]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines: list[Json] = []
        self.killed_at = 0.0
        self.is_ready = threading.Event()
        self.fault = ""
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._complain)]
        for thread in self._threads:
            thread.start()

    def kill_after(self, seconds: float, *, from_start: bool) -> None:
        """Kill it so long after it was ready, or was started."""
        if not from_start:
            self.is_ready.wait(60)
        time.sleep(seconds)
        self.killed_at = time.monotonic()
        self._process.kill()

    def ended(self) -> None:
        """Wait until it is dead and all that it said is read."""
        if self._process.wait() != -9:
            self.fault = (
                f"{self.task} ended by itself: {self.fault.strip().splitlines()[-1:] or self._process.returncode}"
            )
        else:
            self.fault = ""
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                self.lines.append(json.loads(line))
                self.is_ready.set()
        self.is_ready.set()

    def _complain(self) -> None:
        assert self._process.stderr
        self.fault = self._process.stderr.read().decode(errors="replace")


@dataclass
class Tally:
    """What was counted over all kills."""

    kills: int = 0
    acknowledged: int = 0
    searched: int = 0
    lost: list[str] = field(default_factory=list)
    not_found: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    """Not acknowledged, and there in part."""
    doubled: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    behind_ms: list[float] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)

    def is_wrong(self) -> bool:
        """Whether anything is."""
        return any((self.lost, self.not_found, self.half, self.doubled, self.drift, self.faults))


class Ground:
    """One store, and what must be in it."""

    def __init__(self, folder: Path, tally: Tally) -> None:
        self.store = folder / "store"
        self.tally = tally
        self.expected: dict[tuple[str, str], str | None] = {}
        """What each record says; None for one that was deleted."""
        self.unfinished: list[str] = []
        """Streams that were killed."""

    def round(self, children: list[Child]) -> None:
        """Take what dead children said, open the store and look."""
        fresh: list[tuple[str, str]] = []
        unsure: list[tuple[Child, Json, int]] = []
        for child in children:
            fresh += self._take(child, unsure)
        started = time.perf_counter()
        with Memory.open(self.store) as memory:
            for each in unsure:
                fresh += self._settle(memory, *each)
            memory.search("kettle", limit=5)
            while not memory.catch_up():
                time.sleep(0.01)
            self.tally.recovery_s.append(time.perf_counter() - started)
            self._compare_index(memory)
            for kind, id in dict.fromkeys(fresh):
                self._read(memory, kind, id)
                self._find(memory, kind, id)

    def finish(self) -> None:
        """Go on with the streams that were killed, read all that was ever acknowledged, and look for what is doubled."""
        with Memory.open(self.store) as memory:
            for id in self.unfinished:
                there = memory.messages.get(id)
                if there is not None and there.status != "complete":
                    with memory.messages.stream(there.session_id, role=there.role, id=id) as stream:
                        stream.write(f" {id}resumed")
                    self.expected["message", id] = f"{there.content} {id}resumed"
                    hits = memory.search(f'"{id}resumed"', mode="keyword", fold=False, min_score=0).hits
                    self.tally.not_found += [] if [hit.id for hit in hits] == [id] else [f"stream {id}"]
            for kind, id in self.expected:
                self._read(memory, kind, id)
            rows = memory.store.database.rows
            for table in ("message", "learning"):
                told = f"select content from {table} where deleted_at is null group by content having count(*) > 1"
                self.tally.doubled += [row[0][:60] for row in rows(told)]
            wrong = rows(
                "select session_number from message group by session_number having count(*) <> count(distinct seq)"
            )
            self.tally.doubled += [f"a place in session {row[0]}" for row in wrong]
            if (found := rows("pragma integrity_check")) != [("ok",)]:
                self.tally.faults.append(f"integrity: {found}")
            self.tally.faults += [f"doctor: {each.what}" for each in memory.doctor().problems]

    def _take(self, child: Child, unsure: list[tuple[Child, Json, int]]) -> list[tuple[str, str]]:
        """Note what is acknowledged; what was begun and not acknowledged is unsure."""
        fresh: list[tuple[str, str]] = []
        begun: Json | None = None
        began_at = 0
        for at, line in enumerate(child.lines):
            if "begin" in line:
                began_at, begun = at, line if line["begin"] in ("put", "stream", "delete") else None
            elif line.get("done") and begun is not None:
                for id, text in begun["put"].items():
                    self.expected[begun["kind"], id] = text
                    fresh.append((begun["kind"], id))
                self.tally.acknowledged += len(begun["put"])
                begun = None
        if begun is not None:
            unsure.append((child, begun, began_at))
        return fresh

    def _settle(self, memory: Memory, child: Child, begun: Json, line: int) -> list[tuple[str, str]]:
        """See that what was not acknowledged is there whole or not at all, and take it as it is."""
        kind = begun["kind"]
        found = {id: _content(memory, kind, id) for id in begun["put"]}
        before = {id: self.expected.get((kind, id)) for id in begun["put"]}
        self.expected |= {(kind, id): text for id, text in found.items()}
        if begun["begin"] == "stream":
            [(id, text)] = begun["put"].items()
            wrote = [each for each in child.lines[line:] if "wrote" in each]
            self._settle_stream(found[id] or "", text, wrote, child.killed_at, id)
            # its words are looked for once it is gone on with
            self.unfinished += [id] * (found[id] is not None)
            return []
        if found not in (begun["put"], before):
            self.tally.half.append(f"{child.name}: {begun}")
        return [(kind, id) for id in found]

    def _settle_stream(self, found: str, text: str, wrote: list[Json], killed_at: float, id: str) -> None:
        if not text.startswith(found):
            self.tally.half.append(f"stream {id}: {found[:60]}")
        missing = [each["at"] for each in wrote if each["wrote"] > len(found)]
        self.tally.behind_ms.append((killed_at - missing[0]) * 1000 if missing else 0.0)

    def _compare_index(self, memory: Memory) -> None:
        engine = memory._keyword.engine()
        if engine is None:
            self.tally.drift.append(str(memory._keyword.fault))
            return
        indexed = [key for key, _ in engine.newest("at", (), engine.documents() + 10)]
        pieces = {row[0] for row in memory.store.database.rows("select number from chunk")}
        if set(indexed) != pieces or len(indexed) != len(pieces):
            self.tally.drift.append(f"{len(set(indexed) - pieces)} too many, {len(pieces - set(indexed))} too few")

    def _read(self, memory: Memory, kind: str, id: str) -> None:
        if _content(memory, kind, id) != self.expected[kind, id]:
            self.tally.lost.append(f"{kind} {id}")

    def _find(self, memory: Memory, kind: str, id: str) -> None:
        text = self.expected[kind, id]
        if not text:
            return
        self.tally.searched += 1
        hits = memory.search(f'"{text.split()[0]}"', mode="keyword", fold=False, min_score=0).hits
        if [hit.id for hit in hits] != [id]:
            self.tally.not_found.append(f"{kind} {id}: {[hit.id for hit in hits]}")


def _content(memory: Memory, kind: str, id: str) -> str | None:
    found = memory.messages.get(id) if kind == "message" else memory.learnings.get(id)
    return None if found is None or found.deleted_at else found.content


class Imports:
    """A history that is imported, however often that takes."""

    def __init__(self, folder: Path, ground: Ground, *, is_export: bool) -> None:
        self.ground, self._folder, self._is_export = ground, folder, is_export
        self._count = 0
        self.messages: dict[str, str] = {}
        self.path = self._next()

    def take(self, child: Child) -> None:
        """Look at what a dead import left: a beginning of the history, or all of it when it said so."""
        with Memory.open(self.ground.store) as memory:
            there = {id: _content(memory, "message", id) for id in self.messages}
        found = [text is not None for text in there.values()]
        wrong = [id for id, text in there.items() if text not in (None, self.messages[id])]
        self.ground.tally.lost += wrong
        if sum(found) != len(found) and sorted(found, reverse=True) != found and not self._is_export:
            self.ground.tally.half.append(f"{child.name}: a hole in {self.path.name}")
        if any(line.get("done") for line in child.lines):
            self.ground.tally.acknowledged += len(found)
            self.ground.tally.lost += [id for id, text in there.items() if text is None]
            self.ground.expected |= {("message", id): text for id, text in self.messages.items()}
            with Memory.open(self.ground.store) as memory:
                for id in random.Random(self._count).sample(sorted(self.messages), 50):
                    self.ground._find(memory, "message", id)
            self.path = self._next()

    def complete(self) -> None:
        """Let what was killed last come to its end; all of it must be there then."""
        with Memory.open(self.ground.store) as memory:
            if self._is_export:
                memory.load(self.path, on_duplicate="skip")
            else:
                memory.import_(self.path)
        self.ground.expected |= {("message", id): text for id, text in self.messages.items()}

    def _next(self) -> Path:
        self._count += 1
        name = f"{'e' if self._is_export else 'h'}{self._folder.name}n{self._count}"
        path = self._folder / f"{name}.jsonl"
        self.messages = dict(write_history(str(path), name, HISTORY_MESSAGES))
        if self._is_export:
            with Memory.open(self._folder / name) as memory:
                memory.import_(path)
                path = self._folder / f"{name}.hark"
                memory.export(path)
        return path


def run(kills: int, what: list[str], seed: int, folder: Path) -> Tally:
    """Kill until it is enough."""
    chance, tally = random.Random(seed), Tally()
    while tally.kills < kills:
        place = folder / f"store{tally.kills}"
        place.mkdir(parents=True)
        ground = Ground(place, tally)
        with Memory.open(ground.store) as memory:
            memory.sessions.create(id="first", title="kills")
        imports = {
            task: Imports(place, ground, is_export=task == "loading")
            for task in what
            if task in ("importing", "loading")
        }
        until = min(kills, tally.kills + KILLS_A_STORE)
        while tally.kills < until:
            _round(ground, imports, what, chance, until)
            done = f"{tally.kills} kills, {tally.acknowledged:,} acknowledged, {len(tally.lost)} lost"
            print(f"\r{done}", end="", file=sys.stderr, flush=True)
        for each in imports.values():
            each.complete()
        ground.finish()
        if not tally.is_wrong():
            shutil.rmtree(place)
    print(file=sys.stderr)
    return tally


def _round(ground: Ground, imports: dict[str, Imports], what: list[str], chance: random.Random, until: int) -> None:
    tally, children = ground.tally, []
    for at in range(min(chance.randint(1, 3), until - tally.kills)):
        task = chance.choice(
            [each for each in what if each not in {child.task for child in children} or each == "saving"]
        )
        source = imports[task].path if task in imports else None
        name = f"r{tally.kills}c{at}"
        children.append(Child(task, name, ground.store, chance.randrange(1 << 30), source))
        if "saving" not in what and len(children) == len(what):
            break
    threads = []
    for child in children:
        from_start = chance.random() < 0.15
        given = chance.uniform(0, LONGEST_SECONDS * (3 if child.task in imports else 1))
        threads.append(threading.Thread(target=child.kill_after, args=(given,), kwargs={"from_start": from_start}))
        threads[-1].start()
    for thread in threads:
        thread.join()
    for child in children:
        child.ended()
        tally.kills += 1
        if child.fault:
            tally.faults.append(child.fault)
    ground.round([child for child in children if child.task not in imports])
    for child in children:
        if child.task in imports:
            imports[child.task].take(child)


def rows_of(tally: Tally) -> list[tuple[str, str, str, bool | None]]:
    """Lay out what was counted: what, measured, target, met."""
    none = (
        ("lost", tally.lost), ("not found", tally.not_found), ("there in part", tally.half), ("doubled", tally.doubled),
        ("index drift", tally.drift), ("other faults", tally.faults),
    )  # fmt: skip
    behind, recovery = tally.behind_ms or [0.0], tally.recovery_s or [0.0]
    return [
        ("kills", f"{tally.kills:,}", "–", None),
        ("acknowledged records", f"{tally.acknowledged:,}", "–", None),
        ("searched for by a word of their own", f"{tally.searched:,}", "–", None),
        *((what, f"{len(found):,}", "0", not found) for what, found in none),
        ("a stream's text behind at a kill, worst", f"{max(behind):.0f} ms of {len(behind)}", "100 ms", max(behind) <= BEHIND_MS),
        ("open, search and level again, median", f"{median(recovery):.2f} s", "–", None),
        ("open, search and level again, worst", f"{max(recovery):.2f} s", "–", None),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--what", default="saving,indexing,importing", help=f"of {', '.join(WHAT)}, with commas")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", type=Path, help="also write what was counted to this file")
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it as it is when something is wrong")
    given = parser.parse_args()
    what = given.what.split(",")
    if not set(what) <= set(WHAT):
        parser.error(f"--what is {given.what}; there are {', '.join(WHAT)}")
    seed = random.randrange(1 << 30) if given.seed is None else given.seed
    found = machine()
    print(header(found), f"\nseed {seed}, {given.what}", flush=True)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="hark-kills-") as folder:
        tally = run(given.kills, what, seed, (given.keep or Path(folder)) / "kills")
    rows = rows_of(tally)
    for name, measured, target, met in rows:
        print(f"{name:42} {measured:>16}  {target:>7}  {'' if met is None else 'yes' if met else 'NO'}")
    for name in ("lost", "not_found", "half", "doubled", "drift", "faults"):
        for each in getattr(tally, name)[:5]:
            print(f"{name}: {each}")
    if given.json:
        told = {"machine": found, "seed": seed, "what": what, "seconds": time.perf_counter() - started}
        given.json.write_text(json.dumps(told | {"rows": rows, "tally": tally.__dict__}, indent=1), encoding="utf-8")
    sys.exit(any(met is False for *_, met in rows))


if __name__ == "__main__":
    main()
