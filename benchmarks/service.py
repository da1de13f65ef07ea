"""Ask the service over HTTP, beside the library asked for the same in its own process.

    python benchmarks/service.py [--messages 10000] [--clients 4] [--requests 400] [--json FILE]

A store of synthetic Claude Code histories is served by `hark serve` as a process of its own. Searches, saves and chunks of a
stream take turns between one client, several clients at once, and the library, so that what else the machine does falls on
all. Also: how long a chunk of one client takes to another one's stream of events, and what one request costs that does nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from speed_histories import questions, write_histories
from speed_table import header, machine, median, percentile

from memory import Memory

Took = list[float]
Step = Callable[[int], None]


@contextmanager
def serving(store: Path) -> Iterator[str]:
    """Run `hark serve` until the block ends."""
    command = [sys.executable, "-m", "memory.api.cli", "--store", str(store), "serve", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()


def over_http(url: str, asked: list[str]) -> dict[str, Step]:
    """Give what one client does, by what it is called."""
    client = httpx.Client(base_url=url, timeout=60)
    session = client.post("/api/sessions", json={}).raise_for_status().json()["id"]
    stream = (
        client.post(f"/api/sessions/{session}/messages:stream", json={"role": "assistant"})
        .raise_for_status()
        .json()["id"]
    )

    def search(n: int) -> None:
        client.get("/api/search", params={"query": asked[n % len(asked)]}).raise_for_status()

    def save(n: int) -> None:
        said = {"role": "user", "content": f"note {n}: {asked[n % len(asked)]}"}
        client.post(f"/api/sessions/{session}/messages", json=said).raise_for_status()

    def chunk(n: int) -> None:
        client.post(f"/api/messages/{stream}/chunks", json={"text": f"word{n} "}).raise_for_status()

    def nothing(_: int) -> None:
        client.get(f"/api/sessions/{session}").raise_for_status()

    return {"search": search, "save": save, "chunk": chunk, "read a session": nothing}


def in_process(memory: Memory, asked: list[str]) -> dict[str, Step]:
    """Give the same, asked of the library."""
    session = memory.sessions.create().id
    stream = memory.messages.stream(session, role="assistant")
    return {
        "search": lambda n: memory.search(asked[n % len(asked)]) and None,
        "save": lambda n: (
            memory.messages.append(session, role="user", content=f"note {n}: {asked[n % len(asked)]}") and None
        ),
        "chunk": lambda n: stream.write(f"word{n} ", flush=True),
        "read a session": lambda n: memory.sessions.get(session) and None,
    }


def timed(step: Step, count: int, first: int = 0) -> Took:
    """Do it so often, and give what each took, in milliseconds."""
    took = []
    for n in range(first, first + count):
        started = time.perf_counter()
        step(n)
        took.append((time.perf_counter() - started) * 1000)
    return took


def together(steps: list[Step], count: int) -> tuple[Took, float]:
    """Let several clients do it at once, and give what each request took, and how many there were a second."""
    took: list[Took] = [[] for _ in steps]
    threads = [
        threading.Thread(target=lambda place=place, step=step: took[place].extend(timed(step, count, place * count)))
        for place, step in enumerate(steps)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [each for one in took for each in one]
    return every, len(every) / (time.perf_counter() - started)


def event_delays(url: str, count: int) -> Took:
    """Give how long chunks of one client take to another's stream of events, in milliseconds."""
    client = httpx.Client(base_url=url, timeout=60)
    session = client.post("/api/sessions", json={}).json()["id"]
    message = client.post(f"/api/sessions/{session}/messages:stream", json={"role": "assistant"}).json()["id"]
    came: dict[str, float] = {}
    is_open = threading.Event()

    def read() -> None:
        with httpx.stream("GET", f"{url}/api/sessions/{session}/events", timeout=60) as answer:
            for line in answer.iter_lines():
                is_open.set()
                if line.startswith("data: ") and (text := json.loads(line[6:]).get("text")):
                    came[text] = time.perf_counter()
                    if len(came) == count:
                        return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    is_open.wait(30)
    sent = {}
    for n in range(count):
        sent[f"piece{n} "] = time.perf_counter()
        client.post(f"/api/messages/{message}/chunks", json={"text": f"piece{n} "}).raise_for_status()
        time.sleep(0.03)
    reader.join(30)
    return [(came[text] - at) * 1000 for text, at in sent.items() if text in came]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000, help="how many the store holds")
    parser.add_argument("--clients", type=int, default=4, help="how many ask at once")
    parser.add_argument("--requests", type=int, default=400, help="of each sort, by each client")
    parser.add_argument("--json", type=Path, help="where all that was measured is written")
    arguments = parser.parse_args()
    found = machine()
    print(header(found), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        made = write_histories(Path(folder) / "histories", arguments.messages)
        store = Path(folder) / "store"
        with Memory.open(store) as memory:
            memory.import_(made.folder)
            asked = questions(made, 3, 200)
            with serving(store) as url:
                one, several = over_http(url, asked), [over_http(url, asked) for _ in range(arguments.clients)]
                library = in_process(memory, asked)
                rows = []
                for name in one:
                    for steps in (one, library):
                        timed(steps[name], 20)
                    alone = timed(library[name], arguments.requests)
                    single = timed(one[name], arguments.requests)
                    many, rate = together([steps[name] for steps in several], arguments.requests)
                    rows.append((name, alone, single, many, rate))
                delays = event_delays(url, 100)
    print(f"\n{arguments.messages:,} messages; milliseconds p50 / p99; {arguments.clients} clients at once")
    print(f"{'':16}{'library':>16}{'one client':>16}{'clients at once':>18}{'requests/s':>12}")
    for name, alone, single, many, rate in rows:
        cells = [f"{median(each):.2f} / {percentile(each, 0.99):.1f}" for each in (alone, single, many)]
        print(f"{name:16}{cells[0]:>16}{cells[1]:>16}{cells[2]:>18}{rate:>12,.0f}")
    print(
        f"a chunk of one client on another's stream: p50 {median(delays):.1f}, p99 {percentile(delays, 0.99):.1f} ms, {len(delays)} of 100"
    )
    if arguments.json:
        told = {
            name: {"library_ms": a, "one_client_ms": s, "clients_ms": m, "requests_a_second": r}
            for name, a, s, m, r in rows
        }
        arguments.json.write_text(json.dumps({"machine": found, "delays_ms": delays, **told}))


if __name__ == "__main__":
    main()
