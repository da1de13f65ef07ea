"""Claude's memory tool: beside the reference implementation on the same commands, and in the SDK's own tool runner."""

import asyncio
import json
import re
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Memory

anthropic = pytest.importorskip("anthropic", reason="needs `make frameworks`")
import httpx2  # noqa: E402
from anthropic.lib.tools import ToolError  # noqa: E402
from anthropic.tools import BetaLocalFilesystemMemoryTool  # noqa: E402

from memory.adapters.anthropic_memory import HarkbackAsyncMemoryTool, HarkbackMemoryTool  # noqa: E402

PATHS = [
    "/memories/tea.md",
    "/memories/a/b.md",
    "/memories/a/b/c.md",
    "/memories/a",
    "/memories",
    "/memories/a/../tea.md",
]
ODD_PATHS = ["/memories/../x", "/etc/passwd", "/memories/.hidden", "/memories/none.md", "/memories/a/"]
TEXTS = ["", "Assam\n", "Ada drinks Assam\nand Assam again\n\nat five", "one\r\ntwo", "é" * 700]
path, text = st.sampled_from(PATHS + ODD_PATHS), st.sampled_from(TEXTS)
command = st.one_of(
    st.fixed_dictionaries({"command": st.just("create"), "path": path, "file_text": text}),
    st.fixed_dictionaries(
        {"command": st.just("view"), "path": path},
        optional={"view_range": st.sampled_from([[1, 2], [2, -1], [0, 1], [9, 12], [3, 1]])},
    ),
    st.fixed_dictionaries(
        {"command": st.just("str_replace"), "path": path}
        | {"old_str": st.sampled_from(["Assam", "five", "\n", "absent"]), "new_str": st.sampled_from(["tea", ""])}
    ),
    st.fixed_dictionaries(
        {"command": st.just("insert"), "path": path, "insert_line": st.sampled_from([0, 1, 2, 99, -1])}
        | {"insert_text": st.sampled_from(["new line", "two\nlines\n", ""])}
    ),
    st.fixed_dictionaries({"command": st.just("delete"), "path": path}),
    st.fixed_dictionaries({"command": st.just("rename"), "old_path": path, "new_path": path}),
)


def answer(tool, given_):
    """What a tool says; of what the file system alone refuses, that it was refused; the sizes of directories left out."""
    try:
        said = tool.call(given_)
    except ToolError as error:
        said = f"error: {error}"
    except OSError:
        return "refused"
    if said.endswith("is not a directory.") or "into itself" in said:
        return "refused"
    return re.sub(
        r"(?m)^[\d.]+[BKMG]\t(?=.*/$|/memories$|/memories/a$|/memories/a/b$|/memories/a/[^\n]*/\.\./?$)", "", said
    )


def empty_directories(tool):
    """A directory of the file system stays when its last file goes; ours is there while something is in it."""
    return any(each.is_dir() and not any(each.iterdir()) for each in tool.memory_root.rglob("*"))


@given(commands=st.lists(command, max_size=15))
@settings(max_examples=60, deadline=None)
def test_it_answers_as_the_reference_does(commands, tmp_path_factory):
    place = tmp_path_factory.mktemp("tool")
    theirs = BetaLocalFilesystemMemoryTool(str(place))
    with Memory.open(place / "store") as memory:
        ours = HarkbackMemoryTool(memory)
        for given_ in commands:
            wanted = answer(theirs, given_)
            got = answer(ours, given_)
            if empty_directories(theirs):
                return
            # what the file system alone refuses is refused here for a reason of its own
            assert got == wanted or (wanted == "refused" and got.startswith("error: ")), commands


