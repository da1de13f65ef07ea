"""What `speed.py` measures, each task in a process of its own: its time and its memory are then nobody else's.

    python benchmarks/speed_tasks.py TASK STORE PLAN

PLAN is a JSON file that `speed.py` writes: where the histories are, what to ask, what is in the last message. The
answer is one JSON object on stdout. Only the public API is used.
"""

import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memory import Memory

Json = dict[str, Any]

SAVES_A_SECOND = 200
ROUNDS, SEARCHES_A_ROUND = 4, 60
SAVES = 200
RAW_BYTES = 4096
WARM_UP = 20


def import_(store: str, plan: Json) -> Json:
    """Import the histories into a new store; at the end the last message must be found."""
    with Memory.open(store) as memory:
        started = time.perf_counter()
        report = memory.import_(plan["histories"])
        seconds = time.perf_counter() - started
        lag = memory.index_lag()
        found = {mode: _finds(memory, plan["last_words"], mode) for mode in ("keyword", "hybrid")}
        stats = memory.stats()
    return {
        "seconds": seconds,
        "added": report.totals["added"],
        "problems": report.totals["problems"],
        "lag": lag,
        "found": found,
        "chunks": stats.chunks,
        **memory_now(),
    }


def import_real(store: str, plan: Json) -> Json:
    """Import whatever lies in a folder of real histories."""
    with Memory.open(store) as memory:
        started = time.perf_counter()
        report = memory.import_(plan["real"])
        seconds = time.perf_counter() - started
    raw = sum(Path(source.path).stat().st_size for source in report.sources)
    return {"seconds": seconds, "added": report.totals["added"], "raw_bytes": raw, **memory_now()}


def search(store: str, plan: Json) -> Json:
    """Ask every case of the plan, in turns, and say how long each answer and each leg took, in ms."""
    with Memory.open(store) as memory:
        for query in plan["cases"]["hybrid"]["queries"][:WARM_UP]:
            memory.search(query)
        took: dict[str, list[float]] = {name: [] for name in plan["cases"]}
        legs: dict[str, dict[str, list[float]]] = {name: {} for name in plan["cases"]}
        hits: dict[str, int] = dict.fromkeys(plan["cases"], 0)
        for turn in range(len(plan["cases"]["hybrid"]["queries"])):
            for name, case in plan["cases"].items():
                started = time.perf_counter()
                result = memory.search(case["queries"][turn], **case["arguments"])
                took[name].append((time.perf_counter() - started) * 1000)
                hits[name] += bool(result.hits)
                for leg in result.legs:
                    legs[name].setdefault(leg.name, []).append(leg.took_ms)
    return {"took_ms": took, "legs_ms": legs, "answered": hits}


def serve(store: str, plan: Json) -> Json:
    """Answer hybrid searches alone, and say what memory that takes."""
    with Memory.open(store) as memory:
        for query in plan["cases"]["hybrid"]["queries"]:
            memory.search(query)
        return memory_now()


def save(store: str, plan: Json) -> Json:
    """Save messages one by one, each found right after, next to a raw append that is synced; in ms."""
    raw_ms: list[float] = []
    save_ms: list[float] = []
    found_by = {"by its word": 0, "by its meaning": 0}
    raw = Path(store).with_name("raw-append.tmp")
    with Memory.open(store) as memory, raw.open("ab", buffering=0) as file:
        session = memory.sessions.create(title="Durable saves")
        memory.search(plan["last_words"])
        for turn in range(SAVES + WARM_UP):
            word = _new_word(f"save {turn} {os.getpid()}")
            text = f"{plan['texts'][turn % len(plan['texts'])]} {word}"
            before = time.perf_counter()
            file.write(bytes(RAW_BYTES))
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())
            between = time.perf_counter()
            made = memory.messages.append(session.id, role="user", content=text)
            after = time.perf_counter()
            by_word = memory.search(word, mode="keyword", limit=1).hits
            by_meaning = memory.search(text, mode="semantic", limit=10).hits
            if turn >= WARM_UP:
                raw_ms.append((between - before) * 1000)
                save_ms.append((after - between) * 1000)
                found_by["by its word"] += made.id in [hit.id for hit in by_word]
                found_by["by its meaning"] += made.id in [hit.id for hit in by_meaning]
    raw.unlink()
    return {"raw_ms": raw_ms, "save_ms": save_ms, "found_by": found_by}


