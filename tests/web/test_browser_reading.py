"""Reading sessions in a real browser, long ones among them."""

from datetime import UTC, datetime, timedelta

import pytest
from serving import serving

from memory import Memory

pytestmark = pytest.mark.slow
COUNT = 10_000
BEGAN = datetime(2026, 1, 1, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A service with a session of 10,000 messages."""
    store = tmp_path_factory.mktemp("long") / "store"
    with Memory.open(store) as memory:
        memory.sessions.create(id="long", title="A long session", project="web")
        for start in range(0, COUNT, 1000):
            memory.messages.append_many("long", [message(at) for at in range(start, start + 1000)])
        memory.catch_up()
    with serving(store) as running:
        yield running


def message(at):
    text = f"**Message** number {at + 1} about kettles" + "\n\nand more of it" * (at % 7)
    return {
        "id": f"m{at + 1}",
        "role": ("user", "assistant")[at % 2],
        "content": text,
        "created_at": BEGAN + timedelta(minutes=10 * at),
    }


@pytest.fixture
def page(browser, long):
    browser.base = long.url
    return browser


def numbers(page):
    return page.run(
        "return [...document.querySelectorAll('#messages > [data-seq]')].map(each => Number(each.dataset.seq))"
    )


def test_a_session_of_ten_thousand_messages_opens_with_its_beginning(page):
    page.open("/sessions/long")
    assert numbers(page)[:3] == [1, 2, 3]
    assert len(numbers(page)) <= 100
    assert page.text("#m-m1 strong") in ("User", "Message")
    assert "Message 1 of 10,000" in page.text("#position-said")
    assert page.log() == []


def test_further_messages_come_as_it_is_scrolled_without_a_gap_and_far_ones_go(page):
    page.open("/sessions/long")
    page.until(
        "scrollBy(0, innerHeight * 2); return [...document.querySelectorAll('#messages > li')].at(-1).dataset.seq > 400"
    )
    shown = numbers(page)
    assert shown == list(range(shown[0], shown[-1] + 1))
    assert shown[0] > 1
    assert len(shown) <= 330


def test_what_is_looked_at_stays_where_it_is_while_earlier_messages_come(page):
    page.open("/sessions/long?at=m5000")
    page.until("return document.querySelector('#messages > [data-seq]').dataset.seq < 4960")
    top = page.run("return document.getElementById('m-m5000').getBoundingClientRect().top")
    assert 0 < top < 200
    page.run("scrollBy(0, -300)")
    page.until("scrollBy(0, -300); return document.querySelector('#messages > [data-seq]').dataset.seq < 4920")
    shown = numbers(page)
    assert shown == list(range(shown[0], shown[-1] + 1))


def test_the_slider_a_date_and_the_ends_lead_elsewhere(page):
    page.open("/sessions/long")
    page.run(
        "const slider = document.getElementById('position'); slider.value = 7000; slider.dispatchEvent(new Event('change'))"
    )
    page.until("return document.getElementById('m-m7000')")
    page.until("return document.getElementById('position-said').innerText.includes('Message 7,000 of')")
    page.run(
        "const date = document.getElementById('date'); date.value = '2026-01-08'; date.dispatchEvent(new Event('change'))"
    )
    # a week after the first, at midnight: 976 messages on
    page.until("return document.querySelector('[data-focus]')?.id === 'm-m961'")
    page.key("END")
    page.until(
        "return document.getElementById('m-m10000') && innerHeight + scrollY > document.documentElement.scrollHeight - 300"
    )
    page.key("HOME")
    page.until("return document.getElementById('m-m1') && scrollY < 10")
    assert page.log() == []


def test_j_and_k_go_through_the_messages(page):
    page.open("/sessions/long?at=m100")
    page.press("j")
    assert page.run("return document.activeElement.id") == "m-m101"
    page.press("kk")
    assert page.run("return document.activeElement.id") == "m-m99"


def test_a_message_and_its_link_lead_to_one_place(page):
    page.open("/messages/m4321")
    assert page.run("return location.pathname + location.search") == "/sessions/long?at=m4321"
    assert page.run("return document.activeElement.id") == "m-m4321"


def test_a_fork_reads_on_where_it_parts(page, long):
    with long.client() as client:
        client.post("/api/sessions/long/fork", json={"at": "m50", "id": "fork", "title": "The other way"})
        client.post("/api/sessions/fork/messages", json={"id": "f1", "role": "user", "content": "and now for tea"})
    page.open("/sessions/fork?seq=-1")
    page.shows("#messages", "and now for tea")
    assert numbers(page)[-3:] == [49, 50, 51]
    page.key("HOME")
    page.until("return document.getElementById('m-m1')")
    page.click(".session-head a[href='/sessions/long?at=m50']")
    page.until("return document.querySelector('[data-focus]')?.id === 'm-m50'")
    assert "The other way" in page.text(".session-head")
