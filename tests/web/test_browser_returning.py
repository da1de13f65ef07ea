"""Back, forward and loading anew lead to where the reader was; going on leaves nothing behind."""

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def page(site, browser):
    with site.client() as client:
        for name in ("long", "short"):
            client.post("/api/sessions", json={"id": name, "title": f"A {name} session"})
        for start in range(0, 400, 100):
            many = [
                {"id": f"m{start + at + 1}", "role": "user", "content": f"kettle {start + at + 1}"} for at in range(100)
            ]
            client.post("/api/sessions/long/messages", json=many)
        client.post("/api/sessions/short/messages", json={"role": "user", "content": "tea"})
        client.post("/api/relationships", json={"source": "session:long", "target": "file:a.py", "type": "changes"})
        for at in range(100):
            client.post("/api/sessions", json={"id": f"x{at}", "title": f"Session {at}"})
    return browser


def test_back_leads_to_the_answer_that_was_opened(page):
    page.open("/search?query=kettle")
    page.run("scrollTo(0, 700)")
    page.run(
        "[...document.querySelectorAll('.hits [data-open]')].find(each => each.getBoundingClientRect().top > 100).click()"
    )
    page.settled("session")
    opened = page.run("return location.pathname + location.search")
    page.run("history.back()")
    page.settled("search")
    page.until("return Math.abs(scrollY - 700) < 2")
    assert page.run("return document.activeElement.querySelector('[data-open]').getAttribute('href')") == opened


def test_back_leads_to_the_message_that_was_read_also_when_it_was_let_go(page):
    page.open("/sessions/long")
    page.until("scrollBy(0, innerHeight); return history.state?.seen?.seq > 299")
    page.run("return new Promise(done => setTimeout(done, 600))")
    seen = page.run("return history.state.seen.seq")
    page.run("document.querySelector('nav a[href=\"/timeline\"]').click()")
    page.settled("timeline")
    page.run("history.back()")
    page.settled("session")
    top = "return document.querySelector(`[data-seq='${arguments[0]}']`)?.getBoundingClientRect().top ?? 9999"
    page.wait(lambda: -200 < page.run(top, seen) < 300)
    page.driver.refresh()
    page.settled("session")
    page.wait(lambda: -200 < page.run(top, seen) < 300)
    assert page.log() == []


def test_back_leads_down_a_list_that_went_on(page):
    page.open("/sessions")
    page.until(
        "scrollTo(0, document.documentElement.scrollHeight); return document.querySelectorAll('main .rows > li').length > 85"
    )
    page.run("scrollTo(0, document.documentElement.scrollHeight - innerHeight - 50)")
    top = page.run("return scrollY")
    page.run("[...document.querySelectorAll('main .rows [data-open]')].at(-5).click()")
    page.settled("session")
    page.run("history.back()")
    page.settled("sessions")
    page.wait(lambda: abs(page.run("return scrollY") - top) < 5)


def test_a_place_in_the_page_is_no_other_view(page):
    page.open("/sessions/long?at=m200")
    page.run("window.was = document.getElementById('main'); document.querySelector('.skip').click()")
    page.run("history.back()")
    page.until("return !location.hash")
    assert page.run("return document.getElementById('main') === window.was")


def test_links_in_pictures_are_walked_without_loading_the_page_anew(page):
    page.open("/graph?ref=session:long")
    page.run("window.kept = true")
    page.run(
        "const link = document.querySelector('svg.graph a:not(.focus)');"
        "link.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
    )
    page.until("return location.search.includes('a.py') && document.documentElement.dataset.ready === 'graph'")
    assert page.run("return window.kept") is True


def test_what_is_typed_further_keeps_what_narrows_and_is_what_the_form_asks(page):
    page.open("/search?query=kettle&tag=one")
    page.press("/")
    page.press("tea")
    page.until("return location.search.includes('tea')")
    assert "tag=one" in page.run("return location.search")
    assert page.run("return document.querySelector('form.narrow [name=query]').value") == "tea"
    assert " ms" not in page.text("#said")


def follow(page, path):
    page.run(
        "const link = document.createElement('a'); link.href = arguments[0];"
        "document.getElementById('main').append(link); link.click()",
        path,
    )


def test_many_views_leave_no_listener_behind(page):
    page.open("/")
    page.run(
        "window.counts = {event: 0, scroll: 0};"
        "for (const [name, sign] of [['addEventListener', 1], ['removeEventListener', -1]]) {"
        "  const real = EventTarget.prototype[name];"
        "  EventTarget.prototype[name] = function (type, ...rest) {"
        "    if (!(this instanceof Element) && type in counts) counts[type] += sign;"
        "    return real.call(this, type, ...rest); }; }"
    )
    for _ in range(3):
        for name in ("sessions/long", "sessions", "sessions/short", "timeline"):
            follow(page, f"/{name}")
            view = "session" if "/" in name else name
            page.until(
                "return location.pathname === arguments[0] && document.documentElement.dataset.ready === arguments[1]",
                f"/{name}",
                view,
            )
    assert page.run("return counts") == {"event": 0, "scroll": 0}


def test_who_goes_on_before_a_view_is_there_gets_the_last_one(page):
    page.open("/")
    for path in ("/sessions/long", "/timeline", "/sessions/short", "/sessions/long", "/sessions/short"):
        follow(page, path)
    page.until("return location.pathname === '/sessions/short' && document.documentElement.dataset.ready === 'session'")
    page.press("j")
    assert "tea" in page.text("#messages")
    assert page.texts(".notice") == []


def test_a_page_that_is_opened_behind_another_holds_no_line_until_it_is_looked_at(page):
    hide = (
        "Object.defineProperty(Document.prototype, 'hidden', {get: () => window.isHidden ?? true, configurable: true})"
    )
    made = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": hide})
    try:
        page.open("/sessions/short")
        page.run("return new Promise(done => setTimeout(done, 300))")
        assert page.run("return document.getElementById('live').dataset.state") == "waiting"
        assert (
            page.run("return performance.getEntriesByType('resource').some(each => each.name.endsWith('/api/events'))")
            is False
        )
        page.run("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
        page.until("return document.getElementById('live').dataset.state === 'live'")
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": made["identifier"]})


def test_a_line_that_lost_its_place_reads_the_session_anew_where_the_reader_is(page):
    page.open("/sessions/long?at=m200")
    page.run("scrollBy(0, 900)")
    page.until("return history.state?.seen?.seq > 203")
    seen = page.run("window.was = document.getElementById('main'); return history.state.seen.seq")
    page.run(
        "const place = document.querySelector('script[type=module]').src.replace('app.js', 'line.js');"
        "import(place).then(({line}) =>"
        "  line.dispatchEvent(new CustomEvent('event', {detail: {id: 0, type: 'reset', session_id: null}})))"
    )
    page.until(
        "return document.getElementById('main') !== window.was && document.documentElement.dataset.ready === 'session'"
    )
    top = "return document.querySelector(`[data-seq='${arguments[0]}']`)?.getBoundingClientRect().top ?? 9999"
    page.wait(lambda: -200 < page.run(top, seen) < 300)
    assert page.run("return location.search") == "?at=m200"
