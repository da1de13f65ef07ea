"""The page's own modules, each by itself, in a real browser."""

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def run(browser, demo):
    """Run the body of an async function that may import the page's modules as `load(name)`."""
    browser.base = demo.url
    browser.open("/")
    place = browser.run("return document.querySelector('script[type=module]').src.replace('app.js', '')")

    def asked(body):
        script = (
            f"const done = arguments[arguments.length - 1]; const load = (name) => import({json.dumps(place)} + name);"
            f"(async () => {{ {body} }})().then((value) => done({{value}}), (error) => done({{error: String(error)}}))"
        )
        answer = browser.driver.execute_async_script(script)
        assert "error" not in answer, answer
        return answer["value"]

    return asked


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1000])
def test_events_are_read_however_the_stream_is_cut(run, cut):
    text = ': beat\n\nid: 7\nevent: a.b\ndata: {"text": "tür 🫖"}\n\nid: 8\ndata: 1\ndata: 2\n\nid: 9\ndata: cut off'
    found = run(
        f"""
        const {{ frames }} = await load("live.js");
        const bytes = new TextEncoder().encode({json.dumps(text)});
        const body = new ReadableStream({{ start(control) {{
          for (let at = 0; at < bytes.length; at += {cut}) control.enqueue(bytes.slice(at, at + {cut}));
          control.close();
        }} }});
        const found = [];
        for await (const frame of frames(body)) found.push(frame);
        return found;
        """
    )
    assert found == [
        {"id": "7", "event": "a.b", "data": '{"text": "tür 🫖"}'},
        {"id": "8", "event": "message", "data": "1\n2"},
    ]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("Which port did we choose", ["which", "port", "did", "we", "choose"]),
        ('"exact phrase" -without role:tool title:"two words" kettle', ["exact", "phrase", "kettle"]),
        ("a.b*c (x) [y] \\d+ $", []),
        ("端口 naïve", ["端口", "naïve"]),
    ],
)
def test_words_to_mark_are_those_that_were_looked_for(run, query, words):
    assert run(f'return (await load("highlight.js")).wordsOf({json.dumps(query)})') == words


def test_marking_takes_signs_as_they_are(run):
    body = """
      const { highlight, unmark } = await load("highlight.js");
      const text = document.createElement("p");
      text.textContent = "deploying (to) production: a+b deploys";
      document.body.append(text);
      highlight(text, ["deployed", "production", "to"]);
      const found = [...CSS.highlights.get("found")].map(String);
      unmark();
      return found;
    """
    assert run(body) == ["deploying", "to", "production", "deploys"]


def test_elements_are_made_of_text_and_never_of_html(run):
    body = """
      const { element } = await load("fragments.js");
      return element("p", { title: '"><b>', hidden: false, open: true }, "<i>x</i>", element("b", {}, "y")).outerHTML;
    """
    assert run(body) == '<p title="&quot;&gt;&lt;b&gt;" open="">&lt;i&gt;x&lt;/i&gt;<b>y</b></p>'


def test_what_is_kept_outlives_a_browser_that_keeps_nothing(run):
    body = """
      const { keep, kept } = await load("kept.js");
      Object.defineProperty(window, "localStorage", { get() { throw new Error("none"); }, configurable: true });
      keep("keys", false);
      const found = [kept("keys", true), kept("other", "so")];
      delete window.localStorage;
      return found;
    """
    assert run(body) == [False, "so"]


def test_text_becomes_elements_in_one_place_only(run):
    assert (
        run(
            "try { document.createElement('p').innerHTML = '<b>x</b>'; return 'made'; } catch (error) { return error.name; }"
        )
        == "TypeError"
    )
