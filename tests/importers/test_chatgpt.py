"""What is special about ChatGPT's exports."""

import json
from pathlib import Path
from typing import Any

import pytest

from memory.importers import chatgpt
from memory.importers.reading import documents
from memory.importers.reading.records import Item, MessageRecord, Problem, SessionRecord
from memory.importers.reading.source import Source

EXPORT = Path(__file__).parent.parent / "data" / "chatgpt" / "conversations.json"
NODE = "5f0c1d7e-0000-4000-8000-00000000000"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(chatgpt.read(Source(EXPORT)))


def message(items: list[Item], number: int) -> MessageRecord:
    return next(item for item in items if isinstance(item, MessageRecord) and item.key == f"{NODE}{number}")


def test_the_path_that_is_shown_comes_first(items: list[Item]) -> None:
    keys = [item.key for item in items if isinstance(item, MessageRecord)]

    assert keys == [f"{NODE}{number}" for number in (1, 2, 4, 5, 6, 7, 3)]


def test_another_answer_is_a_branch_with_the_same_parent(items: list[Item]) -> None:
    shown, other = message(items, 4), message(items, 3)

    assert shown.parent_key == other.parent_key == f"{NODE}2"
    assert ("branch" in shown.metadata, other.metadata["branch"]) == (False, "not shown")


def test_what_chatgpt_remembers_is_nobodys_words(items: list[Item]) -> None:
    memory = message(items, 1)

    assert (memory.role, memory.metadata["origin"]) == ("system", "injected")
    assert memory.parts[0]["text"] == "Ada bakes on Sundays.\n\nUse grams."


def test_a_picture_is_kept_by_its_pointer(items: list[Item]) -> None:
    picture, text, file = message(items, 2).parts

    assert (picture["type"], picture["url"]) == ("image", "file-service://file-Dough1")
    assert (text["type"], file["native"]["name"]) == ("text", "dough.jpg")


def test_thoughts_are_reasoning(items: list[Item]) -> None:
    (part,) = message(items, 4).parts

    assert (part["type"], part["text"]) == ("reasoning", "Comparing volumes\n720 over 400 is 1.8.")


def test_a_call_is_answered_by_its_tool(items: list[Item]) -> None:
    call, result = message(items, 5), message(items, 6)

    assert call.tool_call == {"call_id": f"{NODE}5", "name": "python", "input": "print(720 / 400)"}
    assert (result.tool_name, result.tool_result) == ("python", {"call_id": f"{NODE}5", "is_error": False})
    assert result.parts[0]["text"] == "1.8"


def test_a_conversation_keeps_what_has_no_column(items: list[Item]) -> None:
    session = next(item for item in items if isinstance(item, SessionRecord))

    assert (session.title, session.project, session.model) == ("Proofing dough", "g-p-kitchen", "o3")
    assert session.created_at is not None
    assert session.metadata["update_time"] == "1772000100.25"


def test_too_large_a_document_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "DOCUMENT_BYTES", 100)

    (problem,) = chatgpt.read(Source(EXPORT))

    assert isinstance(problem, Problem)
    assert "longer than" in problem.what


def node(parent: str | None, text: str, at: float | None) -> dict[str, Any]:
    said = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": [text]}, "create_time": at}
    return {"parent": parent, "children": [], "message": said}


@pytest.mark.parametrize("current", [{}, {"current_node": None}, {"current_node": "gone"}])
@pytest.mark.parametrize(("times", "hidden"), [((30.0, 20.0), ["c"]), ((20.0, 30.0), ["b"]), ((None, None), ["b"])])
def test_the_newest_leaf_is_shown_where_none_is_named(
    current: dict[str, Any], times: tuple[float | None, ...], hidden: list[str], tmp_path: Path
) -> None:
    mapping = {"a": node(None, "Tea?", 10.0), "b": node("a", "Green.", times[0]), "c": node("a", "Black.", times[1])}
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([{"conversation_id": "k", "mapping": mapping, **current}]))

    found = [item for item in chatgpt.read(Source(path)) if isinstance(item, MessageRecord)]

    assert [item.key for item in found if "branch" in item.metadata] == [f"k:{name}" for name in hidden]
