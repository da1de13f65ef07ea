"""Measure how fast and how small: import, search, save, rebuild, start-up, disk and memory, against targets.

    python benchmarks/speed.py 10000 100000 [1000000] [--json FILE] [--keep FOLDER] [--real FOLDER]

Synthetic Claude Code histories of each size (`speed_histories.py`) are imported into a new store; every row is then
measured through the public API in a process of its own (`speed_tasks.py`), `hark` as the command that it is. Searches
of all sorts take turns with each other, and saves with raw synced appends, so that what else the machine does falls on
all of them. Nothing is compared with other products here: they are not installed. `--real` adds the import of a folder
of real histories; `--keep` leaves histories and stores in a folder instead of a temporary one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from speed_histories import BEGINNING, SPAN, Histories, questions, write_histories
from speed_table import Limits, Row, header, limit_at, machine, median, percentile, spread, table

Json = dict[str, Any]

QUERIES = 200
STARTS = 7
SMALL, LARGE = 100_000, 1_000_000
HYBRID_P50: Limits = {SMALL: 2.5, LARGE: 6.0}
HYBRID_P95: Limits = {SMALL: 5.0, LARGE: 12.0}
IMPORT_MESSAGES, IMPORT_MB = 15_000, 25.0
FILTERED_RATIO = 1.05
"""A filtered search may be no slower than an unfiltered one; what is above 1 is noise."""
SAVE_MS, SAVE_RATIO = 0.8, 4.0
BUSY_GROWTH = 0.15
BYTES_A_MESSAGE = 2_100
SERVING_BYTES, REBUILD_BYTES = 160e6, 1e9
COMMAND_MS = {"keyword": 200, "hybrid": 320}
WARM_MS, COLD_MS = 500, 1_000
SEARCH_GROWTH = 4.0


class Size:
    """One size: its histories, its store, and the processes that measure it."""

    def __init__(self, folder: Path, messages: int, real: Path | None) -> None:
        self.messages = messages
        self.store = folder / f"store-{messages}"
        self.raw: Json = {}
        self.rows: list[Row] = []
        shutil.rmtree(self.store, ignore_errors=True)
        self.histories = write_histories(folder / f"histories-{messages}", messages)
        self._plan_file = folder / f"plan-{messages}.json"
        plan = {"file": str(self._plan_file), **_plan(self.histories), "real": None if real is None else str(real)}
        self._plan_file.write_text(json.dumps(plan), encoding="utf-8")
        self.queries: list[str] = plan["cases"]["hybrid"]["queries"]

    def run(self, task: str, store: Path | None = None) -> Json:
        """Run a task in a process of its own and give what it measured."""
        print(f"{self.messages:,}: {task}", file=sys.stderr, flush=True)
        command = [sys.executable, str(Path(__file__).with_name("speed_tasks.py"))]
        told = [task, str(store or self.store), str(self._plan_file)]
        given = os.environ | {"SPEED_STARTED": str(time.time())}
        done = subprocess.run([*command, *told], env=given, stdout=subprocess.PIPE, text=True, check=True)
        answer: Json = json.loads(done.stdout)
        self.raw.setdefault(task, answer)
        return answer

    def add(self, what: str, measured: str, target: str = "–", met: bool | None = None) -> None:
        """Add a row."""
        self.rows.append(Row(self.messages, what, measured, target, met))


def _plan(made: Histories) -> Json:
    mixed = [question for words in range(1, 6) for question in questions(made, words, QUERIES // 5)]
    mixed = [mixed[at * (QUERIES // 5) % QUERIES + at // 5] for at in range(QUERIES)]
    natural = [f"what did we say about {question}?" for question in questions(made, 3, QUERIES)]
    after, before = BEGINNING + SPAN * 0.4, BEGINNING + SPAN * 0.5
    cases = {
        "hybrid": (mixed, {}),
        "keyword": (mixed, {"mode": "keyword"}),
        "semantic": (mixed, {"mode": "semantic"}),
        "title": (mixed, {"mode": "title"}),
        "eight words": (natural, {}),
        "one project": (mixed, {"project": made.projects[len(made.projects) // 2]}),
        "one session": (mixed, {"session": made.session_ids[len(made.session_ids) // 2]}),
        "a tenth of the time": (mixed, {"after": after.isoformat(), "before": before.isoformat()}),
    }
    return {
        "histories": str(made.folder),
        "last_words": made.last_words,
        "texts": made.samples[:QUERIES],
        "cases": {name: {"queries": queries, "arguments": given} for name, (queries, given) in cases.items()},
    }


def measure(size: Size) -> None:
    """Measure everything at one size."""
    measure_import(size)
    measure_disk(size)
    measure_search(size)
    measure_save(size)
    measure_busy(size)
    measure_memory(size)
    measure_command(size)
    measure_first(size)
    measure_rebuild(size)


def measure_import(size: Size) -> None:
    """Import end to end: searchable at the end."""
    found = size.run("import")
    whole = found["added"] == size.messages and not found["lag"] and all(found["found"].values())
    rate, speed = found["added"] / found["seconds"], size.histories.raw_bytes / found["seconds"] / 1e6
    size.add("import", f"{rate:,.0f} messages/s", f"≥ {IMPORT_MESSAGES:,}", whole and rate >= IMPORT_MESSAGES)
    size.add("import, raw JSONL", f"{speed:.1f} MB/s", f"≥ {IMPORT_MB:.0f}", whole and speed >= IMPORT_MB)
    size.add("import, peak memory", f"{found['peak_bytes'] / 1e6:,.0f} MB")
    missed = " and ".join(mode for mode, is_found in found["found"].items() if not is_found)
    last = f"not found by {missed}" if missed else "found by words and by meaning"
    size.add("import, the last message", f"{last}; {found['lag']:,} changes behind", "found, none behind", whole)


def measure_real(size: Size, folder: Path) -> None:
    """Import real histories into a store of their own."""
    store = size.store.with_name("store-real")
    shutil.rmtree(store, ignore_errors=True)
    found = size.run("real", store)
    rate, speed = found["added"] / found["seconds"], found["raw_bytes"] / found["seconds"] / 1e6
    size.rows.append(
        Row(
            found["added"],
            "import of real histories",
            f"{rate:,.0f} messages/s, {speed:.1f} MB/s",
            f"≥ {IMPORT_MB:.0f} MB/s",
            speed >= IMPORT_MB,
        )
    )


def measure_disk(size: Size) -> None:
    """Count the bytes of the closed store."""
    found = sum(path.stat().st_size for path in size.store.rglob("*") if path.is_file()) / size.messages
    text = size.histories.text_bytes / size.messages
    pieces = size.raw["import"]["chunks"] / size.messages
    size.raw["disk"] = {"bytes_a_message": found, "text_bytes_a_message": text, "pieces_a_message": pieces}
    measured = f"{found:,.0f} B a message of {text:.0f} B ({pieces:.2f} pieces)"
    size.add("disk", measured, f"≤ {BYTES_A_MESSAGE:,} B", found <= BYTES_A_MESSAGE)


def measure_search(size: Size) -> None:
    """Search in every mode, and filtered."""
    took: dict[str, list[float]] = size.run("search")["took_ms"]
    p50, p95 = limit_at(HYBRID_P50, size.messages), limit_at(HYBRID_P95, size.messages)
    for name, values in took.items():
        if name == "hybrid":
            met = median(values) <= p50 and percentile(values, 0.95) <= p95
            size.add("search, hybrid", spread(values), f"≤ {p50}, {p95} ms", met)
        elif name in ("one project", "one session", "a tenth of the time"):
            met = median(values) <= FILTERED_RATIO * median(took["hybrid"])
            size.add(f"search, hybrid in {name}", spread(values), "p50 ≤ unfiltered", met)
        else:
            size.add(f"search, {name}", spread(values))
    legs = size.raw["search"]["legs_ms"]["hybrid"]
    size.add("  of hybrid, the legs", ", ".join(f"{name} {median(each):.2f}" for name, each in legs.items()) + " ms")


def measure_save(size: Size) -> None:
    """Save durably, found right after, next to a raw synced append."""
    found = size.run("save")
    p50, raw = median(found["save_ms"]), median(found["raw_ms"])
    size.add("one durable save", spread(found["save_ms"]), f"p50 ≤ {SAVE_MS} ms", p50 <= SAVE_MS)
    met = p50 <= SAVE_RATIO * raw
    size.add("  against 4 kB append + fdatasync", f"{p50 / raw:.1f} × {raw:.2f} ms", f"≤ {SAVE_RATIO:.0f} ×", met)
    count, found_by = len(found["save_ms"]), found["found_by"]
    measured = ", ".join(f"{name} {times} of {count}" for name, times in found_by.items())
    size.add("  found right after", measured, "all", set(found_by.values()) == {count})


def measure_busy(size: Size) -> None:
    """Search while another process saves."""
    found = size.run("busy")
    quiet, busy = (percentile(found["took_ms"][name], 0.95) for name in ("quiet", "busy"))
    growth = busy / quiet - 1
    what = f"search while {found['saves_a_second']:.0f} saves/s come from another process"
    measured = f"p95 {quiet:.2f} → {busy:.2f} ms, {growth:+.0%}"
    size.add(what, measured, f"≤ +{BUSY_GROWTH:.0%}", growth <= BUSY_GROWTH)


def measure_memory(size: Size) -> None:
    """See what serving searches takes."""
    found = size.run("serve")
    own = found["anonymous_bytes"]
    measured = f"{found['resident_bytes'] / 1e6:,.0f} MB" if found["resident_bytes"] else "unknown"
    measured += f", of it {own / 1e6:,.0f} MB anonymous" if own else ""
    met = None if own is None else own <= SERVING_BYTES
    size.add("memory serving searches", measured, f"≤ {SERVING_BYTES / 1e6:.0f} MB anonymous", met)


def measure_command(size: Size) -> None:
    """Start `hark search`, the whole process."""
    beside = Path(sys.executable).with_name("hark")
    hark = [str(beside)] if beside.exists() else [sys.executable, "-m", "memory.api.cli.main"]
    took: dict[str, list[float]] = {mode: [] for mode in COMMAND_MS}
    for turn in range(STARTS):
        for mode, values in took.items():
            started = time.perf_counter()
            words = ["--store", str(size.store), "search", "--mode", mode, *size.queries[turn].split()]
            subprocess.run([*hark, *words], stdout=subprocess.DEVNULL, check=True)
            values.append((time.perf_counter() - started) * 1000)
    size.raw["command"] = took
    for mode, values in took.items():
        met = median(values) <= COMMAND_MS[mode]
        size.add(f"hark search --mode {mode}", f"{median(values):.0f} ms", f"≤ {COMMAND_MS[mode]} ms", met)


def measure_first(size: Size) -> None:
    """Start a process, open the store and answer; once with the store in the page cache, once without."""
    for name, limit, is_cold in (("warm", WARM_MS, False), ("cold", COLD_MS, True)):
        if is_cold and not hasattr(os, "posix_fadvise"):
            continue
        took = []
        for _ in range(STARTS):
            if is_cold:
                _forget_pages(size.store)
            took.append(size.run("first")["seconds"] * 1000)
        size.raw[f"first, {name}"] = took
        what = f"process start to the first hybrid answer, store {name}"
        size.add(what, f"{median(took):.0f} ms", f"≤ {limit:,} ms", median(took) <= limit)


def measure_rebuild(size: Size) -> None:
    """Make the indexes anew."""
    found = size.run("rebuild")
    peak = found["peak_bytes"]
    rate = size.messages / found["seconds"]
    measured = f"{found['seconds']:.1f} s ({rate:,.0f} messages/s), peak {peak / 1e6:,.0f} MB"
    size.add("full rebuild", measured, f"≤ {REBUILD_BYTES / 1e6:,.0f} MB", peak <= REBUILD_BYTES)


def growth(sizes: list[Size]) -> list[Row]:
    """Hold the largest store against the one before."""
    rows: list[Row] = []
    for before, after in pairwise(sizes):
        search = [median(size.raw["search"]["took_ms"]["hybrid"]) for size in (before, after)]
        save = [median(size.raw["save"]["save_ms"]) / median(size.raw["save"]["raw_ms"]) for size in (before, after)]
        ratio = search[1] / search[0]
        since = f"since {before.messages:,}"
        target = f"≤ {SEARCH_GROWTH:.0f} ×"
        rows.append(Row(after.messages, f"hybrid p50 {since}", f"{ratio:.1f} ×", target, ratio <= SEARCH_GROWTH))
        grown = f"{save[0]:.1f} → {save[1]:.1f} × a raw append"
        rows.append(Row(after.messages, f"a save {since}", grown, "≤ 1.15 ×", save[1] <= save[0] * 1.15))
    return rows


def main() -> None:
    arguments = _arguments()
    ran_on = machine()
    print(header(ran_on), "", sep="\n")
    with tempfile.TemporaryDirectory(prefix="speed-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sizes: list[Size] = []
        for messages in sorted(arguments.messages):
            sizes.append(Size(folder, messages, arguments.real))
            measure(sizes[-1])
        if arguments.real:
            measure_real(sizes[0], arguments.real)
        rows = [row for size in sizes for row in size.rows] + growth(sizes)
        print(table(rows))
        if arguments.json:
            measured = {str(size.messages): size.raw for size in sizes}
            found = {"machine": ran_on, "rows": [asdict(row) for row in rows], "measured": measured}
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _forget_pages(store: Path) -> None:
    for path in store.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("messages", type=int, nargs="+", help="how many messages, several sizes at once")
    parser.add_argument("--json", type=Path, help="where all that was measured is written")
    parser.add_argument("--keep", type=Path, help="a folder to leave histories and stores in")
    parser.add_argument("--real", type=Path, help="a folder of real histories to import, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
