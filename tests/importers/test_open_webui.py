"""What is special about Open WebUI's chats."""

from pathlib import Path
from time import process_time

import pytest

from memory.importers import open_webui
from memory.importers.open_webui.tree import Tree
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    MessageRecord,
    Problem,
    SessionRecord,
)
from memory.importers.reading.source import Source

DATA = Path(__file__).parent.parent / "data" / "open-webui"
CHAT = "9c8f0c0a-1111-4222-8333-00000000000"
ID = "4b1d0c3e-0000-4000-8000-0000000000"


def read(name: str) -> list[Item]:
    return list(open_webui.read(Source(DATA / name)))


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return read("chats.json")


@pytest.fixture(scope="module")
def database() -> list[Item]:
    return read("webui.db")


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def messages(items: list[Item], chat: str = f"{CHAT}1") -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord) and item.session_key == chat]


def message(items: list[Item], number: str) -> MessageRecord:
    return next(each for each in messages(items) if each.key == f"{ID}{number}")


def test_the_path_that_is_shown_comes_first(items: list[Item]) -> None:
    shown = [each.key for each in messages(items) if "branch" not in each.metadata]

    assert shown == [
        *(f"{ID}01", f"{ID}03", f"{ID}03:call_t", f"{ID}04", f"{ID}05", f"{ID}05:call_s"),
        f"{ID}06",
    ]


def test_another_answer_is_a_branch_with_its_rating(items: list[Item]) -> None:
    other = message(items, "02")

    assert (other.parent_key, other.metadata["branch"]) == (f"{ID}01", "not shown")
    assert other.metadata["native"]["annotation"]["rating"] == -1


def test_another_models_answer_is_shown_beside(items: list[Item]) -> None:
    beside = message(items, "06")

    assert (beside.parent_key, beside.status, beside.error) == (f"{ID}04", "error", "out of memory")
    assert beside.metadata["native"]["done"] is False


def test_links_that_contradict_each_other_are_mended(items: list[Item]) -> None:
    assert message(items, "07").parent_key is None
    assert message(items, "07").metadata["native"]["parentId"] == f"{ID}99"
    assert message(items, "08").parent_key == f"{ID}07"
    assert {message(items, "09").parent_key, message(items, "10").parent_key} == {f"{ID}10", None}


def test_each_message_stands_behind_the_one_it_answers(items: list[Item]) -> None:
    keys = [each.key for each in messages(items)]

    assert all(keys.index(each.parent_key) < at for at, each in enumerate(messages(items)) if each.parent_key)


def test_details_in_a_text_are_thoughts_calls_and_results(items: list[Item]) -> None:
    answer, result = message(items, "03"), messages(items)[2]

    assert [(part["type"], part.get("text")) for part in answer.parts] == [
        ("reasoning", 'Rye needs "time".\nTwelve hours.'),
        ("tool_call", None),
        ("text", "Twelve hours."),
    ]
    assert answer.parts[1]["input"] == {"hours": 12}
    assert (result.role, result.parts[0]["text"], result.parent_key) == ("tool", '{"set": true}', answer.key)


def test_output_items_come_before_the_text_made_of_them(items: list[Item]) -> None:
    answer = message(items, "05")

    assert [part.get("text") for part in answer.parts] == ["Look it up.", None, "A grain."]
    assert answer.tool_name == "search"


def test_an_answer_has_model_tokens_and_cost(items: list[Item]) -> None:
    answer = message(items, "03")

    assert (answer.model, answer.tokens_in, answer.tokens_out, answer.metadata["cost"]) == ("baker-1", 20, 8, 0.002)


def test_files_are_attachments_or_text(items: list[Item]) -> None:
    asked = message(items, "01")

    assert [(part["type"], part.get("text")) for part in asked.parts[1:]] == [
        ("image", None),
        ("file", "Rye, 80 % water."),
    ]
    assert asked.attachments[0].media_type == "image/png"


def test_a_chat_has_title_summary_tags_and_prompt(items: list[Item]) -> None:
    session = sessions(items)[0]

    assert (session.title, session.title_authority, session.tags) == ("Rye", TITLE_GENERATED, ["baking"])
    assert (session.summary, session.system_prompt) == ("Rye rises for twelve hours.", "You bake.")


def test_a_clone_is_a_fork_titled_by_its_first_prompt(items: list[Item]) -> None:
    clone, title = [session for session in sessions(items) if session.key == f"{CHAT}2"]

    assert (clone.metadata["kind"], clone.parent_key, clone.forked_at_key) == ("fork", f"{CHAT}1", f"{ID}03")
    assert (title.title, title.title_authority) == ("How long does rye rise?", TITLE_FIRST_PROMPT)


def test_a_list_of_before_there_were_trees_is_one_path(items: list[Item]) -> None:
    asked, answered = messages(items, f"{CHAT}3")

    assert (answered.parent_key, answered.tokens_in) == (asked.key, 5)


def test_a_chat_without_an_id_is_known_by_its_first_message() -> None:
    assert sessions(read("import.json"))[0].key == f"chat:{ID}21"


def test_a_database_gives_its_chats_but_no_shared_copies(database: list[Item]) -> None:
    session = sessions(database)[0]

    assert {each.key for each in sessions(database)} == {"c1"}
    assert (session.project, session.tags) == ("Kitchen/Bread", ["heat"])


def test_rows_that_a_chat_lacks_are_read(database: list[Item]) -> None:
    assert [each.parts[0]["text"] for each in messages(database, "c1")] == ["How hot?", "250 degrees.", "And then?"]


def test_a_chat_that_is_not_json_is_a_problem(database: list[Item]) -> None:
    assert [item.what for item in database if isinstance(item, Problem)] == [
        "chat 'c3' is not whole JSON, was left out"
    ]


def test_a_deep_or_wide_chat_is_gone_through_once() -> None:
    deep = {str(at): {"role": "user", "parentId": str(at - 1) if at else None} for at in range(20_000)}
    wide = {str(at): {"role": "user", "parentId": "0" if at else None, "modelIdx": at} for at in range(20_000)}
    begun = process_time()
    for messages_by_id in (deep, wide):
        tree = Tree(messages_by_id, None)

        assert sum(tree.is_shown(id) for id in tree.order()) == 20_000

    # step by step to the top from each took half a minute
    assert process_time() - begun < 3


def test_a_circle_is_opened_at_its_last_message() -> None:
    answers = {"d": "b", "a": "c", "b": "a", "c": "b", "e": "e"}

    tree = Tree({id: {"role": "user", "parentId": parent} for id, parent in answers.items()}, "d")

    assert tree.parents == {"d": "b", "a": "c", "b": "a", "c": None, "e": None}
    assert tree.path == ["c", "a", "b", "d"]
