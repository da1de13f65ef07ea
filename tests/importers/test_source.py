"""How lines are read, whatever happened to the file."""

from pathlib import Path

import pytest

from memory.importers.reading import source as module
from memory.importers.reading.records import Problem
from memory.importers.reading.source import Line, Sample, Source


def lines(content: bytes, tmp_path: Path) -> list[Line | Problem]:
    path = tmp_path / "f.jsonl"
    path.write_bytes(content)
    return list(Source(path).json_lines())


def values(found: list[Line | Problem]) -> list[dict[str, object]]:
    return [line.value for line in found if isinstance(line, Line)]


def test_marks_zeros_and_blank_lines_are_tolerated(tmp_path: Path) -> None:
    found = lines(b'\xef\xbb\xbf{"a":1}\r\n\r\n\x00\x00\n\x00{"a":2}\n', tmp_path)

    assert values(found) == [{"a": 1}, {"a": 2}]
    assert [line.number for line in found if isinstance(line, Line)] == [1, 4]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"a":', "not valid JSON"),
        (b"[1]", "a JSON object was expected, not list"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": 1e999}', "too large a number"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a":' + b"9" * 5000 + b"}", "not valid JSON"),
        ('{"a":1}'.encode("utf-16-be"), None),
    ],
)
def test_a_bad_line_is_a_problem_and_the_next_is_read(line: bytes, what: str | None, tmp_path: Path) -> None:
    found = lines(line + b'\n{"b":1}\n', tmp_path)

    assert {"b": 1} in values(found)
    problems = [problem for problem in found if isinstance(problem, Problem)]
    assert [problem.line for problem in problems] == ([1] if what else [])
    assert all(what in problem.what for problem in problems if what)


def test_a_line_that_is_too_long_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_BYTES", 64)

    found = lines(b'{"a":"' + b"x" * 500 + b'"}\n{"b":1}\n', tmp_path)

    assert isinstance(found[0], Problem)
    assert values(found) == [{"b": 1}]


def test_a_lone_surrogate_stays_as_it_is(tmp_path: Path) -> None:
    assert values(lines(b'{"a":"\\ud800"}\n', tmp_path)) == [{"a": "\ud800"}]


def test_an_unfinished_last_line_is_left_and_a_finished_one_is_not(tmp_path: Path) -> None:
    assert values(lines(b'{"a":1}\n{"b":', tmp_path)) == [{"a": 1}]
    assert values(lines(b'{"a":1}\n{"b":2}', tmp_path)) == [{"a": 1}, {"b": 2}]


def test_line_numbers_go_on_behind_a_last_line_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":2}')
    first = Source(path)
    list(first.json_lines())
    path.write_bytes(b'{"a":1}\n{"b":2}\n{"c":3}\nbroken\n')

    found = list(Source(path, first.reached, first.reached_line).json_lines())

    assert values(found) == [{"c": 3}]
    assert [problem.line for problem in found if isinstance(problem, Problem)] == [4]


def test_a_broken_last_line_is_not_reported_again(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"a":1}\nbroken\n')
    first = Source(path)
    list(first.json_lines())

    assert first.reached == path.stat().st_size
    assert list(Source(path, first.reached, first.reached_line).json_lines()) == []


def test_a_sample_ends_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_BYTES", 10)
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":2}\n{"c":3}\n')

    assert Sample(path).records == [{"a": 1}, {"b": 2}]


def test_the_first_line_of_a_sample_is_whole_however_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_BYTES", 10)
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"a":"' + b"x" * 90 + b'"}\n{"b":2}\n')

    assert Sample(path).records == [{"a": "x" * 90}]


def test_objects_on_one_line_are_a_problem_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "glued.jsonl"
    path.write_text('{"a": 1} {"b": "}{"}{"c": 3}\n')

    [allowed] = Source(path).json_lines(is_glued=True)
    [refused] = Source(path).json_lines()

    assert isinstance(allowed, Line)
    assert [allowed.value, *allowed.glued] == [{"a": 1}, {"b": "}{"}, {"c": 3}]
    assert isinstance(refused, Problem)
