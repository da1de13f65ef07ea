"""Markdown becomes HTML in which nothing runs, nothing is loaded and nothing is left out."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pages import Seen, harmless

from memory.api.web import markdown
from memory.api.web.cleaning import cleaned
from memory.api.web.code import code_block, highlighted
from memory.api.web.markdown import MOST_CHARACTERS, rendered

HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert&#40;1&#41;</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<style>*{background:url(//evil.example)}</style>",
    "<p style='position:fixed;inset:0'>over all</p>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<object data=javascript:alert(1)></object><embed src=x>",
    "<details open ontoggle=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<textarea></textarea><script>alert(1)</script>",
    "<!--><script>alert(1)</script-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](java&#9;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A&#x61&#x76&#x61script:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](<\njavascript:alert(1)>)",
    "[x](<javascript:alert(1)>)",
    "[x](%6aavascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example/x)",
    "[x](/api/sessions)",
    "[x](?q=1)",
    "[x](#top)",
    "<javascript:alert(1)>",
    "<data:text/html,<script>alert(1)</script>>",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zy8+)",
    '![x" onerror="alert(1)](https://a.example/x.png)',
    "[x][1]\n\n[1]: javascript:alert(1)",
    "[x][1]\n\n[1]: <java\tscript:alert(1)> 'title'",
    '[x](https://a.example/"onmouseover="alert(1))',
    "[x](https://a.example 'a\" onmouseover=\"alert(1)')",
    '[x](https://a.example "<script>alert(1)</script>")',
    "[x](https://a.example/%22%3E%3Cscript%3E)",
    "https://a.example/<script>alert(1)</script>",
    "https://a.example/'onclick='alert(1)",
    "<https://a.example/x' onclick='alert(1)>",
    "http://a.example/\u202egpj.exe",
    "```<script>alert(1)</script>\nx\n```",
    '```"><img src=x onerror=alert(1)>\nx\n```',
    "```js onload=alert(1)\n</code></pre><script>alert(1)</script>\n```",
    "~~~ html\n<script>alert(1)</script>\n~~~",
    "    <script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    "| <script>alert(1)</script> | b |\n|---|---|\n| <img src=x onerror=alert(1)> | c |",
    "> <script>alert(1)</script>",
    "# <img src=x onerror=alert(1)>",
    "- [ ] <img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\\<script>alert(1)\\</script>",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "\x1b[2J\x1b[31mred",
    "safe\u202eelif\u2066.exe\u2069",
    "\x00<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<img src=`x`onerror=alert(1)>",
    "*<*script>alert(1)*<*/script>",
    '[a](https://a.example)[b](<https://b.example">)',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_hostile_is_text(text):
    seen = harmless(rendered(text))
    for word in re.findall(r"alert|evil|script|red\b|gpj|elif", text):
        assert word in seen.everything


@pytest.mark.parametrize("text", [each for each in HOSTILE if "[x](" in each and "https://a" not in each])
def test_a_link_that_may_not_be_followed_is_text(text):
    assert harmless(rendered(text)).links == []


@given(st.text(st.sampled_from("<>&\"'`*_[]()!#|-~:/\\ \n\ta1=é\u202e\x1b") | st.characters(), max_size=200))
@example("[a]: http://x 'hidden'\n")
@example("| a |\n|---|\n| b | hidden |\n")
@example("> " * 30 + "hidden")
@example("- " * 30 + "hidden")
@example("[](http://x)")
@example("![](http://x/y)")
@example("1234567890. a")
def test_any_text_is_harmless_and_whole(text):
    seen = harmless(rendered(text))
    if not re.search("[&%]", text):  # what stands for other characters
        for word in re.findall(r"[A-Za-z]{2,}", text):
            assert word.lower() in seen.everything.lower()


@given(
    st.lists(st.sampled_from([*HOSTILE, "word", "- item", "> quote", "```py", "```", "# head", "", "| a |", "|---|"]))
)
def test_hostile_pieces_together_are_harmless(pieces):
    harmless(rendered("\n".join(pieces)))
    harmless(rendered(" ".join(pieces)))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_second_fence_holds_by_itself(text):
    harmless(cleaned(text))
    harmless(cleaned(f"<p class=x><a href={text!r} onclick=x id=y style=color:red target=_blank>{text}</a></p>"))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>\n"),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("# one", "<h4>one</h4>\n"),
        ("## two", "<h5>two</h5>\n"),
        ("##### five", "<h6>five</h6>\n"),
        ("- [x] done\n- [ ] open", "<ul>\n<li>☑ done</li>\n<li>☐ open</li>\n</ul>\n"),
        ("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>\n'),
        ("", ""),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("a\u202eb", "<p>a[U+202E]b</p>\n"),
    ],
)
def test_markdown_is_rendered(text, html):
    assert rendered(text) == html


@pytest.mark.parametrize(
    ("text", "href", "said"),
    [
        ("[a](https://b.example/c?d=e&f=g)", "https://b.example/c?d=e&f=g", "a"),
        ("<mailto:ada@b.example>", "mailto:ada@b.example", "mailto:ada@b.example"),
        ("see (https://b.example/a_(b)).", "https://b.example/a_(b)", "see (https://b.example/a_(b))."),
        ("https://b.example/a, and more", "https://b.example/a", "https://b.example/a, and more"),
        ("![a *cat*](https://b.example/c.png)", "https://b.example/c.png", "image: a cat"),
        ("[![badge](https://b.example/c.svg)](https://b.example)", "https://b.example", "image: badge"),
        ("[](https://b.example)", "https://b.example", "https://b.example"),
    ],
)
def test_links_are_links_and_pictures_are_links_to_them(text, href, said):
    seen = harmless(rendered(text))
    assert (seen.links, seen.text.strip()) == ([href], said)


def test_a_table_can_be_scrolled_from_the_keyboard_and_has_a_name():
    seen = harmless(rendered("| port | use |\n|:-:|--:|\n| 8470 | web |"))
    assert (
        "div",
        {"class": "table", "tabindex": "0", "role": "region", "aria-label": "table: port, use"},
    ) in seen.elements
    assert [each.get("class") for tag, each in seen.elements if tag == "td"] == ["center", "right"]


def test_a_row_with_more_cells_than_columns_is_not_cut():
    seen = harmless(rendered("> | a | b |\n> |---|---|\n> | c | `d|e` |\n"))
    assert "| c | `d|e` |" in seen.text


def test_where_references_lead_is_said():
    seen = harmless(
        rendered("See [the plan][1].\n\n[1]: https://b.example/plan 'Our plan'\n[2]: https://b.example/unused")
    )
    assert seen.links == ["https://b.example/plan"]
    assert "[1]: https://b.example/plan 'Our plan'" in seen.text
    assert "[2]: https://b.example/unused" in seen.text


def test_code_is_highlighted_by_the_name_of_its_language_alone():
    known, unknown = rendered("```py\nreturn 1\n```"), rendered("```klingon\nreturn 1\n```")
    assert '<span class="k">return' in known
    assert "<span" not in unknown.replace('<span class="language">klingon</span>', "")
    assert "<span" not in rendered("```\nreturn 1\n```")


def test_only_code_that_may_scroll_takes_the_keyboard():
    assert "tabindex" not in rendered("```py\nreturn 1\n```")
    assert '<pre tabindex="0" role="region" aria-label="code: py">' in rendered(f"```py\n{'x' * 80}\n```")


@given(
    st.text(st.sampled_from("\n\r\t a1\"'#/*<>={}()[]$\\-+@é\u200b") | st.characters(), max_size=80),
    st.sampled_from(["py", "js", "html", "json", "diff", "bash", "markdown", "yaml", "php", "c++", "pycon", "vue", ""]),
)
def test_highlighted_code_is_the_very_code(code, language):
    assert Seen(highlighted(code, language)).text == code
    harmless(cleaned(code_block(code, language)))


def test_code_that_takes_too_long_stays_plain():
    assert highlighted("return 1", "py", seconds=-1) == "return 1"
    assert "<span" not in highlighted("return 1\n" * 2_000, "py")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        ">" * 100_000,
        "*" * 100_000,
        "*a " * 100_000,
        "`" * 1_000_000,
        "\n".join("  " * depth + "- a" for depth in range(400)),
        "a" * 10_000_000,
        "\n- a" * 100_000,
        "![" * (MOST_CHARACTERS // 2),
        "[" * MOST_CHARACTERS,
        "\nhttp://*1. \t\n>=" * (MOST_CHARACTERS // 16),
        "| a |\n|-|\n>```)  " * (MOST_CHARACTERS // 17),
        "|" + "a|" * 5_000 + "\n|" + "-|" * 5_000 + "\n" + "|\n" * 10_000,
        "```py\n" + "\n" * (MOST_CHARACTERS - 20) + "\n```",
        "<a " * (MOST_CHARACTERS // 3),
        "https://" * (MOST_CHARACTERS // 8),
        "https://a" + ")." * (MOST_CHARACTERS // 3),
        "&#x" * (MOST_CHARACTERS // 3),
    ],
    ids=range(18),
)
def test_what_is_made_to_take_long_ends_and_is_whole(text):
    html = rendered(text)
    assert len(html) < max(markdown.MOST_HTML, 6 * len(text)) + 1_000
    assert len(re.findall("a", Seen(html).text)) == text.count("a")


def test_a_text_that_is_too_long_is_shown_as_it_is():
    text = "*a* <b> " + "x" * MOST_CHARACTERS
    seen = harmless(rendered(text))
    assert seen.text == text
    assert [tag for tag, _ in seen.elements] == ["div", "pre", "code"]


def test_what_was_rendered_is_kept_within_its_bytes():
    kept = markdown._Kept(300)
    made = []
    for key in (b"a", b"a", b"b", b"c", b"a"):
        kept.get(key, lambda key=key: made.append(key) or "x" * 100)
    assert made == [b"a", b"b", b"c", b"a"]
    assert kept._size_bytes <= 300


def test_many_threads_may_render_at_once():
    texts = [f"# {place}\n\n| a |\n|---|\n| {place} |\n\n```py\nx = {place}\n```" for place in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(rendered, texts * 4)) == [rendered(text) for text in texts] * 4