def busy(store: str, plan: Json) -> Json:
    """Search while nobody writes and while another process saves 200 messages a second, in turns; in ms."""
    queries = plan["cases"]["hybrid"]["queries"]
    took: dict[str, list[float]] = {"quiet": [], "busy": []}
    saves: list[float] = []
    command = [sys.executable, __file__, "write", store, plan["file"]]
    with (
        Memory.open(store) as memory,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer,
    ):
        assert writer.stdin
        assert writer.stdout
        writer.stdout.readline()
        for query in queries[:WARM_UP]:
            memory.search(query)
        for turn in range(ROUNDS):
            some = [queries[(turn * SEARCHES_A_ROUND + at) % len(queries)] for at in range(SEARCHES_A_ROUND)]
            took["quiet"] += [_timed(lambda query=query: memory.search(query)) for query in some]
            _tell(writer, "go")
            took["busy"] += [_timed(lambda query=query: memory.search(query)) for query in some]
            _tell(writer, "stop")
            saves.append(float(writer.stdout.readline()))
        writer.stdin.close()
    return {"took_ms": took, "saves_a_second": sum(saves) / len(saves)}


def write(store: str, plan: Json) -> None:
    """Save 200 messages a second between `go` and `stop` on stdin; print after each stop how many a second it were."""
    lines: list[str] = []
    woken = threading.Semaphore(0)

    def listen() -> None:
        for line in sys.stdin:
            lines.append(line.strip())
            woken.release()
        lines.append("")
        woken.release()

    threading.Thread(target=listen, daemon=True).start()
    with Memory.open(store) as memory:
        session = memory.sessions.create(title="Many saves")
        memory.messages.append(session.id, role="user", content="the first")
        print("ready", flush=True)
        while woken.acquire() and lines[-1] == "go":
            started, count = time.perf_counter(), 0
            while lines[-1] == "go":
                memory.messages.append(session.id, role="user", content=plan["texts"][count % len(plan["texts"])])
                count += 1
                time.sleep(max(0.0, started + count / SAVES_A_SECOND - time.perf_counter()))
            woken.acquire()
            print(count / (time.perf_counter() - started), flush=True)


def rebuild(store: str, plan: Json) -> Json:
    """Make the indexes anew."""
    with Memory.open(store) as memory:
        started = time.perf_counter()
        memory.reindex()
        return {"seconds": time.perf_counter() - started, **memory_now()}


def first(store: str, plan: Json) -> Json:
    """Open and answer one hybrid search; seconds since the process was started."""
    with Memory.open(store) as memory:
        memory.search(plan["cases"]["hybrid"]["queries"][0])
        return {"seconds": time.time() - float(os.environ["SPEED_STARTED"]), **memory_now()}


def memory_now() -> Json:
    """Say what memory this process has had at most, and what it has now that is no file's; in bytes, None if unknown."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {"peak_bytes": peak, "anonymous_bytes": None, "resident_bytes": None}
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon", "VmRSS"))}
    return {"peak_bytes": peak, "anonymous_bytes": found.get("RssAnon"), "resident_bytes": found.get("VmRSS")}


def _finds(memory: Memory, words: str, mode: str) -> bool:
    hits = memory.search(words, mode=mode, limit=1).hits
    shown = hits[0].snippet.replace("<mark>", "").replace("</mark>", "") if hits else ""
    return words in shown


def _new_word(seed: str) -> str:
    digits = hashlib.blake2b(seed.encode(), digest_size=8).digest()
    return "".join(random.Random(digits).choices("bcdfghjklmnprstvwz", k=14))


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1000


def _tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


TASKS = {
    "import": import_, "real": import_real, "search": search, "serve": serve, "save": save, "busy": busy,
    "write": write, "rebuild": rebuild, "first": first,
}  # fmt: skip

if __name__ == "__main__":
    told = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
    if (answer := TASKS[sys.argv[1]](sys.argv[2], told)) is not None:
        print(json.dumps(answer))
