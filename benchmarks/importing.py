"""Measure imports: MB and messages a second by format, a second import, and peak memory on one very large file.

    python benchmarks/importing.py FOLDER… [--large GB] [--repeat N] [--json FILE]

Every format that is found in the folders is imported into a store of its own, by a process of its own, and then again:
what is there already costs less. The times of several runs take turns, so that what else the machine does falls on all formats
alike; the median is shown. `--large` writes a Claude Code session of so many gigabytes into a temporary folder and imports it.
Memory is the process's own peak, and that of the process which writes the index beside it.

What it is held against: 25 MB/s of raw Claude Code JSON lines, 15,000 messages/s, and memory that does not grow with the file.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from speed_table import header, machine

Json = dict[str, Any]
MB_A_SECOND, MESSAGES_A_SECOND = 25.0, 15_000
COLUMNS = (
    ("format", 14), ("files", 7), ("MB", 9), ("messages", 10), ("seconds", 9), ("MB/s", 8), ("msg/s", 9), ("again s", 9),
    ("peak MB", 9), ("beside", 8),
)  # fmt: skip
WORDS = [f"word{at}" for at in range(5_000)]


def files_by_format(folders: list[Path]) -> dict[str, list[str]]:
    """Find the files of each format."""
    from memory.importers.reading.finding import Found, find_files

    found: dict[str, list[str]] = {}
    for each in find_files(folders, None, []):
        if isinstance(each, Found):
            found.setdefault(each.importer.FORMAT, []).append(str(each.path))
    return found


def run(store: Path, paths: list[str]) -> Json:
    """Import paths in a process of its own and give what it took."""
    command = [sys.executable, __file__, "--child", str(store)]
    done = subprocess.run(command, input=json.dumps(paths), capture_output=True, text=True, check=True)
    answer: Json = json.loads(done.stdout)
    return answer


def child(store: str) -> None:
    """Import the paths on standard input, and say what it took."""
    from memory import Memory

    paths = json.load(sys.stdin)
    with Memory.open(store) as memory:
        memory.search("warm up")
        started = time.perf_counter()
        report = memory.import_(paths)
        seconds = time.perf_counter() - started
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"seconds": seconds, "totals": report.totals, "peak_mb": peaks[0], "beside_mb": peaks[1]}))


def measure(formats: dict[str, list[str]], folder: Path, repeat: int) -> Iterator[Json]:
    """Import every format several times, taking turns; yield a row for each."""
    taken: dict[str, list[Json]] = {name: [] for name in formats}
    again: dict[str, float] = {}
    for at in range(repeat):
        for name, paths in formats.items():
            print(f"{name}, {at + 1} of {repeat}", file=sys.stderr, flush=True)
            store = folder / f"{name}-{at}"
            taken[name].append(run(store, paths))
            if at == 0:
                again[name] = run(store, paths)["seconds"]
            shutil.rmtree(store)
    for name, paths in formats.items():
        size = sum(Path(path).stat().st_size for path in paths) / 1e6
        seconds = median(each["seconds"] for each in taken[name])
        messages = taken[name][0]["totals"]["added"]
        yield {
            "format": name,
            "files": len(paths),
            "mb": size,
            "messages": messages,
            "seconds": seconds,
            "mb_a_second": size / seconds,
            "messages_a_second": messages / seconds,
            "again_seconds": again[name],
            "peak_mb": max(each["peak_mb"] for each in taken[name]),
            "beside_mb": max(each["beside_mb"] for each in taken[name]),
        }


def write_large(path: Path, size_bytes: int) -> int:
    """Write a Claude Code session of some size, as real ones are: a fifth of it is what people and models say."""
    random = Random(7)
    written = count = 0
    with path.open("w", encoding="utf-8") as file:
        while written < size_bytes:
            line = json.dumps(_line(count, random)) + "\n"
            written += file.write(line)
            count += 1
    return count


def _line(at: int, random: Random) -> Json:
    record = {"uuid": f"{at:08x}-0000-4000-8000-000000000000", "parentUuid": None, "isSidechain": False}
    record |= {"sessionId": f"{at // 2000:08x}-1111-4000-8000-000000000000", "timestamp": "2026-04-01T10:00:00.000Z"}
    record |= {"cwd": "/home/ada/kettle", "gitBranch": "main", "version": "2.1.0"}
    kind = at % 4
    if kind == 0:
        said: Any = " ".join(random.choices(WORDS, k=30))
        return record | {"type": "user", "message": {"role": "user", "content": said}}
    if kind == 2:
        output = "\n".join(" ".join(random.choices(WORDS, k=10)) for _ in range(60))
        result = {"type": "tool_result", "tool_use_id": f"call{at - 1}", "content": output}
        message = {"role": "user", "content": [result]}
        return record | {"type": "user", "message": message, "toolUseResult": {"stdout": output, "stderr": ""}}
    call = {
        "type": "tool_use",
        "id": f"call{at}",
        "name": "Bash",
        "input": {"command": f"grep -rn {WORDS[at % 5000]} src"},
    }
    text = {"type": "text", "text": " ".join(random.choices(WORDS, k=80))}
    message = {"role": "assistant", "id": f"msg{at}", "model": "opus", "content": [call if kind == 1 else text]}
    return record | {"type": "assistant", "message": message}


def large(folder: Path, gigabytes: float) -> Json:
    """Import one very large file."""
    path = folder / "large.jsonl"
    lines = write_large(path, int(gigabytes * 1e9))
    print(f"{path.stat().st_size / 1e9:.2f} GB in {lines:,} lines", file=sys.stderr, flush=True)
    answer = run(folder / "large", [str(path)])
    size = path.stat().st_size / 1e6
    answer |= {"mb": size, "mb_a_second": size / answer["seconds"], "lines": lines}
    answer["store_mb"] = sum(each.stat().st_size for each in (folder / "large").rglob("*") if each.is_file()) / 1e6
    return answer


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--large", type=float, default=0.0, help="gigabytes of one file")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child)
        return
    figures: Json = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measure(files_by_format(given.folders), Path(folder), given.repeat)) if given.folders else []
        figures["formats"] = rows
        if rows:
            print("".join(f"{name:>{width}}" for name, width in COLUMNS))
        for row in rows:
            cells = zip(row.values(), ("", ",", ".2f", ",", ".2f", ".1f", ",.0f", ".2f", ".0f", ".0f"), strict=True)
            print("".join(f"{value:>{width}{how}}" for (value, how), (_, width) in zip(cells, COLUMNS, strict=True)))
        if given.large:
            figures["large"] = answer = large(Path(folder), given.large)
            print(
                f"\none file of {answer['mb'] / 1000:.2f} GB: {answer['totals']['added']:,} messages in {answer['seconds']:.0f} s"
                f" ({answer['mb_a_second']:.1f} MB/s, {answer['totals']['added'] / answer['seconds']:,.0f} messages/s),"
                f" peak {answer['peak_mb']:.0f} MB, index beside {answer['beside_mb']:.0f} MB, store {answer['store_mb']:.0f} MB"
            )
    print(f"\nto reach: {MB_A_SECOND:.0f} MB/s of Claude Code, {MESSAGES_A_SECOND:,} messages/s\n{header(machine())}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
