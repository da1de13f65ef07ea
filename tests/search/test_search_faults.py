"""What searches must not do: answer twice, fail beside saves, wait again and again, lose what stands behind duplicates."""

import threading

import numpy as np
import pytest
from older_stores import back_to

from indexers.embedders import open_embedder
from indexers.errors import EmbedderError
from memory import Memory
from memory.search.request import request_of
from memory.store import store as store_module


def ids(memory: Memory, query: str, **arguments) -> list[str]:
    return [hit.id for hit in memory.search(query, **arguments).hits]


def test_the_schema_is_that_of_the_last_migration():
    folder = store_module.Path(store_module.__file__).parent / "migrations"
    assert max(int(path.name[:4]) for path in folder.glob("*.sql")) == store_module.SCHEMA_VERSION


def test_a_store_from_before_tokens_were_kept_is_searched_and_written(tmp_path):
    with Memory.open(tmp_path / "s") as memory:
        session = memory.sessions.create(title="tea")
        first = memory.messages.append(session.id, role="user", content="the kettle whistles at noon")
        back_to(memory, 2)
    with Memory.open(tmp_path / "s") as memory:
        second = memory.messages.append(session.id, role="user", content="the samovar hums")
        result = memory.search("kettle at noon")
        assert result.hits[0].id == first.id
        assert [leg.fault for leg in result.legs if leg.fault] == []
        assert ids(memory, "samovar")[0] == second.id


def test_each_record_comes_once_where_no_word_can_be_compared(memory, session):
    key = "x9" * 80
    said = [memory.messages.append(session.id, role="user", content=f"{key} number {number}") for number in range(3)]
    learned = memory.learnings.add("fact", f"the key is {key}")

    found = memory.search(key, fold=False, min_score=0).hits

    assert sorted(hit.id for hit in found) == sorted([*(each.id for each in said), learned.id])
    assert {hit.count for hit in found} == {1}


def test_a_search_goes_on_when_others_save_and_search_after_it_began(memory, session):
    for number in range(40):
        memory.messages.append(session.id, role="user", content=f"the kettle number {number} whistles")
    memory.search("kettle")
    finder, failed = memory._searcher.finder, []

    def others() -> None:
        try:
            for number in range(40):
                memory.messages.append(session.id, role="user", content=f"a later kettle {number} whistles")
            memory.catch_up()
            memory.search("kettle whistles")
        except Exception as error:  # noqa: BLE001 - it is looked at below
            failed.append(error)

    request = request_of("kettle whistles", {"fold": False})
    with memory.store.snapshot():
        conditions = memory._searcher._conditions(request)
        memory.store.changes.last_seq()
        thread = threading.Thread(target=others)
        thread.start()
        thread.join()
        legs, candidates, _ = finder.find(request, conditions)

    assert failed == []
    assert [leg.fault for leg in legs.values()] == [None] * len(legs)
    assert candidates
    assert max(each.number for each in candidates if each.kind == "message") <= 40


def test_a_title_that_holds_one_word_of_many_is_no_answer(memory):
    memory.sessions.create(title="Kitchen garden plan")
    for number in range(20):
        memory.sessions.create(title=f"Pin dependency {number}")

    assert memory.search("what is the capital of garden mongolia zebra quantum", mode="title").abstained
    one, both = (memory.search(query, mode="title").hits[0].score for query in ("garden", "kitchen garden plan"))
    assert 0.1 < one <= both <= 0.96


def test_titles_of_pairs_of_characters_are_not_lost_behind_messages(memory, session):
    memory.messages.append_many(session.id, [{"role": "user", "content": f"东京 {number}"} for number in range(300)])
    titled = memory.sessions.create(title="关于东京的旅行计划")

    assert ids(memory, "东京", mode="title") == [titled.id]
    assert ids(memory, "东京", kind="session", mode="keyword") == [titled.id]


def test_what_says_the_same_many_times_hides_nothing(memory, session):
    same = [{"role": "user", "content": "please restart the redis server now"}] * 200
    memory.messages.append_many(session.id, same)
    other = memory.messages.append(
        session.id, role="user", content="the server of the post office wants a restart, not redis"
    )

    hits = memory.search("restart redis server").hits

    assert [hit.count for hit in hits] == [200, 1]
    assert hits[1].id == other.id


def test_as_of_a_day_ends_before_the_next(memory):
    first = memory.learnings.add("fact", "the heron nests in April", valid_from="2024-03-01T00:00:00Z")
    second = memory.learnings.add("fact", "the heron nests in June", valid_from="2024-09-02T00:00:00Z")
    memory.learnings.supersede(first.id, by=second.id)

    assert ids(memory, "heron nests", as_of="2024-09-01") == [first.id]
    assert ids(memory, "heron nests", as_of="2024-09-02") == [second.id]


@pytest.mark.parametrize("name", ["static.x", "../x", "", "..", "__init__"])
def test_a_name_that_is_no_embedder_is_said(name):
    with pytest.raises(EmbedderError, match="no embedder is called"):
        open_embedder(name)


def test_an_embedder_that_fails_is_left_alone_for_a_while(memory, session, monkeypatch):
    memory.messages.append(session.id, role="user", content="the kettle whistles")
    asked = []

    class Failing:
        model, dim = memory._embedders.answering().model, 256

        def embed(self, texts):
            asked.extend(texts)
            raise EmbedderError("the server is down; start it")

    monkeypatch.setattr(memory._embedders, "answering", Failing)
    for query in ("kettle one", "kettle two", "kettle three"):
        result = memory.search(query)
        assert [leg.fault for leg in result.legs if leg.name == "semantic"] == ["the server is down; start it"]
        assert result.hits
    assert len(asked) == 1
    monkeypatch.undo()
    assert not any(leg.fault for leg in memory.search("kettle", mode="keyword").legs)
    assert np.isfinite(memory.search("kettle", mode="keyword").hits[0].score)
