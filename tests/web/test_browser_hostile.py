"""Hostile text of every kind is text in a real browser, and a store of any size is shown."""

import pytest
from serving import serving

from memory import Memory

pytestmark = pytest.mark.slow
HOSTILE = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<svg onload='window.pwned = 1'><script>window.pwned = 1</script></svg>",
    "[click](javascript:window.pwned=1) <javascript:window.pwned=1>",
    "[x](data:text/html,<script>window.pwned=1</script>)",
    "![image](https://elsewhere.example/pixel.png)",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<style>body { display: none }</style><base href='https://elsewhere.example/'><meta http-equiv=refresh content='0;url=https://elsewhere.example'>",
    "```<script>\nwindow.pwned = 1\n```",
    "</ol></main><script>window.pwned = 1</script>",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x00 nul",
    "\u202egnp.exe \u2066isolated",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
]


@pytest.fixture
def hostile(site):
    """Every hostile text as everything that a reader sees."""
    with site.client() as client:

        def save(path, body):
            client.post(path, json=body).raise_for_status()

        for at, text in enumerate(HOSTILE):
            short = text[:100]
            named = {"title": text, "project": short, "tags": [short], "participants": [text]}
            said = {"content": text, "sender_id": text, "model": text, "tool_name": text}
            save("/api/sessions", {"id": f"s{at}", **named})
            save(f"/api/sessions/s{at}/messages", [{"role": role, **said} for role in ("user", "assistant", "tool")])
            learned = {"category": short, "content": text, "tags": [short], "related_files": [text]}
            save("/api/learnings", {"id": f"l{at}", **learned})
            save("/api/relationships", {"source": f"session:s{at}", "target": text, "type": short, "label": text})


FOREIGN = "return document.querySelectorAll('main script, main iframe, main style, main base, main meta').length"
LINKS = "return [...document.querySelectorAll('main a[href]:not(svg a)')].map(each => each.protocol)"


def test_hostile_texts_titles_names_and_tags_are_text(hostile, browser):
    paths = ["/", "/sessions", "/learnings", "/search?query=window+pwned", "/timeline", "/settings"]
    for at in range(len(HOSTILE)):
        paths += [f"/sessions/s{at}", f"/learnings/l{at}", f"/graph?ref=session:s{at}"]
    for path in paths:
        browser.open(path)
        browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert browser.run("return window.pwned ?? null") is None, path
        assert browser.run("return getComputedStyle(document.body).display") != "none", path
        assert browser.run(FOREIGN) == 0, path
        assert set(browser.run(LINKS)) <= {"http:", "https:", "mailto:"}, path
        assert [each for each in browser.log() if "Refused" in each or "violates" in each] == [], path


def test_a_line_of_ten_megabytes_is_shown_in_part_and_whole_on_demand(site, browser):
    text = "kettle " * 1_500_000
    with Memory.open(site.store) as memory:
        memory.sessions.create(id="s", title="Long line")
        memory.messages.append("s", role="user", content=text, id="m")
    browser.open("/sessions/s")
    assert 100 < len(browser.text("#m-m")) < 200_000
    assert "more characters" in browser.text("#m-m")
    with site.client() as client:
        assert client.get("/messages/m/text").text == text


def test_an_empty_store_says_how_to_begin(site, browser):
    browser.open("/")
    assert "hark import" in browser.text("main")
    for path in ("/sessions", "/learnings", "/graph", "/timeline", "/search?query=tea", "/settings"):
        browser.open(path)
        assert browser.text("h1") or path.startswith("/search")
        assert browser.log() == []


def test_a_file_is_imported_with_its_progress_shown(site, browser, tmp_path):
    file = tmp_path / "chats.jsonl"
    file.write_text(
        '{"messages": [{"role": "user", "content": "is the kettle on?"}, {"role": "assistant", "content": "yes"}]}\n'
    )
    browser.open("/settings")
    browser.element("#file").send_keys(str(file))
    browser.click("#import button[type=submit]")
    browser.shows("#uploads", "2 new messages in 1 sessions")
    browser.shows("#history-rows", "2 messages")
    wrong = tmp_path / "notes.bin"
    wrong.write_bytes(b"\x00\x01\x02")
    browser.open("/settings")
    browser.element("#file").send_keys(str(wrong))
    browser.click("#import button[type=submit]")
    browser.shows("#uploads .fault", "notes.bin")


def test_a_hundred_thousand_sessions_are_listed_and_gone_through(browser, tmp_path_factory):
    store = tmp_path_factory.mktemp("many") / "store"
    with Memory.open(store) as memory:
        fill(memory, 100_000)
    with serving(store) as running:
        browser.base = running.url
        browser.open("/")
        assert len(browser.texts("#history-rows li")) <= 32
        browser.open("/sessions")
        for count in (60, 90, 120):
            rows = "return document.querySelectorAll('main .rows > li[data-item]').length >= arguments[0]"
            browser.until(f"scrollTo(0, document.documentElement.scrollHeight); {rows}", count)
        assert browser.log() == []


def fill(memory, count):
    """Write many empty sessions quickly: by the rows, as an import does."""
    from memory.kinds.session import Session

    made = [memory.sessions._made({"title": f"Session {at}"}) for at in range(count)]
    assert isinstance(made[0], Session)
    for start in range(0, count, 1000):
        with memory.store.transaction():
            for each in made[start : start + 1000]:
                memory.store.records.insert(each)
