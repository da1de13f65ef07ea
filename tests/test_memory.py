"""What a program does with a memory, kind by kind."""

from datetime import UTC, datetime, timedelta

import pytest

from memory import Memory
from memory.errors import Conflict, InvalidCursor, InvalidInput, StoreClosed, UnknownRecord
from memory.kinds import kinds


def test_what_was_saved_is_read_back_whole(memory, session):
    at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    parts = [
        {"type": "text", "text": "let us take 8470, nothing uses it"},
        {"type": "tool_call", "name": "Bash", "input": {"command": "ss"}},
    ]

    saved = memory.messages.append(
        session.id, role="assistant", content="let us take 8470, nothing uses it", parts=parts, sender_id="opus",
        created_at=at, metadata={"k": [1, None, "é"]}, tool_name="Bash", tool_call={"call_id": "1"},
    )  # fmt: skip

    read = memory.messages.get(saved.id)
    assert read == saved
    assert (read.seq, read.turn, read.created_at, read.parts, read.metadata) == (1, 1, at, parts, {"k": [1, None, "é"]})


def test_seq_counts_from_one_and_a_turn_is_a_prompt_with_its_answers(memory, session):
    made = memory.messages.append_many(
        session.id, [{"role": role, "content": role} for role in ("user", "assistant", "tool", "user", "assistant")]
    )

    assert [(each.seq, each.turn) for each in made] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)]
    assert memory.sessions.get(session.id).message_count == 5


def test_append_many_is_all_or_nothing(memory, session):
    with pytest.raises(InvalidInput, match="role"):
        memory.messages.append_many(
            session.id, [{"role": "user", "content": "kept?"}, {"role": "robot", "content": "x"}]
        )

    assert memory.messages.list(session.id).items == []


def test_the_same_id_and_content_is_saved_once_and_other_content_is_an_edit(memory, session):
    for content in ("port 8000", "port 8000", "port 8470"):
        memory.messages.append(session.id, role="user", content=content, id="m1")

    assert memory.messages.get("m1").content == "port 8470"
    assert [each.content for each in memory.messages.versions("m1")] == ["port 8000"]
    assert memory.sessions.get(session.id).message_count == 1


def test_an_id_of_another_session_is_a_conflict(memory, session):
    memory.messages.append(session.id, role="user", content="a", id="m1")
    other = memory.sessions.create(title="other")

    with pytest.raises(Conflict):
        memory.messages.append(other.id, role="user", content="a", id="m1")


def test_parts_without_text_leave_the_content(memory, session):
    id = memory.messages.append(session.id, role="assistant", content="let us take 8470").id

    changed = memory.messages.update(id, parts=[{"type": "tool_call", "id": "c1", "name": "read_notes"}])

    assert (changed.content, len(changed.parts)) == ("let us take 8470", 1)
    assert [hit.id for hit in memory.search("take 8470").hits] == [id]
    assert memory.messages.update(id, parts=[{"type": "text", "id": "t", "text": "or 9000"}]).content == "or 9000"
    assert memory.messages.update(id, content="", parts=changed.parts).content == ""


def test_an_edit_is_found_by_its_new_words_only(memory, session):
    saved = memory.messages.append(session.id, role="user", content="the kettle whistles")
    memory.messages.update(saved.id, content="the samovar hums")

    assert [hit.id for hit in memory.search("samovar", mode="keyword").hits] == [saved.id]
    assert memory.search("kettle", mode="keyword").hits == []


