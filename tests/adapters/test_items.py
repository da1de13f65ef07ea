"""How a framework's items are kept, whichever the framework is."""

import importlib
import json
import sys
from dataclasses import replace

import pytest

from memory import Memory
from memory.adapters.items import Item, ItemLog
from memory.errors import InvalidInput, UnknownRecord
from memory.importers.reading.records import MessageRecord

MODULES = {
    "anthropic_memory": ("anthropic.lib.tools", "anthropic"),
    "claude_agent_sdk": ("claude_agent_sdk", "claude-agent-sdk"),
    "langchain": ("langchain_core.callbacks", "langchain-core"),
    "langgraph": ("langgraph.store.base", "langgraph"),
    "llama_index": ("llama_index.core.base.llms.types", "llama-index-core"),
    "openai_agents": ("agents", "openai-agents"),
    "pydantic_ai": ("pydantic_ai", "pydantic-ai-slim"),
}


def item(value, *texts, key=None):
    records = [MessageRecord("s", None, "user", [{"type": "text", "id": "0", "text": text}]) for text in texts]
    return Item(value, records, key)


@pytest.fixture
def log(memory):
    return ItemLog(memory, "some-framework", ["user-7"], project="web/api")


def test_nothing_is_written_until_something_is_added(memory, log):
    assert (log.values(), log.pop(), log.session()) == ([], None, None)
    log.clear()

    assert memory.sessions.count() == 0


def test_an_item_of_several_messages_is_one_item(memory, log):
    log.add([item({"n": 1}, "one"), item({"n": 2}, "two", "three", "four")])

    assert log.values(1) == [{"n": 2}]
    assert log.pop() == {"n": 2}
    assert [each.content for each in memory.messages.list().items] == ["one"]


def test_the_session_is_titled_and_has_its_project(log):
    log.add([item({"n": 1}, "which port?\nsoon")])

    session = log.session()
    assert (session.title, session.project, session.source.external_id) == ("which port?", "web/api", "user-7")


def test_a_first_item_makes_its_session_and_a_later_one_its_title(memory, log):
    log.add([Item({"n": 1}, [MessageRecord("s", None, "assistant", [])])])
    assert log.session().title is None

    log.add([item({"n": 2}, "which port?")])

    assert log.session().title == "which port?"


def test_a_session_that_cannot_be_filled_is_not_made(memory, log):
    with pytest.raises(UnknownRecord):
        log.add([replace(item({"n": 1}, "one"), parent_id="nowhere")])

    assert memory.sessions.count() == 0


def test_what_others_write_into_the_session_is_passed_over(memory, log):
    log.add([item({"n": 1}, "one")])
    memory.messages.append(log.session_id, role="user", content="a note of a person's")

    assert log.values() == [{"n": 1}]
    assert log.pop() == {"n": 1}
    assert memory.messages.count() == 1


def test_another_framework_has_another_conversation(memory, log):
    log.add([item({"n": 1}, "one")])

    assert ItemLog(memory, "another", ["user-7"]).values() == []
    assert ItemLog(memory, "some-framework", ["user", "7"]).values() == []


def test_items_are_put_in_place_of_all_others_and_the_title_stays(log):
    log.add([item({"n": 1}, "one"), item({"n": 2}, "two")])
    log.replace([item({"n": 3}, "three")])

    assert log.values() == [{"n": 3}]
    assert (log.session().title, log.session().project) == ("one", "web/api")


def test_what_a_person_did_with_a_session_stays_when_its_items_are_replaced(memory, log):
    log.add([item({"n": 1}, "one")])
    memory.sessions.update(log.session_id, title="Ports", tags=["important"])

    log.replace([item({"n": 2}, "two")])
    assert (log.session().title, log.session().tags, log.session().project) == ("Ports", ["important"], "web/api")

    log.clear()
    log.add([item({"n": 3}, "three")])
    assert (log.session().title, log.session().tags) == ("three", [])


