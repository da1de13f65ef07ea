"""What is special about Aider."""

from pathlib import Path

import pytest

from memory.importers import aider, importer_of
from memory.importers.reading.records import Item, Mark, MessageRecord, SessionRecord
from memory.importers.reading.source import Sample, Source

HISTORY = Path(__file__).parent.parent / "data" / "aider" / ".aider.chat.history.md"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(aider.read(Source(HISTORY)))


def texts(items: list[Item], role: str) -> list[str]:
    return [item.parts[0]["text"] for item in items if isinstance(item, MessageRecord) and item.role == role]


def test_each_start_is_a_session_even_in_one_second(items: list[Item]) -> None:
    keys = dict.fromkeys(item.key for item in items if isinstance(item, SessionRecord))

    assert [key.partition("#")[0] for key in keys] == ["", *["2026-03-02 09:15:00"] * 2, "2026-03-03 18:00:01"]


def test_a_start_ends_the_answer_before_it(items: list[Item]) -> None:
    sessions = list(dict.fromkeys(item.key for item in items if isinstance(item, SessionRecord)))
    (answer,) = [item for item in items if isinstance(item, MessageRecord) and "It listens" in item.parts[0]["text"]]

    assert (answer.session_key, answer.parts[0]["text"]) == (sessions[2], "It listens on 8470.")


def test_a_history_that_was_moved_and_grew_is_the_same(items: list[Item], tmp_path: Path) -> None:
    moved = tmp_path / "aider.md"
    moved.write_bytes(HISTORY.read_bytes() + b"\n#### One more.\n")

    again = list(aider.read(Source(moved)))

    before, after = ([item.key for item in each if isinstance(item, MessageRecord)] for each in (items, again))
    assert after[:-1] == before
    assert {item.key for item in items if isinstance(item, SessionRecord)} == {
        item.key for item in again if isinstance(item, SessionRecord)
    }


def test_equal_sessions_of_one_second_are_two(tmp_path: Path) -> None:
    path = tmp_path / "history.md"
    path.write_text("# aider chat started at 2026-03-02 09:15:00\n\n#### tea\n\nGreen.\n\n" * 2)

    found = list(aider.read(Source(path)))

    assert len({item.key for item in found if isinstance(item, SessionRecord)}) == 2
    assert len({item.key for item in found if isinstance(item, MessageRecord)}) == 4


def test_a_title_is_the_first_prompt_that_is_no_command(items: list[Item]) -> None:
    titles = [item.title for item in items if isinstance(item, SessionRecord) and item.title]

    assert titles == ["The kettle boils over.", "Which port does the kettle listen on?"]


def test_models_and_versions_are_read(items: list[Item]) -> None:
    described = [item for item in items if isinstance(item, SessionRecord) and "version" in item.metadata]

    assert [item.model for item in described] == ["example/large-1", "example/small-1", None]
    assert described[0].metadata == {"version": "0.86.1"}


def test_typed_lines_are_one_message(items: list[Item]) -> None:
    typed = texts(items, "user")

    assert typed[:2] == ["/add boil.py", "The kettle boils over.\n\nStop at 96 degrees."]
    assert len(typed) == 4


def test_an_answer_keeps_its_headings_and_markers(items: list[Item]) -> None:
    answer = texts(items, "assistant")[0]

    assert "\n\n# A heading of the answer\n" in answer
    assert answer.endswith(">>>>>>> REPLACE\n```")


def test_the_console_has_the_role_tool(items: list[Item]) -> None:
    console = texts(items, "tool")

    assert console[0] == "left over from a chat whose beginning is gone"
    assert console[3].splitlines()[-1] == "Commit 1a2b3c4 fix: stop at 96 °C"


def test_a_folder_is_the_project(items: list[Item]) -> None:
    session = next(item for item in items if isinstance(item, SessionRecord))

    assert session.project == str(HISTORY.parent.absolute())


@pytest.mark.parametrize(
    "cut", ["09:15:00\n\n", "I will stop at 96 °C.\n", "#### The kettle boils over.  \n", "> Aider v0.86.1  \n"]
)
def test_what_is_appended_to_the_last_message_is_a_part_of_it(cut: str, tmp_path: Path) -> None:
    whole = HISTORY.read_bytes()
    at = whole.index(cut.encode()) + len(cut.encode())
    live = tmp_path / HISTORY.name
    live.write_bytes(whole[:at])
    first = list(aider.read(Source(live)))
    mark = first[-1]
    assert isinstance(mark, Mark)

    live.write_bytes(whole)
    rest = list(aider.read(Source(live, mark.offset, mark.lines, mark.state)))

    joined: dict[str | None, str] = {}
    for item in first + rest:
        if isinstance(item, MessageRecord):
            text = item.parts[0]["text"]
            joined[item.key] = f"{joined[item.key]}\n{text}" if item.key in joined else text
    at_once = [item for item in aider.read(Source(live)) if isinstance(item, MessageRecord)]
    assert list(joined) == [item.key for item in at_once]
    assert [text.split() for text in joined.values()] == [item.parts[0]["text"].split() for item in at_once]


def test_bytes_that_are_no_text_are_a_problem_and_the_rest_is_read(tmp_path: Path) -> None:
    broken = tmp_path / "history.md"
    broken.write_bytes(b"# aider chat started at 2026-03-02 09:15:00\n\n#### tea \xff  \n")

    problem, session, titled, message, _ = aider.read(Source(broken))

    assert (getattr(problem, "line", None), getattr(titled, "title", None)) == (3, "tea \ufffd")
    assert isinstance(session, SessionRecord)
    assert isinstance(message, MessageRecord)


@pytest.mark.parametrize("above", ["", "\n\n", "\ufeff"])
def test_a_history_without_a_word_of_the_console_is_recognised(above: str, tmp_path: Path) -> None:
    history = tmp_path / "history.md"
    history.write_text(f"{above}# aider chat started at 2026-03-02 09:15:00\n\n#### tea\n\nGreen.\n", encoding="utf-8")

    assert importer_of(Sample(history)) is aider


def test_notes_that_quote_a_beginning_are_not_recognised(tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("Aider writes:\n\n# aider chat started at 2026-03-02 09:15:00\n\n#### tea\n")

    assert not aider.recognises(Sample(notes))
