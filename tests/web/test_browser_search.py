"""Searching in a real browser."""

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, demo):
    browser.base = demo.url
    browser.open("/")
    return browser


def test_answers_come_while_it_is_typed_with_what_was_found_marked(page):
    page.press("/")
    page.press("which por")
    page.settled("search")
    page.shows("#answers h2", "Pick a port")
    page.press("t did we choose")
    page.until("return location.search.includes('choose')")
    page.shows("#answers mark", "port")
    assert page.run("return document.activeElement.id") == "search"
    assert page.run("return document.title") == "which port did we choose · Harkback"
    assert "answer" in page.text("#said")
    assert page.log() == []


def test_an_answer_says_why_it_is_one(page):
    page.open("/search?query=which+port+did+we+choose")
    page.click(".hits .why summary")
    assert page.texts(".hits li:first-child .why tbody th")
    assert page.run("return document.querySelector('.hits meter').value") > 0.3
    assert page.log() == []


def test_filters_narrow_what_is_shown(page):
    page.open("/search?query=port")
    page.run(
        "const role = document.getElementById('role'); role.value = 'tool'; role.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    page.until("return location.search.includes('role=tool')")
    page.until(
        "const all = [...document.querySelectorAll('.hits .badge')]; return all.length && all.every(each => each.innerText === 'tool')"
    )
    page.open("/search?query=port&group=session")
    titles = page.texts(".hits h2")
    assert len(titles) == len(set(titles))


def test_from_one_answer_to_the_next_by_key(page):
    page.open("/search?query=port")
    page.press("j")
    page.key("ENTER")
    page.settled("session")
    page.shows("#among", "Answer 1 of")
    first = page.run("return document.querySelector('[data-focus]').id")
    page.press("n")
    page.shows("#among", "Answer 2 of")
    assert page.run("return document.querySelector('[data-focus]').id") != first
    assert page.run("return CSS.highlights.get('found').size") > 0
    page.press("u")
    page.settled("search")
    assert page.log() == []


def test_back_leads_to_the_answers_again(page):
    page.open("/search?query=port")
    page.click(".hits [data-open]")
    page.settled("session")
    page.run("history.back()")
    page.settled("search")
    page.shows("#answers h2", "Pick a port")


def test_nothing_relevant_is_said_and_what_to_do(page):
    page.open("/search?query=zygomorphic+quokka+paragliding")
    assert "Nothing relevant" in page.text("#answers")
    page.open("/search?query=")
    assert "a phrase" in page.text("#answers")


def test_a_filter_that_cannot_be_is_explained(page):
    page.open("/search?query=port&after=someday")
    assert "someday" in page.text("#answers .fault")
    assert "Traceback" not in page.text("body")


def test_a_session_is_searched_by_itself(page):
    page.open("/sessions")
    page.click("main .rows li:nth-child(3) [data-open]")
    page.settled("session")
    page.run("document.getElementById('find').value = 'numpy'; document.querySelector('form.find').requestSubmit()")
    page.settled("search")
    assert len(set(page.texts(".hits h2"))) == 1
    assert page.element("form.narrow input[name=session]").is_selected()
