"""What every importer promises; one is tested by having a file in `memory/importers/` and samples in `tests/data/`."""

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.importers import Importer, importer_of, importers
from memory.importers.reading.records import AttachmentRecord, Item, Mark, MessageRecord, Problem, SessionRecord
from memory.importers.reading.source import Sample, Source

DATA = Path(__file__).parent.parent / "data"
PARTS = {"text", "reasoning", "tool_call", "tool_result", "image", "file", "patch"}
ROLES = {"user", "assistant", "system", "tool"}
FUZZ = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def samples(*endings: str) -> list[Any]:
    found = []
    for name, importer in importers().items():
        paths = [path for path in sorted((DATA / name).rglob("*")) if path.is_file()]
        belonging = {each for path in paths for each in getattr(importer, "companions", lambda path: ())(path)}
        found += [(name, path) for path in paths if path not in belonging and (not endings or path.suffix in endings)]
    return [pytest.param(importers()[name], path, id=f"{name}-{path.name}") for name, path in found]


every_sample = pytest.mark.parametrize(("importer", "path"), samples())
every_lines = pytest.mark.parametrize(("importer", "path"), samples(".jsonl"))
every_importer = pytest.mark.parametrize("importer", importers().values(), ids=importers())


def read(importer: Importer, path: Path, mark: Mark | None = None) -> list[Item]:
    if mark is None:
        return list(importer.read(Source(path)))
    return list(importer.read(Source(path, mark.offset, mark.lines, json.loads(json.dumps(mark.state)))))


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def problems(items: list[Item]) -> list[Problem]:
    return [item for item in items if isinstance(item, Problem)]


@every_importer
def test_an_importer_has_samples(importer: Importer) -> None:
    assert any(path.is_file() for path in (DATA / importer.FORMAT).rglob("*"))


@every_sample
def test_a_sample_is_recognised_by_its_own_importer_alone(importer: Importer, path: Path) -> None:
    assert [name for name, other in importers().items() if other.recognises(Sample(path))] == [importer.FORMAT]