def test_a_page_has_fifty_items_and_a_cursor_that_reaches_them_all(memory, session):
    memory.messages.append_many(session.id, [{"role": "user", "content": f"number {i}"} for i in range(120)])

    seen, cursor = [], None
    while True:
        page = memory.messages.list(session.id, cursor=cursor)
        seen += [each.seq for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == list(range(1, 121))
    assert len(memory.messages.list(session.id).items) == 50
    assert len(memory.messages.list(session.id, limit=1000).items) == 120


def test_a_cursor_of_another_list_is_refused(memory, session):
    memory.messages.append_many(session.id, [{"role": "user", "content": f"number {i}"} for i in range(3)])
    cursor = memory.messages.list(session.id, limit=1).next_cursor

    for wrong in (cursor, "nonsense", "e30"):
        with pytest.raises(InvalidCursor):
            memory.sessions.list(cursor=wrong)


def test_sessions_come_last_spoken_in_first_and_pages_do_not_repeat(memory):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for i in range(7):
        made = memory.sessions.create(title=f"s{i}", created_at=start)
        memory.messages.append(made.id, role="user", content="x", created_at=start + timedelta(days=(i * 3) % 7))

    first = memory.sessions.list(limit=4)
    titles = [each.title for each in first.items + memory.sessions.list(limit=4, cursor=first.next_cursor).items]

    assert titles == [f"s{i}" for i in sorted(range(7), key=lambda i: -((i * 3) % 7))]


def test_projects_nest_and_a_filter_includes_children(memory):
    inner = memory.sessions.create(title="inner", project="web/api")
    outer = memory.sessions.create(title="outer", project="web")
    memory.sessions.create(title="other", project="webshop")

    assert {each.id for each in memory.sessions.list(project="web").items} == {inner.id, outer.id}
    assert [each.id for each in memory.sessions.list(project="web/api").items] == [inner.id]
    assert memory.sessions.list(project="unknown").items == []
    assert inner.project == "web/api"


def test_a_project_is_found_by_its_aliases_and_deleting_it_deletes_what_is_below(memory):
    inner = memory.sessions.create(title="inner", project="web/api")
    memory.projects.add_alias("web", "frontend")

    assert [each.id for each in memory.sessions.list(project="frontend").items] == [inner.id]
    memory.projects.delete(memory.projects.find("web").id)
    assert memory.sessions.get(inner.id) is None
    assert memory.projects.find("web/api") is None


def test_a_fork_reads_what_came_before_it_and_goes_on(memory, session):
    made = memory.messages.append_many(session.id, [{"role": "user", "content": f"m{i}"} for i in range(4)])
    fork = memory.sessions.fork(session.id, at=made[1].id, title="another way")
    memory.messages.append(fork.id, role="user", content="mine")
    again = memory.sessions.fork(fork.id, at=made[0].id)

    said = [(each.content, each.seq) for each in memory.messages.list(fork.id).items]
    assert said == [("m0", 1), ("m1", 2), ("mine", 3)]
    assert [each.content for each in memory.sessions.get(again.id, messages=True).messages] == ["m0"]
    assert len(memory.messages.list(session.id).items) == 4


def test_a_fork_at_a_message_of_another_session_is_refused(memory, session):
    other = memory.sessions.create()
    made = memory.messages.append(other.id, role="user", content="x")

    with pytest.raises(InvalidInput):
        memory.sessions.fork(session.id, at=made.id)
    with pytest.raises(UnknownRecord):
        memory.sessions.fork(session.id, at="nothing")


def test_a_deleted_session_is_gone_with_its_messages_and_comes_back_with_them(memory, session):
    first = memory.messages.append(session.id, role="user", content="the kettle whistles")
    second = memory.messages.append(session.id, role="user", content="deleted before")
    memory.messages.delete(second.id)
    memory.catch_up()

    memory.sessions.delete(session.id)
    assert memory.search("kettle").hits == []
    assert memory.messages.get(first.id) is None

    memory.sessions.restore(session.id)
    assert [hit.id for hit in memory.search("kettle").hits] == [first.id]
    assert memory.messages.get(second.id) is None


def test_a_hard_delete_cannot_be_restored(memory, session):
    memory.sessions.delete(session.id, hard=True)

    with pytest.raises(UnknownRecord):
        memory.sessions.restore(session.id)
    with pytest.raises(UnknownRecord):
        memory.sessions.delete(session.id)


def test_around_gives_neighbours_in_order(memory, session):
    made = memory.messages.append_many(session.id, [{"role": "user", "content": f"m{i}"} for i in range(6)])

    near = memory.messages.around(made[3].id, before=2, after=1)

    assert [each.content for each in near] == ["m1", "m2", "m3", "m4"]
    assert [each.content for each in memory.messages.around(made[0].id, before=5, after=0)] == ["m0"]


def test_a_learning_that_is_superseded_was_true_then(memory):
    then, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    old = memory.learnings.add("decision", "the port is 8000", valid_from=then, project="web")
    new = memory.learnings.supersede(old.id, by="the port is 8470", valid_from=later)

    assert [each.id for each in memory.learnings.list().items] == [new.id]
    assert [each.id for each in memory.learnings.list(as_of=datetime(2026, 3, 1, tzinfo=UTC)).items] == [old.id]
    assert [hit.id for hit in memory.search("which port").hits] == [new.id]
    assert [hit.id for hit in memory.search("which port", as_of="2026-03-01").hits] == [old.id]
    assert memory.learnings.get(old.id).superseded_by == new.id
    assert new.project == "web"


def test_relationships_are_walked_both_ways_to_a_depth(memory):
    memory.graph.relate("a.py", "b.py", type="code_code")
    memory.graph.relate("b.py", "docs/adr/7.md", type="code_decision", label="pins")
    memory.graph.relate("docs/adr/7.md", "https://example.org/x", type="decision_prior_art")

    assert memory.graph.neighbours("b.py").refs == {"file:b.py": 0, "file:a.py": 1, "file:docs/adr/7.md": 1}
    assert memory.graph.neighbours("a.py", depth=3).refs["url:https://example.org/x"] == 3
    assert set(memory.graph.neighbours("b.py", types=["code_code"]).refs) == {"file:a.py", "file:b.py"}


def test_a_path_is_a_shortest_way_and_none_is_no_way(memory):
    for a, b in (("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("x", "x")):
        memory.graph.relate(a, b, type="code_code")

    assert [(each.source, each.target) for each in memory.graph.path("c", "a")] in (
        [("b", "c"), ("a", "b")],
        [("c", "d"), ("a", "d")],
    )
    assert memory.graph.path("a", "x") == []
    assert memory.graph.path("a", "a") == []
    assert len(memory.graph.subgraph(["a", "b", "d"]).relationships) == 2


def test_the_same_arrow_is_drawn_once(memory):
    one = memory.graph.relate("a.py", "b.py", type="code_code", label="calls")

    assert memory.graph.relate("file:a.py", "b.py", type="code_code", label="calls").id == one.id
    assert memory.graph.relate("a.py", "b.py", type="code_code", label="imports").id != one.id


def test_a_self_loop_or_a_circle_of_forks_ends(memory):
    memory.graph.relate("a", "a", type="t")
    for i in range(8):
        memory.graph.relate(f"n{i}", f"n{(i + 1) % 8}", type="t")

    assert memory.graph.neighbours("a", depth=6).refs == {"a": 0}
    assert len(memory.graph.neighbours("n0", depth=6).refs) == 8


def test_equal_bytes_are_stored_once(memory, session):
    message = memory.messages.append(session.id, role="user", content="look")
    data = b"tide table\n" * 1000
    for name in ("a.txt", "b.txt"):
        memory.attachments.create(message_id=message.id, name=name, media_type="text/plain", data=data)

    found = memory.messages.get(message.id).attachments
    assert [each.name for each in found] == ["a.txt", "b.txt"]
    assert memory.attachments.data(found[1].id) == data
    assert memory.store.database.row("select count(*), max(length(data)) < 1000 from blob") == (1, 1)


@pytest.mark.parametrize("fields", [{"colour": "red"}, {"title": 7}, {"state": "lost"}, {"id": ""}, {"metadata": []}])
def test_a_field_that_cannot_be_is_refused_with_its_name(memory, fields):
    with pytest.raises(InvalidInput, match=next(iter(fields))):
        memory.sessions.create(**fields)
    assert memory.sessions.list().items == []


@pytest.mark.parametrize("at", ["0000-01-01T00:00:00Z", "not a time", float("nan"), float("inf"), 1e20, "99999-01-01"])
def test_a_time_that_cannot_be_is_refused(memory, at):
    with pytest.raises(InvalidInput, match="created_at"):
        memory.sessions.create(created_at=at)


def test_a_naive_time_is_taken_as_utc(memory):
    made = memory.sessions.create(created_at=datetime(2026, 5, 1, 12))

    assert memory.sessions.get(made.id).created_at == datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "   ", "🙂🙂", "a\x00b", "\u202eevil", "\x1b[31mred", "x" * 70_000, "\ufeffbom"])
def test_odd_text_is_kept_to_the_letter(memory, session, text):
    saved = memory.messages.append(session.id, role="user", content=text)

    assert memory.messages.get(saved.id).content == text
    memory.catch_up()
    memory.search(text)


def test_a_lone_surrogate_is_replaced_and_said(memory, session):
    saved = memory.messages.append(
        session.id, role="user", content="bad \ud800 half", parts=[{"type": "text", "text": "\udfff"}]
    )

    assert saved.content == "bad \ufffd half"
    assert saved.metadata["lossy"] is True


def test_bytes_are_no_text(memory, session):
    with pytest.raises(InvalidInput, match="content"):
        memory.messages.append(session.id, role="user", content=b"bytes")


def test_a_missing_session_or_reference_is_said_and_nothing_is_written(memory):
    with pytest.raises(UnknownRecord, match="session 'nope'"):
        memory.messages.append("nope", role="user", content="x")
    with pytest.raises(UnknownRecord):
        memory.learnings.add("fact", "x", session_id="nope")
    assert memory.learnings.list().items == []


def test_limits_below_one_are_refused(memory):
    for wrong in (0, -1):
        with pytest.raises(InvalidInput, match="limit"):
            memory.search("x", limit=wrong)
        with pytest.raises(InvalidInput, match="limit"):
            memory.sessions.list(limit=wrong)
    with pytest.raises(InvalidInput, match="colour"):
        memory.search("x", colour="red")


def test_a_closed_memory_says_so(tmp_path):
    memory = Memory.open(tmp_path / "store")
    memory.close()
    memory.close()

    with pytest.raises(StoreClosed):
        memory.sessions.list()


def test_workspaces_do_not_see_each_other(tmp_path):
    with Memory.open(tmp_path / "s", workspace="ann") as ann, Memory.open(tmp_path / "s", workspace="bob") as bob:
        mine = ann.sessions.create(id="same", title="ann's kettle")
        bob.sessions.create(id="same", title="bob's kettle")
        ann.messages.append(mine.id, role="user", content="the kettle of ann")
        ann.learnings.add("fact", "kettles whistle", tags=["tea"])

        assert bob.sessions.get("same").title == "bob's kettle"
        for mode in ("hybrid", "keyword", "semantic", "title"):
            assert [hit.session_title for hit in bob.search("kettle", mode=mode).hits if hit.kind != "session"] == []
        assert bob.search("kettle", tag="tea").hits == []
        assert bob.learnings.list().items == []


def test_every_kind_has_a_collection_and_its_verbs(memory):
    for name, kind in kinds().items():
        collection = memory.collection(name)
        assert collection is not None
        assert memory.collection(kind.declaration.plural).kind == name
        for verb in ("create", "get", "list", "update", "delete", "restore"):
            assert callable(getattr(collection, verb))


def test_settings_are_kept_with_the_store(tmp_path):
    with Memory.open(tmp_path / "s") as memory:
        memory.settings.put("theme", {"dark": True})
        memory.settings.put("theme", {"dark": False})
    with Memory.open(tmp_path / "s") as memory:
        assert memory.settings.value("theme") == {"dark": False}
        assert memory.settings.value("nothing", default=7) == 7
        assert memory.settings.unset("theme")
        assert memory.settings.value("theme") is None


def test_changes_are_numbered_in_order(memory, session):
    before = memory.changes()[-1].seq
    saved = memory.messages.append(session.id, role="user", content="x")
    memory.messages.update(saved.id, content="y")
    memory.messages.delete(saved.id)

    found = [(each.kind, each.verb) for each in memory.changes(after=before) if each.kind == "message"]
    assert found == [("message", "create"), ("message", "update"), ("message", "delete")]


def test_sessions_are_listed_by_when_something_was_said_in_them(memory):
    for id, day in (("a", 3), ("b", 4)):
        memory.sessions.create(id=id, created_at=datetime(2026, 1, 1, tzinfo=UTC))
        memory.messages.append(id, role="user", content="tea", created_at=datetime(2026, 3, day, 23, 59, tzinfo=UTC))
    gone = memory.messages.append("a", role="user", content="x", created_at=datetime(2026, 5, 1, tzinfo=UTC))
    memory.messages.delete(gone.id)

    def found(on):
        return {each.id for each in memory.sessions.list(on=on).items}

    assert found("2026-03-03") == {"a"}
    assert found("2026-03") == {"a", "b"}
    assert found("2026-01-01") == found("2026-05-01") == set()
    with pytest.raises(InvalidInput, match="someday"):
        found("someday")


def test_a_window_on_a_session_reads_both_sides_of_a_position(memory):
    memory.sessions.create(id="s")
    memory.messages.append_many("s", [{"role": "user", "content": str(at), "id": f"m{at}"} for at in range(1, 10)])
    memory.messages.delete("m5")
    fork = memory.sessions.fork("s", at="m4")
    memory.messages.append(fork.id, role="user", content="fork", id="f5")

    def seen(session, *place, **sizes):
        return [each.id for each in memory.messages.window(session, *place, **sizes)]

    assert seen("s", 5, before=2, after=2) == ["m3", "m4", "m6", "m7"]
    assert seen("s", 0, after=1) == ["m1"]
    assert seen("s", 2**62, before=2, after=0) == ["m8", "m9"]
    assert seen(fork.id, 4, before=1, after=5) == ["m3", "m4", "f5"]
    with pytest.raises(InvalidInput, match="0 or more"):
        seen("s", 1, before=-1)
    with pytest.raises(UnknownRecord):
        seen("nowhere", 1)


def test_reactions_versions_and_names_of_many_are_read_at_once(memory):
    memory.sessions.create(id="s", title="Tea")
    memory.messages.append_many("s", [{"role": "user", "content": "tea", "id": f"m{at}"} for at in range(3)])
    memory.reactions.create(message_id="m1", type="annotation", value="with milk")
    taken = memory.reactions.create(message_id="m2", type="reaction", value="👍")
    memory.reactions.delete(taken.id)
    memory.messages.update("m0", content="coffee")
    memory.graph.relate("session:s", "kettle.py", type="changes")
    memory.graph.relate("session:s", "cup.py", type="changes")

    assert {id: [each.value for each in some] for id, some in memory.reactions.of(["m0", "m1", "m2"]).items()} == {
        "m1": ["with milk"]
    }
    assert memory.messages.version_counts(["m0", "m1"]) == {"m0": 1}
    assert memory.graph.busiest(1) == ["session:s"]
    assert memory.graph.names(["session:s", "file:cup.py", "session:none"]) == {"session:s": "Tea"}
