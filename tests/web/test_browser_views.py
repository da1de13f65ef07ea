"""Every view: light and dark, wide and on a phone, by key, and as a screen reader finds it."""

import pytest

pytestmark = pytest.mark.slow
SIZES = {"wide": (1280, 900), "phone": (390, 844)}


@pytest.fixture
def views(demo):
    with demo.client() as client:
        sessions = client.get("/api/sessions").json()["items"]
        session = max(sessions, key=lambda each: each["message_count"])["id"]
    return {
        "home": "/",
        "sessions": "/sessions",
        "search": "/search?query=port",
        "session": f"/sessions/{session}",
        "learnings": "/learnings",
        "graph": f"/graph?ref=session:{session}",
        "timeline": "/timeline",
        "settings": "/settings",
        "problem": "/sessions/none",
        "signin": "/signin",
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_view_shuts_anybody_out(browser, demo, views, size, dark):
    browser.base = demo.url
    browser.look(*SIZES[size], dark=dark)
    for name, path in views.items():
        browser.open(path)
        if name == "session":
            browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert browser.faults_of_access() == [], name
        wide = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} pixels too wide"
        if name != "problem":  # a page that is not there is a failed load to the browser
            assert browser.log() == [], name
        browser.log()


def test_colours_follow_the_choice_before_the_system(browser, demo):
    browser.base = demo.url
    browser.open("/settings")
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.click("input[value=dark]")
    dark = browser.run(ground)
    assert dark != light
    browser.open("/")
    assert browser.run(ground) == dark
    browser.open("/settings")
    assert browser.element("input[value=dark]").is_selected()
    browser.click("input[value=system]")
    assert browser.run(ground) == light


def test_keys_lead_everywhere_and_are_listed(browser, demo):
    browser.base = demo.url
    browser.open("/")
    for keys, view in (
        ("gs", "sessions"),
        ("gl", "learnings"),
        ("gr", "graph"),
        ("gt", "timeline"),
        ("ge", "settings"),
        ("gh", "home"),
    ):
        for key in keys:
            browser.press(key)
        browser.settled(view)
        assert browser.run("return document.activeElement.tagName") == "H1"
    browser.press("?")
    browser.shows("#help", "Search")
    browser.key("ESCAPE")
    browser.until("return !document.getElementById('help').open")
    assert browser.log() == []


def test_keys_that_are_switched_off_do_nothing(browser, demo):
    browser.base = demo.url
    browser.open("/settings")
    browser.click("input[name=keys]")
    browser.press("/")
    assert browser.run("return document.activeElement.id") != "search"
    browser.open("/")
    browser.press("?")
    assert browser.run("return document.getElementById('help').open") is False


def test_letters_that_are_typed_are_no_keys(browser, demo):
    browser.base = demo.url
    browser.open("/search?query=")
    browser.press("/")
    browser.press("jk?gs")
    browser.until("return location.search.includes('jk')")
    assert browser.run("return document.getElementById('search').value") == "jk?gs"


def test_all_that_can_be_clicked_can_be_reached_by_tab(browser, demo, views):
    browser.base = demo.url
    for name in ("session", "search", "settings", "graph"):
        browser.open(views[name])
        reached = browser.run(
            "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary, textarea')]"
            ".filter(each => each.checkVisibility() && each.tabIndex < 0 && each.type !== 'radio').map(each => each.outerHTML)"
        )
        assert reached == [], name
    browser.key("TAB")
    assert browser.run("return document.activeElement.className") == "skip"


def test_a_reader_without_scripts_reads_and_searches(demo, views):
    with demo.client(headers={"Accept": "text/html"}) as client:
        for name, path in views.items():
            answer = client.get(path)
            assert answer.status_code == (404 if name == "problem" else 200)
            assert "<h1" in answer.text
        assert "Pick a port" in client.get("/search?query=port").text


def test_a_page_that_is_magnified_four_times_is_not_scrolled_sideways(site, browser):
    name = "a-project-with-a-rather-long-name-" * 3
    with site.client() as client:
        client.post("/api/sessions", json={"id": "s", "title": f"A title {name}", "project": name, "tags": [name]})
        client.post("/api/sessions/s/messages", json={"role": "user", "content": f"kettle {name * 9}"})
        client.post("/api/learnings", json={"category": "fact", "content": name, "session_id": "s"})
    browser.look(320, 256)
    for path in ("/", "/sessions", "/search?query=kettle", "/sessions/s", "/learnings", "/timeline", "/settings"):
        browser.open(path)
        browser.run("document.querySelectorAll('main details').forEach(each => { each.open = true })")
        root = "document.documentElement"
        assert browser.run(f"return {root}.scrollWidth - {root}.clientWidth") <= 0, path


def test_the_graph_is_walked_moved_and_zoomed(browser, demo, views):
    browser.base = demo.url
    browser.open(views["graph"])
    box = "return document.querySelector('svg.graph').getAttribute('viewBox').split(' ').map(Number)"
    whole = browser.run(box)
    browser.click("[data-graph=in]")
    browser.click("[data-graph=right]")
    x, _, width, _ = browser.run(box)
    assert (width, x) == pytest.approx((whole[2] / 1.25, whole[2] * 0.1 + whole[2] / 1.25 * 0.1))
    browser.click("[data-graph=all]")
    assert browser.run(box) == whole
    before = browser.text("h1")
    browser.run("document.querySelector('svg.graph a.node:not(.focus)').focus()")
    browser.key("ENTER")
    browser.until("return document.querySelector('h1').innerText !== arguments[0]", before)
    browser.settled("graph")
    assert browser.texts("table tbody tr")


def test_the_days_of_the_timeline_are_gone_through_by_arrows(browser, demo):
    browser.base = demo.url
    browser.open("/timeline")
    browser.run("document.querySelector('.calendar a[tabindex=\"0\"]').focus()")
    last = browser.run("return document.activeElement.getAttribute('aria-label')")
    browser.key("ARROW_LEFT")
    earlier = browser.run("return document.activeElement.getAttribute('aria-label')")
    assert earlier.split(" on ")[1] < last.split(" on ")[1]
    browser.key("ENTER")
    browser.settled("sessions")
    assert earlier.split(" on ")[1] in browser.run("return location.search")
    assert browser.texts("main .rows [data-open]")