@every_lines
def test_lines_are_recognised_whatever_the_file_is_called(importer: Importer, path: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "conversations.json"
    renamed.write_bytes(path.read_bytes())

    assert importer_of(Sample(renamed)) is importer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\x00" * 4096,
        b"\x89PNG\r\n\x1a\n\x00\x01",
        b"null",
        b"[1, 2]",
        b'{"a": 1}\n',
        b"\xff\xfe{\x00",
        b"{" * 9000,
    ],
    ids=["empty", "blank", "zeros", "binary", "null", "a list", "a foreign object", "utf-16", "deep"],
)
@every_importer
def test_a_foreign_file_is_not_recognised(importer: Importer, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(content)

    assert not importer.recognises(Sample(path))


@every_sample
def test_a_sample_has_messages_of_sessions_that_were_named_before(importer: Importer, path: Path) -> None:
    items = read(importer, path)
    named: set[str] = set()
    for item in items:
        if isinstance(item, SessionRecord):
            named.add(item.key)
        elif isinstance(item, MessageRecord):
            assert item.session_key in named
    assert messages(items)


@every_sample
def test_messages_are_lossless_json(importer: Importer, path: Path) -> None:
    for message in messages(read(importer, path)):
        assert message.role in ROLES
        assert {part["type"] for part in message.parts} <= PARTS
        assert all(isinstance(attached, AttachmentRecord) for attached in message.attachments)
        kept = [message.parts, message.metadata, message.tool_call, message.tool_result]
        assert json.loads(json.dumps(kept)) == kept


@every_sample
def test_what_nobody_typed_is_never_the_persons(importer: Importer, path: Path) -> None:
    for message in messages(read(importer, path)):
        assert message.role == "system" or "origin" not in message.metadata


@every_sample
def test_times_are_aware(importer: Importer, path: Path) -> None:
    assert all(message.created_at is None or message.created_at.tzinfo for message in messages(read(importer, path)))


@every_sample
def test_the_last_item_is_a_mark_at_the_end(importer: Importer, path: Path) -> None:
    last = read(importer, path)[-1]

    assert isinstance(last, Mark)
    assert last.offset == path.stat().st_size


@pytest.mark.parametrize("every", [1, 3, 7])
@every_sample
def test_reading_on_from_every_mark_is_reading_at_once(
    importer: Importer, path: Path, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hasattr(importer, "MARK_EVERY"):
        monkeypatch.setattr(importer, "MARK_EVERY", every)
    whole = read(importer, path)
    content = [item for item in whole if not isinstance(item, Mark)]

    for at, mark in enumerate(whole):
        if not isinstance(mark, Mark) or (mark.offset == 0 and mark.state.get("whole")):
            continue  # from the latter nothing is gone on from: the source is read anew
        rest = read(importer, path, mark)
        if "since" in mark.state:
            assert all(item in content for item in rest if not isinstance(item, Mark))
        else:
            assert [item for item in whole[:at] + rest if not isinstance(item, Mark)] == content


@every_lines
def test_a_mark_is_small(importer: Importer, path: Path) -> None:
    marks = [item for item in read(importer, path) if isinstance(item, Mark)]

    assert all(len(json.dumps(mark.state)) < 4000 for mark in marks)


@every_lines
def test_a_broken_line_is_one_problem_and_the_rest_is_read(importer: Importer, path: Path, tmp_path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    broken = tmp_path / path.name
    broken.write_bytes(b"".join([*lines[:middle], b'{"type": "user", "mess\n', *lines[middle:]]))

    before, after = read(importer, path), read(importer, broken)

    assert [problem.line for problem in problems(after) if "JSON" in problem.what] == [middle + 1]
    assert [(message.role, message.parts) for message in messages(after)] == [
        (message.role, message.parts) for message in messages(before)
    ]


@every_lines
def test_a_last_line_that_is_being_written_is_left(importer: Importer, path: Path, tmp_path: Path) -> None:
    content = path.read_bytes().rstrip(b"\r\n")
    last_line = content.rfind(b"\n") + 1
    live = tmp_path / path.name
    live.write_bytes(content[: (last_line + len(content)) // 2])

    first = read(importer, live)
    live.write_bytes(content + b"\n")
    mark = first[-1]
    assert isinstance(mark, Mark)
    rest = read(importer, live, mark)

    assert mark.offset == last_line
    assert not [problem for problem in problems(first + rest) if "JSON" in problem.what]
    assert _parts_of(first + rest) == _parts_of(read(importer, live))


def _parts_of(items: list[Item]) -> dict[tuple[str, str | None], list[Any]]:
    """Put messages that were yielded twice together, as the runner does."""
    found: dict[tuple[str, str | None], list[Any]] = {}
    for message in messages(items):
        known = found.setdefault((message.session_key, message.key), [])
        known += [part for part in message.parts if part not in known]
    return found


@every_lines
def test_zeros_blank_lines_and_carriage_returns_change_nothing(importer: Importer, path: Path, tmp_path: Path) -> None:
    padded = tmp_path / path.name
    lines = [line.rstrip(b"\r") for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    padded.write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n".join(lines[:-1]) + b"\r\n" + b"\x00" * 512)

    assert _parts_of(read(importer, padded)) == _parts_of(read(importer, path))


@every_importer
@FUZZ
@given(content=st.binary(max_size=2000))
def test_no_bytes_raise(importer: Importer, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(content)

    importer.recognises(Sample(path))
    read(importer, path)


JUNK: list[Any] = [None, 0, -1.5, True, "", "x", "\ud800", "<b>", [], [None], ["x"], [{}], {}, {"type": 1}, {"x": []}]


def _spoil(record: Any, random: Random) -> None:
    """Put junk in one place of a record."""
    while isinstance(record, (dict, list)) and record:
        name = random.choice(list(record) if isinstance(record, dict) else range(len(record)))
        if random.random() < 0.5 or not isinstance(record[name], (dict, list)) or not record[name]:
            record[name] = copy.deepcopy(random.choice(JUNK))
            return
        record = record[name]


@pytest.mark.parametrize(("importer", "path"), samples(".jsonl", ".json"))
@FUZZ
@given(random=st.randoms(use_true_random=False))
def test_no_value_in_a_record_is_trusted(importer: Importer, path: Path, tmp_path: Path, random: Random) -> None:
    text = path.read_text(encoding="utf-8-sig")
    records = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
    for _ in range(5):
        _spoil(random.choice(records), random)
    spoilt = tmp_path / path.name
    spoilt.write_text("\n".join(json.dumps(record) for record in records) + "\n")

    importer.recognises(Sample(spoilt))
    for item in read(importer, spoilt):
        if isinstance(item, MessageRecord):
            json.dumps([item.parts, item.metadata, item.tool_call, item.tool_result])
            assert item.role in ROLES
            assert all(isinstance(part.get("text", ""), str) for part in item.parts)
            _all_text_or_none(item.session_key, item.key, item.parent_key, item.sender_id, item.tool_name, item.model)
        elif isinstance(item, SessionRecord):
            json.dumps(item.metadata)
            _all_text_or_none(item.key, item.title, item.project, item.model, item.system_prompt, item.parent_key)


def _all_text_or_none(*values: object) -> None:
    assert all(value is None or isinstance(value, str) for value in values)