def reply(*content):
    told = {"id": "m", "type": "message", "role": "assistant", "model": "some-model", "content": list(content)}
    is_call = content[0]["type"] == "tool_use"
    return told | {
        "stop_reason": "tool_use" if is_call else "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def uses(id, **given_):
    return {"type": "tool_use", "id": id, "name": "memory", "input": given_}


def replies(asked):
    waiting = [
        reply(uses("t1", command="create", path="/memories/tea.md", file_text="Ada drinks Assam\n")),
        reply(uses("t2", command="view", path="/memories/none.md")),
        reply({"type": "text", "text": "Noted."}),
    ]

    def respond(request):
        asked.append(json.loads(request.content))
        return httpx2.Response(200, json=waiting.pop(0))

    return httpx2.MockTransport(respond)


def results(asked):
    blocks = [block for request in asked for message in request["messages"] for block in message["content"]]
    return [
        (block.get("is_error", False), block["content"])
        for block in blocks
        if isinstance(block, dict) and block["type"] == "tool_result"
    ]


def test_the_tool_runner_writes_and_reads_it(memory):
    asked = []
    client = anthropic.Anthropic(api_key="none", http_client=httpx2.Client(transport=replies(asked)))
    runner = client.beta.messages.tool_runner(
        model="some-model",
        max_tokens=100,
        messages=[{"role": "user", "content": "Ada drinks Assam; remember that"}],
        tools=[HarkbackMemoryTool(memory)],
    )

    assert runner.until_done().content[0].text == "Noted."

    assert asked[0]["tools"] == [{"type": "memory_20250818", "name": "memory"}]
    assert [is_error for is_error, _ in results(asked)] == [False, True]
    assert "does not exist. Please provide a valid path." in str(results(asked)[1][1])
    assert memory.search("who drinks Assam?").hits[0].role == "assistant"


def test_the_asynchronous_one_does_the_same(memory):
    asked = []

    async def run():
        client = anthropic.AsyncAnthropic(api_key="none", http_client=httpx2.AsyncClient(transport=replies(asked)))
        runner = client.beta.messages.tool_runner(
            model="some-model",
            max_tokens=100,
            messages=[{"role": "user", "content": "remember that"}],
            tools=[HarkbackAsyncMemoryTool(memory)],
        )
        return await runner.until_done()

    assert asyncio.run(run()).content[0].text == "Noted."
    assert (
        HarkbackMemoryTool(memory)
        .call({"command": "view", "path": "/memories/tea.md"})
        .endswith("     1\tAda drinks Assam\n     2\t")
    )


def test_every_command_of_the_asynchronous_one(memory):
    tool = HarkbackAsyncMemoryTool(memory)

    async def run():
        say = [
            {"command": "create", "path": "/memories/a.md", "file_text": "one\n"},
            {"command": "insert", "path": "/memories/a.md", "insert_line": 1, "insert_text": "two"},
            {"command": "str_replace", "path": "/memories/a.md", "old_str": "one", "new_str": "1"},
            {"command": "rename", "old_path": "/memories/a.md", "new_path": "/memories/b.md"},
            {"command": "delete", "path": "/memories/b.md"},
        ]
        return [(await tool.call(each)).split()[0] for each in say] + [await tool.clear_all_memory()]

    assert asyncio.run(run()) == ["File", "The", "The", "Successfully", "Successfully", "All memory cleared"]


def test_what_a_file_said_before_is_a_version(memory):
    tool = HarkbackMemoryTool(memory)
    tool.call({"command": "create", "path": "/memories/tea.md", "file_text": "Assam"})
    tool.call({"command": "str_replace", "path": "/memories/tea.md", "old_str": "Assam", "new_str": "Darjeeling"})

    [hit] = memory.search("Darjeeling", kind="message").hits

    assert [each.content for each in memory.messages.versions(hit.id)] == ["Assam"]
    assert memory.search("tea.md", min_score=0).hits[0].id == hit.id


def test_a_file_that_is_renamed_says_the_same(memory):
    tool = HarkbackMemoryTool(memory)
    tool.call({"command": "create", "path": "/memories/tea.md", "file_text": "Assam"})
    tool.call({"command": "rename", "old_path": "/memories/tea.md", "new_path": "/memories/a/b.md"})

    assert tool.call({"command": "view", "path": "/memories/a/b.md"}).endswith("     1\tAssam")


def test_what_is_deleted_is_gone_with_its_versions(memory):
    tool = HarkbackMemoryTool(memory)
    tool.call({"command": "create", "path": "/memories/a/key.md", "file_text": "under the fern"})
    tool.call({"command": "str_replace", "path": "/memories/a/key.md", "old_str": "fern", "new_str": "moss"})

    tool.call({"command": "delete", "path": "/memories/a"})

    assert memory.search("fern moss key", min_score=0, kind="message").hits == []
    assert memory.collection("message_versions").count() == 0


def test_tools_of_other_names_see_nothing(memory):
    HarkbackMemoryTool(memory, name="ada").call({"command": "create", "path": "/memories/a.md", "file_text": "x"})

    with pytest.raises(ToolError, match="does not exist"):
        HarkbackMemoryTool(memory, name="bob").call({"command": "view", "path": "/memories/a.md"})


def test_threads_edit_one_file(tmp_path):
    insert = {"command": "insert", "path": "/memories/log.md", "insert_line": 0, "insert_text": "a line"}

    def edit():
        with Memory.open(tmp_path / "store") as memory:
            for _ in range(10):
                HarkbackMemoryTool(memory).call(insert)

    with Memory.open(tmp_path / "store") as memory:
        tool = HarkbackMemoryTool(memory)
        tool.call({"command": "create", "path": "/memories/log.md", "file_text": ""})
        threads = [threading.Thread(target=edit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tool.call({"command": "view", "path": "/memories/log.md"}).count("a line") == 40


def test_a_set_that_was_deleted_takes_nothing(memory):
    tool = HarkbackMemoryTool(memory)
    tool.call({"command": "create", "path": "/memories/a.md", "file_text": "x"})
    memory.sessions.delete(memory.sessions.list().items[0].id)

    with pytest.raises(ToolError, match="was deleted; restore it"):
        tool.call({"command": "create", "path": "/memories/b.md", "file_text": "x"})


@pytest.mark.parametrize("name", ["ghp_" + "a1B2c3D4e5F6" * 3, "half \ud800", "nul \x00"])
def test_a_file_with_an_odd_name_is_there_under_it(name, memory):
    tool, path = HarkbackMemoryTool(memory), f"/memories/{name}.md"
    tool.call({"command": "create", "path": path, "file_text": "Assam"})

    assert tool.call({"command": "view", "path": path}).endswith("     1\tAssam")
    with pytest.raises(ToolError, match="already exists"):
        tool.call({"command": "create", "path": path, "file_text": "Assam"})


@pytest.mark.parametrize("given_", [{}, {"path": 7, "file_text": "x"}, {"path": "/memories/a.md"}])
def test_what_a_model_left_out_is_said(given_, memory):
    with pytest.raises(ToolError, match="must be a text"):
        HarkbackMemoryTool(memory).call({"command": "create", **given_})
    assert memory.sessions.list().items == []
