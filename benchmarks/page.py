"""How fast the page is, in a real browser: `python benchmarks/page.py [--messages 10000] [--sessions 100000]`.

A session of many messages is opened, scrolled and jumped about in; chunks are posted by another client and waited for on the
screen; a search is typed. Times are the browser's own. Needs Chromium and its driver, and `pip install .[dev]`.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import Browser  # noqa: E402
from serving import Running, serving  # noqa: E402
from speed_table import header, machine  # noqa: E402

from memory import Memory  # noqa: E402

TEXT = """Let us look at **number {n}** of the kettles.

- it whistles at `{n}` degrees
- see [the list](https://kettles.example/{n})

```python
def kettle(number: int = {n}) -> str:
    return f"kettle {{number}}"
```
"""
READABLE = """
const [navigation] = performance.getEntriesByType("navigation");
const [paint] = performance.getEntriesByName("first-contentful-paint");
return {answered: navigation.responseEnd, painted: paint?.startTime ?? 0, ready: navigation.domContentLoadedEventEnd};
"""
FRAMES = """
const done = arguments[arguments.length - 1];
const times = [];
let last = performance.now(), count = 0;
function step(now) {
  times.push(now - last);
  last = now;
  scrollBy(0, 160);
  if (++count < 400) requestAnimationFrame(step);
  else done(times.slice(5));
}
requestAnimationFrame(step);
"""
"""Scrolls 64,000 pixels, and gives how long each frame took."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--sessions", type=int, default=1_000, help="other sessions in the store")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "store", given.messages, given.sessions)
        with serving(Path(folder) / "store") as running, window(running) as browser:
            table = [
                *opened(browser, running, given.messages),
                *moved(browser, given.messages),
                *live(browser, running),
                *searched(browser),
            ]
    print(header(machine()))
    print(f"{given.messages:,} messages in one session, {given.sessions:,} other sessions; {browser_name}")
    print(f"{'what':58} {'p50 ms':>8} {'worst ms':>9} {'wanted':>8}")
    for what, times, wanted in table:
        print(f"{what:58} {statistics.median(times):8.1f} {max(times):9.1f} {wanted:>8}")


browser_name = ""


@contextmanager
def window(running: Running) -> Iterator[Browser]:
    global browser_name  # noqa: PLW0603 - said in the heading
    browser = Browser()
    browser.base = running.url
    about = browser.driver.capabilities
    browser_name = f"{about['browserName']} {about['browserVersion']}"
    try:
        yield browser
    finally:
        browser.close()


def fill(store: Path, messages: int, sessions: int) -> None:
    with Memory.open(store) as memory:
        memory.sessions.create(id="long", title="A long session")
        for start in range(0, messages, 1000):
            some = [
                {"role": ("user", "assistant")[n % 2], "content": TEXT.format(n=n), "id": f"m{n}"}
                for n in range(start + 1, min(start + 1000, messages) + 1)
            ]
            memory.messages.append_many("long", some)
        for n in range(sessions):
            memory.sessions.create(title=f"Session {n}")
        memory.catch_up()


def timed(count: int, what: Callable[[int], Any]) -> list[float]:
    times = []
    for turn in range(count):
        started = time.perf_counter()
        what(turn)
        times.append((time.perf_counter() - started) * 1000)
    return times


Row = tuple[str, list[float], str]


def opened(browser: Browser, running: Running, count: int) -> list[Row]:
    with running.client(headers={"Accept": "text/html"}) as client:
        client.get("/sessions/long")
        rest = timed(20, lambda turn: client.get("/api/sessions/long/messages"))
        first = timed(20, lambda turn: client.get("/sessions/long"))
        cold = timed(20, lambda turn: client.get(f"/sessions/long?at=m{(turn + 1) * count // 21}"))
    seen = []
    for turn in range(12):
        browser.open(f"/sessions/long?at=m{(turn + 1) * count // 13 + 1}")
        seen.append(browser.run(READABLE))
    return [
        ("first page over REST (50 messages)", rest, "30"),
        ("the page as HTML, its beginning", first, ""),
        ("the page as HTML, somewhere else each time", cold, ""),
        ("in the browser: first text on the screen", [each["painted"] for each in seen], "500"),
        ("in the browser: all of it there, its code running", [each["ready"] for each in seen], "500"),
    ]


def moved(browser: Browser, count: int) -> list[Row]:
    browser.open("/sessions/long")
    frames = browser.driver.execute_async_script(FRAMES)

    def jump(turn: int) -> None:
        seq = (turn + 1) * count // 11
        script = "const s = document.getElementById('position'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))"
        browser.run(script, seq)
        browser.until("return document.getElementById('m-m' + arguments[0])", seq)

    return [
        ("scrolling through it: a frame (16.7 is smooth)", frames, "50"),
        ("the slider moved: there", timed(10, jump), "500"),
    ]


def live(browser: Browser, running: Running) -> list[Row]:
    browser.open("/sessions/long?seq=-1")
    browser.until("return document.getElementById('live').dataset.state === 'live'")
    watch = """
      window.seen = {};
      new MutationObserver(() => {
        const text = document.querySelector('#m-live')?.innerText ?? '';
        for (const [word] of text.matchAll(/chunk\\d+/g)) window.seen[word] ??= Date.now();
      }).observe(document.getElementById('messages'), {childList: true, subtree: true, characterData: true});
    """
    browser.run(watch)
    posted: dict[str, float] = {}
    with running.client() as client:
        client.post("/api/sessions/long/messages:stream", json={"role": "assistant", "id": "live"})
        for n in range(50):
            posted[f"chunk{n}"] = time.time() * 1000
            client.post("/api/messages/live/chunks", json={"text": f"chunk{n} "})
            time.sleep(0.05)
        browser.until("return window.seen.chunk49")
        client.post("/api/messages/live:finish")
    seen = browser.run("return window.seen")
    return [
        ("a chunk that another client posts: on the screen", [seen[word] - at for word, at in posted.items()], "200")
    ]


def searched(browser: Browser) -> list[Row]:
    browser.open("/search?query=")

    def ask(turn: int) -> None:
        query = f"kettle {turn * 37 + 11}"
        script = (
            "const s = document.getElementById('search'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
        )
        browser.run(script, query)
        browser.until("return document.title.startsWith(arguments[0]) && document.querySelector('.hits')", query)

    return [("a search typed: answers on the screen (110 of them waited)", timed(12, ask), "")]


if __name__ == "__main__":
    main()
