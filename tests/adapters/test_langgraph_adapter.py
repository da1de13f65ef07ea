"""LangGraph's store: beside their own in memory on the same operations, and in a compiled graph."""

import asyncio
import threading
from typing import TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Memory

pytest.importorskip("langgraph", reason="needs `make frameworks`")
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from memory.adapters.langgraph import HarkbackStore

NAMESPACES = [("a",), ("a", "b"), ("a", "b", "c"), ("a/b",), ("ab",), ("b", "a"), ("a", "%2F")]
VALUES = [{}, {"n": 1, "t": "x"}, {"n": 2.5, "t": "y", "deep": {"n": 1}}, {"n": 10**30}, {"l": [1, 2]}, {"t": None}]
FILTERS = [None, {"t": "x"}, {"n": 1}, {"n": {"$ne": 1}}, {"deep": {"n": 1}}, {"l": [1, 2]}, {"t": {"$eq": "y"}}, {}]
CONDITIONS = [
    (),
    (MatchCondition("prefix", ("a",)),),
    (MatchCondition("suffix", ("b",)),),
    (MatchCondition("prefix", ("*", "b")), MatchCondition("suffix", ("*", "c"))),
]
namespace, key = st.sampled_from(NAMESPACES), st.sampled_from(["k", "l", ""])
operation = st.one_of(
    st.tuples(namespace, key, st.sampled_from([*VALUES, None])).map(lambda each: PutOp(*each)),
    st.tuples(namespace, key).map(lambda each: GetOp(*each)),
    st.tuples(st.sampled_from([(), *NAMESPACES, ("none",)]), st.sampled_from(FILTERS), st.just(1000)).map(
        lambda each: SearchOp(*each)
    ),
    st.tuples(st.sampled_from(CONDITIONS), st.sampled_from([None, 1, 2]), st.just(1000)).map(
        lambda each: ListNamespacesOp(*each)
    ),
)


@pytest.fixture
def store(memory):
    return HarkbackStore(memory)


def plain(op, answer):
    if isinstance(op, SearchOp):
        return sorted((each.namespace, each.key, repr(each.value)) for each in answer)
    if isinstance(op, GetOp) and answer is not None:
        return (answer.namespace, answer.key, repr(answer.value))
    return answer


def without_empty(store, op):
    """Their store lists a namespace when all of it was deleted, or it was only asked for: those of databases do not."""
    held = InMemoryStore()
    for each in store.search((), limit=1000):
        held.put(each.namespace, each.key, each.value)
    return held.batch([op])[0]


@given(batches=st.lists(st.lists(operation, max_size=4), max_size=8))
@settings(max_examples=40, deadline=None)
def test_it_answers_as_their_own_store_does(batches, tmp_path_factory):
    theirs = InMemoryStore()
    with Memory.open(tmp_path_factory.mktemp("store")) as memory:
        ours = HarkbackStore(memory)
        for ops in batches:
            named = [without_empty(theirs, op) if isinstance(op, ListNamespacesOp) else None for op in ops]
            wanted = [plain(op, each) for op, each in zip(ops, theirs.batch(ops), strict=True)]
            wanted = [each if name is None else name for each, name in zip(wanted, named, strict=True)]
            assert [plain(op, each) for op, each in zip(ops, ours.batch(ops), strict=True)] == wanted


class Asked(TypedDict):
    asked: str
    known: list[str]


def test_a_compiled_graph_remembers(store):
    def answer(state: Asked, runtime: Runtime) -> Asked:
        known = [each.value["text"] for each in runtime.store.search(("users", "ada"), query=state["asked"], limit=1)]
        runtime.store.put(("users", "ada"), state["asked"], {"text": f"asked: {state['asked']}"})
        return {"known": known}

    graph = StateGraph(Asked).add_node("answer", answer).add_edge(START, "answer").add_edge("answer", END)
    compiled = graph.compile(store=store)

    assert isinstance(store, BaseStore)
    assert compiled.invoke({"asked": "which tea does Ada drink?"})["known"] == []
    assert compiled.invoke({"asked": "tea for Ada"})["known"] == ["asked: which tea does Ada drink?"]
    known = asyncio.run(compiled.ainvoke({"asked": "her tea again"}))["known"]
    assert known
    assert known[0].startswith("asked: ")


def test_a_query_looks_at_its_namespace_before_the_best_are_taken(store):
    puts = [
        PutOp(("users", "bob"), str(at), {"text": f"the garden gate is red, painted {at} times"}) for at in range(300)
    ]
    store.batch([*puts, PutOp(("users", "ada"), "gate", {"text": "Ada keeps the gate closed"})])

    found = store.search(("users", "ada"), query="the red garden gate", limit=3)

    assert [each.value["text"] for each in found] == ["Ada keeps the gate closed"]
    assert found[0].score > 0


def test_a_filter_and_a_query_together_miss_nothing(store):
    puts = [PutOp(("notes",), str(at), {"text": f"tea {at}", "year": at}) for at in range(260)]
    store.batch(puts)

    found = store.search(("notes",), query="tea", filter={"year": {"$lt": 5}}, limit=10)

    assert sorted(each.value["year"] for each in found) == [0, 1, 2, 3, 4]