def test_a_session_that_was_deleted_is_not_replaced(memory, log):
    log.add([item({"n": 1}, "one")])
    memory.sessions.delete(log.session_id)

    with pytest.raises(InvalidInput, match="was deleted; restore it"):
        log.replace([item({"n": 2}, "two")])

    memory.sessions.restore(log.session_id)
    assert log.values() == [{"n": 1}]


@pytest.mark.parametrize("depth", [*range(90, 104), 400])
def test_a_value_of_any_depth_comes_back(depth, log):
    value = json.loads('{"a":' * depth + "1" + "}" * depth)
    call = {"type": "tool_call", "id": "c", "input": value}
    record = MessageRecord("s", None, "assistant", [{"type": "text", "id": "0", "text": "one"}, call], tool_call=call)

    log.add([Item(value, [record]), Item("a text", [record])])

    assert log.values() == [value, "a text"]
    assert [each.content for each in log.memory.messages.list().items] == ["one", "one"]


def test_items_go_with_an_export(tmp_path, log):
    values = [{"n": 1, "deep": [{"a": None}]}, {"n": 10**25}, {"s": "\ud83d alone"}]
    log.add(item(value, f"number {at}", key=str(at)) for at, value in enumerate(values))
    log.memory.export(tmp_path / "all.jsonl")

    with Memory.open(tmp_path / "other") as other:
        other.load(tmp_path / "all.jsonl")
        there = ItemLog(other, "some-framework", ["user-7"])
        assert [json.dumps(each) for each in there.values()] == [json.dumps(each) for each in values]
        assert there.add([item({"n": 1}, "number 0", key="0")]) == []


def test_a_conversation_that_was_cleared_and_begun_anew_is_whole(tmp_path, log):
    log.add([item({"n": 1}, "one", key="1")])
    log.clear()
    log.add([item({"n": 2}, "two", key="1")])

    assert log.memory.doctor().ok
    log.memory.export(tmp_path / "all.jsonl")
    with Memory.open(tmp_path / "other") as other:
        other.load(tmp_path / "all.jsonl")
        assert ItemLog(other, "some-framework", ["user-7"]).values() == [{"n": 2}]
        assert other.doctor().ok


def test_what_a_person_forgets_is_not_given_back(memory, log):
    log.add([item({"said": "the key is under the fern"}, "the key is under the fern"), item({"n": 2}, "two")])

    memory.forget(query="fern")

    assert log.values() == [{"n": 2}]


def test_what_a_person_deletes_and_restores_is_there_again(memory, log):
    log.add([item({"n": 1}, "one"), item({"n": 2}, "two")])
    first = memory.messages.list().items[0]
    memory.messages.delete(first.id)
    assert log.values() == [{"n": 2}]

    memory.messages.restore(first.id)

    assert log.values() == [{"n": 1}, {"n": 2}]


def test_secrets_that_were_kept_before_are_taken_out_of_items_too(tmp_path):
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    with Memory.open(tmp_path / "store", redact=False) as memory:
        log = ItemLog(memory, "some-framework", ["user-7"])
        log.add([item({"n": 10**25, "key": secret}, "first"), item({"key": secret}, "second")])
        assert secret in str(log.values())

    with Memory.open(tmp_path / "store") as memory:
        memory.redact()
        assert secret not in str(ItemLog(memory, "some-framework", ["user-7"]).values())


def test_a_value_without_a_json_form_is_refused_before_anything_is_written(memory, log):
    with pytest.raises(InvalidInput, match="the item has no JSON form"):
        log.add([item({"n": 1}, "one"), item({"n": object()}, "two")])

    assert memory.sessions.count() == 0


@pytest.mark.parametrize("adapter", MODULES)
def test_a_missing_framework_says_what_to_install(adapter, monkeypatch):
    module, package = MODULES[adapter]
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"memory.adapters.{adapter}", raising=False)

    with pytest.raises(ModuleNotFoundError, match=f"is not installed; `pip install {package}`"):
        importlib.import_module(f"memory.adapters.{adapter}")
