"""What is special about the documents of older designs."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from memory import Memory
from memory.importers import chatlogs, importer_of, importers, openai_chat
from memory.importers.chatlogs.shapes import plain
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_PERSON,
    Item,
    Mark,
    MessageRecord,
    Problem,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source

DATA = Path(__file__).parent.parent / "data" / "chatlogs"
TEA = "65a000000000000000000001"
PAIRS = "65a000000000000000000002"


def read(name: str) -> list[Item]:
    return list(chatlogs.read(Source(DATA / name)))


def read_json(path: Path, document: object) -> list[Item]:
    path.write_text(json.dumps(document))
    return list(chatlogs.read(Source(path)))


def keys(items: list[Item], session: str) -> list[str | None]:
    return [message.key for message in messages(items, session)]


def settings(items: list[Item]) -> dict[str, object]:
    (found,) = [item for item in items if isinstance(item, SessionRecord) and item.title == "Chat settings"]
    return found.metadata


def said(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


def messages(items: list[Item], session: str) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord) and item.session_key == session]


def session(items: list[Item], key: str) -> SessionRecord:
    return next(item for item in items if isinstance(item, SessionRecord) and item.key == key)


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return read("sessions.json")


@pytest.fixture(scope="module")
def lines() -> list[Item]:
    return read("lines.jsonl")


@pytest.fixture(scope="module")
def threads() -> list[Item]:
    return read("threads.json")


def test_a_session_has_what_its_document_says(items: list[Item]) -> None:
    tea = session(items, TEA)

    assert (tea.title, tea.title_authority, tea.participants) == ("Tea round", TITLE_PERSON, ["Ada", "Kettle"])
    assert (tea.state, tea.metadata["settings"]["tone"]) == ("active", "dry")
    assert tea.created_at is not None


def test_who_speaks_is_told_by_the_participants(items: list[Item]) -> None:
    asked, answered, told = messages(items, TEA)

    assert [(each.role, each.sender_id) for each in (asked, answered, told)] == [
        ("user", "Ada"),
        ("assistant", "Kettle"),
        ("system", None),
    ]
    assert (answered.parent_key, answered.model) == (asked.key, "boil-1")
    assert told.created_at is not None
    assert told.created_at.isoformat() == "2024-03-01T10:03:00+00:00"


def test_a_brain_is_a_session_whose_memories_can_be_found(items: list[Item]) -> None:
    brain = session(items, "brain:kettle")
    strong, lid = messages(items, "brain:kettle")

    assert (brain.title, brain.model, brain.metadata["kind"]) == ("Kettle", "boil-1", "brain")
    assert (brain.system_prompt, brain.parent_key) == ("You are a kettle.", TEA)
    assert (strong.role, strong.parts[0]["text"]) == ("system", "Ada takes it strong.")
    assert lid.metadata == {"origin": "synthetic", "native": {"weight": 2}}


def test_a_prompt_with_its_response_is_two_messages(items: list[Item]) -> None:
    asked, answered = messages(items, PAIRS)

    assert (asked.role, asked.parts[0]["text"], answered.parent_key) == ("user", "How long?", asked.key)
    assert (answered.parts[0]["text"], answered.model) == ("Four minutes.", "steep-1")
    assert (answered.tokens_in, answered.tokens_out) == (3, 4)


@pytest.mark.parametrize("name", ["sessions.json", "lines.jsonl", "threads.json"])
def test_no_secret_reaches_a_record(name: str) -> None:
    assert "in-clear" not in json.dumps([asdict(item) for item in read(name)], default=str)


def test_what_is_no_entry_is_kept_with_its_session(items: list[Item]) -> None:
    kept = [item.metadata for item in items if isinstance(item, SessionRecord) and item.key == TEA]

    assert {"unknown_records": [{"odd": True}]} in kept


def test_logs_beside_sessions_are_joined_by_ids(lines: list[Item]) -> None:
    asked, answered, result = messages(lines, "s-1")

    assert (asked.role, asked.sender_id, answered.role) == ("user", "ada", "assistant")
    assert (answered.parts[1]["input"], result.parts[0]["text"]) == ({"what": "vinegar"}, "shelf 2")
    assert session(lines, "s-1").title == "Scale"


def test_equal_entries_without_ids_are_two_messages(lines: list[Item]) -> None:
    first, second, answer = messages(lines, "s-2")

    assert first.parts == second.parts
    assert first.key != second.key
    assert [part["type"] for part in answer.parts] == ["reasoning", "text"]
    titles = [item for item in lines if isinstance(item, SessionRecord) and item.key == "s-2" and item.title]
    assert [(each.title, each.title_authority) for each in titles] == [("yes", TITLE_FIRST_PROMPT)]


def test_messages_beside_threads_are_theirs(threads: list[Item]) -> None:
    asked, answered = messages(threads, "t1")

    assert (session(threads, "t1").title, session(threads, "t1").metadata["isPinned"]) == ("Mugs", True)
    assert (asked.attachments[0].media_type, answered.parent_key) == ("image/png", asked.key)


def test_a_parent_that_comes_later_is_only_told(threads: list[Item]) -> None:
    asked, counted = messages(threads, "t2")

    assert (asked.parent_key, asked.metadata["native"]["parent_id"]) == (None, "t2:d")
    assert (counted.tool_name, counted.tool_result) == ("count", {"call_id": "c9", "is_error": False})


def test_settings_are_kept(threads: list[Item]) -> None:
    assert settings(threads) == {"kind": "workspace", "settings": {"theme": "light", "accessToken": "[left out]"}}


def test_threads_and_messages_by_ids_are_read() -> None:
    items = read("threads.jsonl")

    assert [message.parts[0]["text"] for message in messages(items, "t3")] == ["Plates?", "Eight."]
    assert [message.key for message in messages(items, "t4")] == ["t4:g", "t4:h"]


def test_extended_json_is_what_it_stands_for() -> None:
    given = {"a": {"$oid": "x"}, "b": {"$date": {"$numberLong": "5"}}, "c": [{"$numberInt": "3"}], "d": {"$other": 1}}

    assert plain(given) == {"a": "x", "b": 5, "c": [3], "d": {"$other": 1}}


@pytest.mark.parametrize(
    "content",
    [
        '{"messages": [{"role": "user", "content": "hello"}]}\n',
        '{"id": "x", "messages": [{"role": "user", "content": "hello"}]}\n',
        '{"sessionId": "x", "type": "user", "message": {"role": "user", "content": "hello"}}\n',
        '{"id": "x", "name": "a list", "items": [1, 2]}\n',
    ],
)
def test_other_programs_lines_are_not_recognised(content: str, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(content)

    assert not chatlogs.recognises(Sample(path))


def test_a_log_with_ids_and_times_is_not_openais() -> None:
    assert not openai_chat.recognises(Sample(DATA / "threads.jsonl"))


def test_a_document_of_no_kind_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text((DATA / "lines.jsonl").read_text() + '{"a": 1}\n')

    assert [item.line for item in chatlogs.read(Source(path)) if isinstance(item, Problem)] == [8]


def test_a_message_without_an_id_is_the_same_whatever_sessions_are_before_it(tmp_path: Path) -> None:
    cups, lids = ({"id": name, "title": name, "messages": said("how many?", "ok")} for name in ("cups", "lids"))
    once = read_json(tmp_path / "once.json", [cups, lids])

    again = read_json(tmp_path / "again.json", [{"id": "pans", "messages": said("pans?")}, lids, cups])

    assert [keys(again, name) for name in ("cups", "lids")] == [keys(once, name) for name in ("cups", "lids")]
    assert not {*keys(once, "cups")} & {*keys(once, "lids")}


def test_an_edited_message_leaves_those_behind_it_as_they_are(tmp_path: Path) -> None:
    once = read_json(tmp_path / "once.json", [{"id": "g", "messages": said("one", "tow", "ok", "ok")}])

    again = read_json(tmp_path / "again.json", [{"id": "g", "messages": said("zero", "one", "two", "ok", "ok")}])

    assert len({*keys(once, "g")}) == 4
    assert len({*keys(again, "g")} - {*keys(once, "g")}) == 2


def test_equal_memories_are_of_their_brain(tmp_path: Path) -> None:
    tea = {"model": "boil-1", "memories": ["likes tea"]}

    items = read_json(tmp_path / "brains.json", [{"id": "b1", **tea}, {"id": "b2", **tea}])

    assert keys(items, "brain:b1") != keys(items, "brain:b2")


def test_an_entry_like_one_long_before_a_mark_is_another(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    line = json.dumps({"session_id": "s", "role": "user", "content": "yes"}) + "\n"
    others = "".join(line.replace("yes", str(at)) for at in range(40))
    path.write_text(line + others)
    before = list(chatlogs.read(Source(path)))
    mark = before[-1]
    assert isinstance(mark, Mark)
    path.write_text(line + others + line)

    after = list(chatlogs.read(Source(path, mark.offset, mark.lines, mark.state)))

    assert len({*keys(before, "s"), *keys(after, "s")}) == 42


def test_a_log_without_a_session_is_one_of_its_own_wherever_its_file_is(tmp_path: Path) -> None:
    blue, green = ({"chatLog": [*said("which colour?"), *said(colour)]} for colour in ("blue", "green"))
    first = {item.key for item in read_json(tmp_path / "a.json", blue) if isinstance(item, SessionRecord)}

    moved = {item.key for item in read_json(tmp_path / "b.json", blue) if isinstance(item, SessionRecord)}
    other = {item.key for item in read_json(tmp_path / "c.json", green) if isinstance(item, SessionRecord)}

    assert len(first) == 1
    assert moved == first
    assert not other & first


def test_a_log_without_a_session_that_grew_is_the_same(tmp_path: Path) -> None:
    log = [{"role": "user", "content": "tea?", "timestamp": 1711958580}, *said("yes", "now", "please")]
    once = read_json(tmp_path / "once.json", {"sessions": [{"messages": log[:1]}], "chatLogs": log[:1]})

    again = read_json(tmp_path / "again.json", {"sessions": [{"messages": log}], "chatLogs": log})

    (key,) = {item.session_key for item in (*once, *again) if isinstance(item, MessageRecord)}
    assert len({*keys(again, key)}) == 4


def test_loose_lines_are_of_their_file(tmp_path: Path) -> None:
    lines = json.dumps({"session_id": "s", **said("yes")[0]}) + "\n" + json.dumps(said("no")[0]) + "\n"
    found = []
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(lines)
        found.append({item.key for item in chatlogs.read(Source(tmp_path / name)) if isinstance(item, SessionRecord)})

    assert found[0] & found[1] == {"s"}
    assert len(found[0]) == len(found[1]) == 2


@pytest.mark.parametrize("name", ["thread", "session"])
def test_a_single_thread_has_the_messages_beside_it(name: str, tmp_path: Path) -> None:
    document = {name: {"id": "t6", "title": "Forks"}, "messages": said("Forks?"), "exported": "today"}

    items = read_json(tmp_path / "one.json", document)

    assert (session(items, "t6").title, len(messages(items, "t6"))) == ("Forks", 1)
    assert {item.key for item in items if isinstance(item, SessionRecord)} == {"t6"}
    assert {"exported": "today"} in [item.metadata for item in items if isinstance(item, SessionRecord)]


def test_a_single_brain_is_its_entitys(tmp_path: Path) -> None:
    document = {"entityId": "e1", "brain": {"model": "boil-1", "memories": ["likes tea"]}, "chatLog": said("tea?")}

    items = read_json(tmp_path / "one.json", document)

    assert [message.parts[0]["text"] for message in messages(items, "brain:e1")] == ["likes tea"]
    assert not [item for item in items if isinstance(item, SessionRecord) and item.title == "Chat settings"]


def test_settings_are_those_of_their_file(tmp_path: Path) -> None:
    found = []
    for theme in ("light", "dark"):
        items = read_json(tmp_path / f"{theme}.json", {"threads": [{"id": "t"}], "settings": {"theme": theme}})
        found += [item.key for item in items if isinstance(item, SessionRecord) and item.title == "Chat settings"]

    assert len({*found}) == 2


@pytest.mark.parametrize(
    "document",
    [
        {"thread": {"id": "t1", "title": "Forks"}, "messages": said("Forks?")},
        {"session": {"id": "t1", "messages": said("Forks?")}},
        {"id": "t1", "title": "Forks", "messages": {"a": said("Forks?")[0]}},
        {"brain": {"id": "b", "model": "boil-1", "memories": ["likes tea"]}},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_one_of_a_kind_is_recognised(document: object, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(document, indent=indent))

    assert importer_of(Sample(path)) is chatlogs
    assert [name for name, each in importers().items() if each.recognises(Sample(path))] == ["chatlogs"]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"state": "inactive"}, "inactive"),
        ({"status": "Archived"}, "archived"),
        ({"active": False}, "inactive"),
        ({"isArchived": True, "state": "active"}, "archived"),
        ({"state": "odd"}, None),
    ],
)
def test_a_session_is_in_the_state_that_it_tells(fields: dict[str, object], state: str | None, tmp_path: Path) -> None:
    items = read_json(tmp_path / "one.json", {"id": "s", "participants": [], "chatLogs": said("tea?"), **fields})

    assert session(items, "s").state == state


def test_the_state_of_a_session_is_stored(tmp_path: Path) -> None:
    read_json(tmp_path / "one.json", {"id": "s", "active": False, "chatLogs": said("tea?")})

    with Memory.open(tmp_path / "store") as memory:
        memory.import_(tmp_path / "one.json")

        assert [each.state for each in memory.sessions.list().items] == ["inactive"]