def test_fields_say_what_is_found(store):
    store.put(("notes",), "one", {"title": "harbour", "body": "a red crane"}, index=["title"])
    store.put(("notes",), "two", {"title": "harbour", "body": "a red crane"}, index=False)

    [first, second] = store.search(("notes",), query="harbour")

    assert (first.key, second.key, second.score) == ("one", "two", None)
    assert first.score > 0


def test_items_are_found_as_learnings_and_offered_to_nobody_unasked(memory, store):
    store.put(("users", "ada"), "tea", {"text": "Ada drinks Assam"})

    [hit] = memory.search("who drinks Assam?", kind="learning", project="langgraph/users").hits

    assert (hit.category, hit.project) == ("langgraph", "langgraph/users/ada")
    assert hit.trust < 0.4


def test_a_change_keeps_when_it_was_made(store):
    store.put(("users",), "tea", {"text": "Assam"})
    before = store.get(("users",), "tea")
    store.put(("users",), "tea", {"text": "Darjeeling"})

    after = store.get(("users",), "tea")

    assert after.value == {"text": "Darjeeling"}
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at


def test_what_is_deleted_leaves_nothing(memory, store):
    store.put(("users", "ada"), "tea", {"text": "Ada drinks Assam"})
    store.delete(("users", "ada"), "tea")

    assert memory.search("Assam", min_score=0).hits == []
    assert memory.projects.find("langgraph/users/ada") is None
    assert store.list_namespaces() == []


def test_an_item_that_was_deleted_by_hand_can_be_put_again(memory, store):
    store.put(("users",), "tea", {"text": "Assam"})
    memory.learnings.delete(memory.learnings.list().items[0].id)
    assert store.get(("users",), "tea") is None

    store.put(("users",), "tea", {"text": "Darjeeling"})

    assert store.get(("users",), "tea").value == {"text": "Darjeeling"}


def test_two_stores_share_nothing(memory, store):
    other = HarkbackStore(memory, project="elsewhere")
    other.put(("users",), "tea", {"text": "Assam"})

    assert store.get(("users",), "tea") is None
    assert store.search(("users",), query="Assam") == []


def test_a_store_whose_project_lies_below_another_shares_nothing_with_it(memory, store):
    inner = HarkbackStore(memory, project="langgraph/users")
    for at in range(3):
        store.put(("users", "ada"), f"outer {at}", {"text": "Assam"})
        inner.put(("ada",), f"inner {at}", {"text": "Assam"})

    assert store.list_namespaces() == [("users", "ada")]
    assert inner.list_namespaces() == [("ada",)]
    assert len(store.search((), query="Assam")) == len(inner.search((), query="Assam")) == 3
    assert {each.key for each in store.search(("users",))} == {"outer 0", "outer 1", "outer 2"}


def test_the_last_changed_come_first_and_pages_of_them_miss_none(store):
    store.batch([PutOp(("notes",), str(at), {"n": at}) for at in range(450)])
    store.put(("notes",), "7", {"n": 7})

    pages = [store.search(("notes",), limit=100, offset=offset) for offset in range(0, 500, 100)]

    keys = [each.key for page in pages for each in page]
    assert keys[:2] == ["7", "449"]
    assert sorted(keys, key=int) == [str(at) for at in range(450)]
    assert [each.key for each in store.search(("notes",), filter={"n": {"$lt": 3}})] == ["2", "1", "0"]


def test_an_item_whose_key_is_taken_for_a_secret_is_found(store):
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    store.put(("users",), secret, {"text": "Assam"})

    [found] = store.search(("users",))

    assert store.get(("users",), secret).key == found.key
    assert found.key.startswith("[redacted:")


def test_threads_put_one_item_and_many(tmp_path):
    def put(number):
        with Memory.open(tmp_path / "store") as memory:
            store = HarkbackStore(memory)
            for at in range(10):
                store.put(("shared",), "one", {"by": number, "at": at})
                store.put(("own", str(number)), str(at), {"at": at})

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Memory.open(tmp_path / "store") as memory:
        store = HarkbackStore(memory)
        assert store.get(("shared",), "one").value["at"] == 9
        assert len(store.search(("own",), limit=100)) == 40
        assert len(store.list_namespaces()) == 5


def test_bad_input_is_refused_with_their_errors(store):
    with pytest.raises(InvalidNamespaceError):
        store.batch([PutOp(("a.b",), "k", {"t": "x"})])
    with pytest.raises(NotImplementedError, match="TTL is not supported"):
        store.put(("a",), "k", {"t": "x"}, ttl=5)
    with pytest.raises(NotImplementedError, match="do not expire"):
        store.batch([PutOp(("a",), "k", {"t": "x"}, ttl=5)])
    with pytest.raises(ValueError, match="the item has no JSON form"):
        store.put(("a",), "k", {"t": object()})
    with pytest.raises(ValueError, match="has a lone surrogate, which no name can have"):
        store.put(("a", "\ud800"), "k", {"t": 1})
    assert store.search(("a", "\ud800")) == []
    store.put(("a",), "k", {"t": 1})
    with pytest.raises(ValueError, match=r"'\$in' is no operator of a filter"):
        store.search(("a",), filter={"t": {"$in": [1]}})
    assert store.search(("a",), filter={"missing": {"$gt": 1}}) == []
