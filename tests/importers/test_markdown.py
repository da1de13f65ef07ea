"""What is special about Markdown notes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.importers import markdown
from memory.importers.reading.records import Item, MessageRecord, Problem, SessionRecord
from memory.importers.reading.source import Sample, Source

FOLDER = Path(__file__).parent.parent / "data" / "markdown"


def read(path: Path) -> tuple[SessionRecord, list[MessageRecord], list[Item]]:
    items = list(markdown.read(Source(path)))
    session = next(item for item in items if isinstance(item, SessionRecord))
    return session, [item for item in items if isinstance(item, MessageRecord)], items


def test_front_matter_gives_title_time_sender_and_tags() -> None:
    session, [message], _ = read(FOLDER / "sourdough.md")

    assert (session.title, session.tags) == ("Sourdough: what works here", ["kitchen", "bread"])
    assert (message.sender_id, message.created_at) == ("Ada", datetime(2026, 1, 17, tzinfo=UTC))
    assert session.metadata["front_matter"]["aliases"] == ["levain"]


def test_without_front_matter_the_heading_is_the_title() -> None:
    session, [message], _ = read(FOLDER / "no-front-matter.markdown")

    assert session.title == "Bicycle"
    assert message.parts[0]["text"] == "# Bicycle\n\nNew chain at 4,100 km.\n"


def test_a_long_note_is_cut_at_its_sections() -> None:
    _, found, _ = read(FOLDER / "long.md")

    texts = [message.parts[0]["text"] for message in found]
    assert [text.splitlines()[0] for text in texts] == ["# Garden year", "## March", "## April", "## May"]
    assert "".join(texts) == (FOLDER / "long.md").read_text(encoding="utf-8")


def test_a_note_without_any_title_is_called_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "milk.md"
    path.write_text("two litres")

    assert read(path)[0].title == "milk"


def test_an_unclosed_front_matter_is_text(tmp_path: Path) -> None:
    path = tmp_path / "n.md"
    path.write_text("---\ntitle: x\n\nbody")

    assert read(path)[1][0].parts[0]["text"] == "---\ntitle: x\n\nbody"


def test_bytes_that_are_not_utf8_are_a_problem_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "n.md"
    path.write_bytes(b"# caf\xe9\n\nopen till six\n")

    _, [message], items = read(path)

    assert "open till six" in message.parts[0]["text"]
    assert [item.line for item in items if isinstance(item, Problem)] == [1]


def test_a_section_that_is_edited_is_the_same_message_and_a_new_one_is_new(tmp_path: Path) -> None:
    path = tmp_path / "n.md"
    sections = [f"## {name}\n\n" + "words " * 500 + "\n\n" for name in ("one", "two", "three")]
    path.write_text("".join(sections))
    before = {message.key for message in read(path)[1]}

    path.write_text("".join([*sections[:2], sections[2] + "and more\n", "## four\n\nnew\n"]))
    after = {message.key for message in read(path)[1]}

    assert (len(before), len(after), before < after) == (3, 4, True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".aider.chat.history.md", "# aider chat started at 2026-01-01 10:00:00\n\n#### hello\n"),
        ("chat.md", '{"a": 1}\n'),
        ("script.py", "# A comment\n\n- x\n- y\n"),
        ("notes.txt", "no marks at all\n"),
        ("empty.md", " \n"),
    ],
)
def test_other_files_are_not_notes(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)

    assert not markdown.recognises(Sample(path))
