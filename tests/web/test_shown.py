"""What of a message is shown: everything it says, as blocks that are harmless."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import ALLOWED, Seen
from test_rendered import HOSTILE

from memory import Memory
from memory.api.web.shown import MOST_SAID, Block, shown, whole_text
from memory.api.web.texts import visible
from memory.api.web.tool_texts import MOST_OUTPUT
from memory.ids import native_id
from memory.kinds.message import AttachmentOf, Message

DATA = Path(__file__).parents[1] / "data"
AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
OURS = {
    **ALLOWED,
    "a": {"href", "title", "rel", "download"},
    "dl": {"class"},
    "dt": set(),
    "dd": set(),
    "img": {"src", "alt", "loading"},
}


def message(role="assistant", **fields):
    return Message(id="m1", session_id="s1", created_at=AT, updated_at=AT, role=role, **fields)


def blocks(role="assistant", **fields):
    found = shown(message(role, **fields)).blocks
    for block in found:
        harmless(block)
    return found


def harmless(block):
    seen = Seen(block.html)
    assert not seen.others
    assert not seen._open
    assert visible(block.label) == block.label
    assert "\n" not in block.label
    for tag, attributes in seen.elements:
        assert tag in OURS, tag
        assert set(attributes) <= OURS[tag], (tag, attributes)
        if tag == "img":
            assert re.fullmatch(r"/attachments/[\w.~%-]+/image", attributes["src"])
        if tag == "a":
            href = attributes.get("href", "mailto:")
            assert re.match(
                r"https?://|mailto:|/attachments/[\w.~%-]+/image$|/api/attachments/[\w.~%-]+/data$", href, re.I
            )
    return seen


def text_of(found):
    return "".join(Seen(block.html).everything for block in found)


def words(text):
    return re.findall(r"[^\W_]{3,}", visible(text))


@pytest.mark.parametrize("sample", sorted(path.name for path in DATA.iterdir()))
def test_every_sample_is_shown_whole(tmp_path, sample):
    with Memory.open(tmp_path / "store") as memory:
        memory.import_(DATA / sample)
        cursor, seen = None, 0
        while seen == 0 or cursor:
            page = memory.messages.list(limit=200, cursor=cursor)
            cursor, seen = page.next_cursor, seen + len(page.items)
            for each in page.items:
                made = shown(each)
                told = "".join(harmless(block).everything for block in made.blocks)
                if not any(block.missing for block in made.blocks):
                    assert all(word in told for word in words(each.content)), each.content
                for part in each.parts:
                    if part["type"] in ("reasoning", "text", "tool_result", "file"):
                        assert all(word in told for word in words(part.get("text") or "")[:200])
    assert seen


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    "text native input output name url attachment files call_id is_error media_type path command old_string new_string".split()
)
kinds = st.sampled_from("text reasoning tool_call tool_result image file patch new <b>".split())
parts = st.builds(
    lambda kind, rest: {**rest, "type": kind}, kinds | json_values, st.dictionaries(names, json_values, max_size=4)
)


@given(
    st.sampled_from(["user", "assistant", "system", "tool"]),
    st.text(max_size=60) | st.sampled_from(HOSTILE),
    st.lists(parts, max_size=3),
    json_values,
    json_values,
)
def test_any_message_is_harmless_and_no_word_of_its_content_is_lost(role, content, parts, call, result):
    found = blocks(role, content=content, parts=parts, tool_call=call, tool_result=result)
    if not re.search("[&%]", content):  # what stands for other characters
        told = text_of(found).lower()
        missing = [word for word in re.findall(r"[A-Za-z]{2,}", visible(content)) if word.lower() not in told]
        assert not missing, (content, told)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_outputs_are_text(text):
    found = blocks(
        parts=[
            {"type": "tool_call", "name": text, "input": {"command": text, text: "a\nb"}},
            {"type": "tool_result", "name": text, "text": text},
            {"type": "file", "native": {"name": text}},
            {"type": "image", "url": text},
            {"type": "patch", "native": {"files": [text]}, "text": f"--- a\n+++ b\n-{text}"},
            {"type": text, text: text},
        ],
        sender_id=text,
        model=text,
        error=text,
    )
    assert len(found) == 6
    assert "\x1b" not in repr(found)


def test_the_header_says_who_when_and_how():
    made = shown(
        message("user", content="hi", sender_id="ada\u202e", model="m", status="error", error="gone\x1b", seq=4)
    )
    assert (made.role, made.sender, made.model, made.at, made.seq) == ("user", "ada[U+202E]", "m", AT, 4)
    assert (made.status, made.error) == ("error", "gone␛")


def test_people_and_assistants_speak_markdown_and_systems_plain_text():
    assert blocks("user", content="*a*")[0].html == "<p><em>a</em></p>\n"
    assert "*a*" in blocks("system", content="*a*")[0].html
    assert blocks("system", content="word " * 100)[0].is_folded


def test_a_call_is_folded_under_its_tool_and_what_it_is_about():
    [block] = blocks(parts=[{"type": "tool_call", "name": "Bash", "input": {"timeout": 5, "command": "ls -l\nwc"}}])
    assert (block.type, block.label, block.is_folded) == ("tool_call", "Bash: ls -l wc", True)
    [shell] = blocks(parts=[{"type": "tool_call", "name": "shell", "input": {"command": ["bash", "-lc", "ls | wc"]}}])
    assert shell.label == "shell: ls | wc"


def test_arguments_are_json_that_people_read():
    [block] = blocks(parts=[{"type": "tool_call", "name": "add", "input": {"a": 2, "b": ["é", None, True]}}])
    assert Seen(block.html).text == '{\n  "a": 2,\n  "b": [\n    "é",\n    null,\n    true\n  ]\n}'


def test_an_edit_is_a_difference():
    given = {"file_path": "/a.py", "old_string": "x = 1\ny", "new_string": "x = 2\ny"}
    [block] = blocks(parts=[{"type": "tool_call", "name": "Edit", "input": given}])
    assert block.label == "Edit: /a.py"
    assert '<span class="gd">-x = 1' in block.html
    assert '<span class="gi">+x = 2' in block.html
    assert "/a.py" in block.html


def test_a_patch_that_a_tool_noted_is_shown():
    hunk = {"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": ["-a", "+b"]}
    found = blocks("tool", content="done", tool_result={"structuredPatch": [hunk]})
    assert [block.type for block in found] == ["tool_result", "patch"]
    assert Seen(found[1].html).text == "@@ -1,1 +1,1 @@\n-a\n+b"


def test_a_result_is_folded_under_its_first_line_and_size():
    text = "\n3 passed\n" + "x" * 12_000
    [block] = blocks("tool", content=text, tool_name="Bash")
    assert (block.type, block.is_folded) == ("tool_result", True)
    assert block.label == "Bash · 3 passed · 12 kB"
    assert block.missing == len(text) - MOST_OUTPUT
    [failed] = blocks("tool", parts=[{"type": "tool_result", "text": "no\x1b[0m", "is_error": True}])
    assert (failed.label, failed.is_error) == ("error · no␛[0m · 6 characters", True)


def test_a_long_text_is_cut_and_says_how_much_is_missing():
    [block] = blocks(content="word " * 10_000)
    assert block.missing == 50_000 - MOST_SAID
    overflow = {"overflow": {"attachment_id": "x", "characters": 70_000_000}}
    [longer] = blocks(content="word " * 10_000, metadata=overflow)
    assert longer.missing == 70_000_000 - MOST_SAID


def test_a_line_of_ten_megabytes_is_shown_at_its_beginning():
    for role in ("user", "assistant", "system", "tool"):
        [block] = blocks(role, content="x" * 10_000_000)
        assert len(block.html) < 60_000


def test_content_and_parts_do_not_say_the_same_twice():
    said = "I look. Then I run it."
    found = blocks(content=said, parts=[{"type": "text", "text": "I look."}, {"type": "tool_call", "name": "Bash"}])
    assert [block.type for block in found] == ["text", "tool_call"]
    assert Seen(found[0].html).text.strip() == said
    [whole] = blocks(content="a\n\nb", parts=[{"type": "text", "text": "a"}, {"type": "text", "text": "b\nc"}])[:1]
    assert Seen(whole.html).text.strip() == "a"


def test_a_picture_of_a_kind_that_cannot_hold_a_script_is_shown():
    ids = [native_id("attachment", "m1", str(place)) for place in range(2)]
    png = AttachmentOf(id=ids[0], name='a"b.png', media_type="image/png", size_bytes=70, sha256="x")
    svg = AttachmentOf(id=ids[1], name="c.svg", media_type="image/svg+xml", size_bytes=7_000, sha256="y")
    other = AttachmentOf(id="own/id", name="d.pdf", media_type="application/pdf", size_bytes=7_000_000, sha256="z")
    parts = [{"type": "image", "attachment": 1}, {"type": "image", "attachment": 0}, {"type": "image", "attachment": 7}]
    drawn, picture, lost, left = blocks(parts=parts, attachments=[png, svg, other])
    assert (picture.image_url, picture.download_url) == (f"/attachments/{ids[0]}/image", None)
    assert '<img src="/attachments/' in picture.html
    assert (drawn.image_url, drawn.download_url) == (None, f"/api/attachments/{ids[1]}/data")
    assert drawn.label == "c.svg · 7 kB"
    assert lost.label == "Image"
    assert (left.label, left.download_url) == ("d.pdf · 7.0 MB", "/api/attachments/own%2Fid/data")


def test_a_picture_elsewhere_is_a_link_and_loads_nothing():
    [block] = blocks("user", parts=[{"type": "image", "url": "https://a.example/b.png"}])
    assert "<img" not in block.html
    assert Seen(block.html).links == ["https://a.example/b.png"]
    [script] = blocks("user", parts=[{"type": "image", "url": "javascript:alert(1)"}])
    assert Seen(script.html).links == []


def test_every_block_says_which_part_it_is():
    found = blocks(content="hi", parts=[{"type": "reasoning", "text": ""}, {"type": "tool_call", "name": "x"}])
    assert [(block.type, block.place) for block in found] == [("text", None), ("tool_call", 1)]


def test_a_field_without_a_part_is_shown():
    call = {"call_id": "1", "name": "add", "input": {"a": 2}}
    [block] = blocks(tool_call=call, tool_name="add")
    assert (block.label, '"a": 2' in Seen(block.html).text) == ("add", True)
    [result] = blocks("tool", tool_result={"sum": 4}, tool_name="add")
    assert '"sum": 4' in Seen(result.html).text


def test_nothing_of_python_is_shown():
    found = blocks(
        parts=[
            {"type": "tool_call", "name": "x", "input": {"a": None, "b": True, "c": {"d": ["e"]}}},
            {"type": "tool_result", "output": {"a": None, "b": [True]}},
            {"type": "new", "what": {"a": None}},
        ]
    )
    assert not re.search(r"None|True|\{'", text_of(found) + "".join(block.label for block in found))


def test_the_parser_of_these_tests_sees_what_is_wrong():
    for html in ("<script>1</script>", "<p onclick=x>a</p>", "<a href=javascript:x>a</a>", "<p>a", "<img src=//x>"):
        with pytest.raises((AssertionError, KeyError)):
            harmless(Block("text", "", html))


def test_all_of_a_block_that_was_cut_is_given_as_text(memory):
    memory.sessions.create(id="s")
    long = "line\n" * 10_000
    parts = [{"type": "tool_call", "name": "Bash", "input": {"command": long}}, {"type": "tool_result", "output": long}]
    message = memory.messages.append("s", role="assistant", content="look", parts=parts)
    call, result = (block for block in shown(message).blocks if block.missing)
    assert json.loads(whole_text(message, call.type, call.place)) == {"command": long}
    assert whole_text(message, result.type, result.place) == long
    assert whole_text(message, "text", 7) is None
    assert whole_text(message, "tool_call", None) is None
