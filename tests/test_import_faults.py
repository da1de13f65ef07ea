"""Sources that change, vanish, or are larger or stranger than any program meant them to be."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memory import Memory
from memory.errors import SourceFault
from memory.importers import claude_code, gemini_cli
from memory.importers.reading.records import Item
from memory.importers.reading.source import Source

SESSION = "7c0c2f8e-7f0e-4f27-9c5d-0d2c8f1a2222"


def line(at: int, content: Any, session: str = SESSION, **more: Any) -> str:
    record = {"type": "user", "sessionId": session, "uuid": f"7c0c2f8e-0000-4f27-9c5d-{at:012d}", "parentUuid": None}
    record |= {"isSidechain": False, "cwd": "/home/ada/kiosk", "timestamp": "2026-02-01T10:00:00.000Z"}
    return json.dumps(record | more | {"message": {"role": "user", "content": content}}) + "\n"


@pytest.fixture
def memory(tmp_path: Path):
    with Memory.open(tmp_path / "store") as memory:
        yield memory


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_text("".join(line(at, f"prompt {at}") for at in range(900)))
    return path


def contents(memory: Memory) -> list[str]:
    return [
        row[0]
        for row in memory.store.database.rows("select unpacked(content) from message order by session_number, seq")
    ]


def meanwhile(monkeypatch: pytest.MonkeyPatch, module: Any, at: int, change: Callable[[], None]) -> None:
    """Let something happen when an importer has yielded so many items."""
    read = module.read

    def disturbed(source: Source) -> Iterator[Item]:
        for count, item in enumerate(read(source)):
            if count == at:
                change()
            yield item

    monkeypatch.setattr(module, "read", disturbed)


def test_what_is_appended_while_a_file_is_read_comes_now_or_next_time(
    memory: Memory, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grow() -> None:
        with history.open("a") as file:
            file.write(line(900, "appended meanwhile"))

    with monkeypatch.context() as patch:
        meanwhile(patch, claude_code, 100, grow)
        memory.import_(history)
    memory.import_(history)

    assert len(contents(memory)) == 901
    assert memory.import_(history).totals["added"] == 0


def test_a_file_that_is_cut_while_it_is_read_keeps_what_was_read(
    memory: Memory, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        meanwhile(patch, claude_code, 100, lambda: os.truncate(history, 5000))
        report = memory.import_(history)
    found = len(contents(memory))
    assert 10 < found <= 900
    assert all("JSON" in problem["what"] for problem in report.sources[0].problems)

    history.write_text("".join(line(at, f"prompt {at}") for at in range(900)))
    memory.import_(history)
    assert len(contents(memory)) == 900


def test_a_file_that_is_replaced_while_it_is_read_is_read_anew(
    memory: Memory, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = history.with_name("other")
    other.write_text("".join(line(at, f"other {at}") for at in range(5000, 5010)))
    with monkeypatch.context() as patch:
        meanwhile(patch, claude_code, 100, lambda: other.replace(history) and None)
        memory.import_(history)
    memory.import_(history)

    found = contents(memory)
    assert {f"other {at}" for at in range(5000, 5010)} <= set(found)
    assert {f"prompt {at}" for at in range(900)} <= set(found)
    assert len(found) == 910


def test_a_file_that_is_deleted_while_it_is_read_is_read_to_its_end(
    memory: Memory, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        meanwhile(patch, claude_code, 100, history.unlink)
        memory.import_(history)

    assert len(contents(memory)) == 900


def test_a_document_that_is_written_anew_while_it_is_read_is_read_again(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def document(*said: str) -> str:
        messages = [
            {"id": f"m{at}", "timestamp": "2026-01-10T09:00:00Z", "type": "user", "content": text}
            for at, text in enumerate(said)
        ]
        head = {"sessionId": "kiosk-1", "projectHash": "p", "startTime": "2026-01-10T09:00:00Z"}
        return json.dumps(head | {"lastUpdated": "2026-01-10T09:00:00Z", "messages": messages})

    path = tmp_path / "session-1.json"
    path.write_text(document("one"))
    with monkeypatch.context() as patch:
        meanwhile(patch, gemini_cli, 1, lambda: path.write_text(document("one", "two")) and None)
        memory.import_(path)
    memory.import_(path)
    assert contents(memory) == ["one", "two"]

    path.write_text(document("one", "two", "three")[:-20])
    broken = memory.import_(path)
    assert "not a whole document" in broken.sources[0].problems[0]["what"]
    path.write_text(document("one", "two", "three"))
    assert memory.import_(path).totals["added"] == 1


@pytest.mark.slow
def test_an_image_of_a_hundred_megabytes_is_attached_and_not_indexed(memory: Memory, tmp_path: Path) -> None:
    data = os.urandom(1_000_000) * 100
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(data).decode()}
    path = tmp_path / "history.jsonl"
    with path.open("w") as file:
        file.write(line(1, [{"type": "text", "text": "what is in this picture"}, {"type": "image", "source": source}]))
        file.write(line(2, "behind the picture"))

    report = memory.import_(path, keep_source="none")

    assert (report.totals["added"], report.totals["problems"]) == (2, 0)
    first = memory.messages.get(memory.search('"what is in this picture"').hits[0].id)
    assert [part["type"] for part in first.parts] == ["text", "image"]
    assert len(json.dumps(first.model_dump(mode="json"))) < 5000
    [attached] = memory.attachments.list(message_id=first.id).items
    assert attached.size_bytes == 100_000_000
    assert memory.attachments.data(attached.id) == data
    assert memory.store.chunks.count() == 3


def test_two_machines_copies_of_one_history_are_one(memory: Memory, tmp_path: Path) -> None:
    laptop, desktop = tmp_path / "laptop" / "a.jsonl", tmp_path / "desktop" / "b.jsonl"
    for path, cwd, last in ((laptop, "/Users/ada/kiosk", 6), (desktop, "/home/ada/kiosk", 8)):
        path.parent.mkdir()
        path.write_text("".join(line(at, f"prompt {at}", cwd=cwd) for at in range(last)))
    memory.import_([laptop, desktop])
    with laptop.open("a") as file:
        file.write(line(90, "only on the laptop", cwd="/Users/ada/kiosk"))
    memory.import_([desktop, laptop])

    assert [each for each in contents(memory) if each.startswith("prompt")] == [f"prompt {at}" for at in range(8)]
    assert contents(memory)[-1] == "only on the laptop"
    [session] = memory.sessions.list().items
    assert session.message_count == 9


def test_cycles_orphans_and_branches_are_kept_and_end(memory: Memory, tmp_path: Path) -> None:
    parents = {1: 3, 2: 1, 3: 2, 4: 4, 5: 777, 6: 5, 7: 5}
    path = tmp_path / "history.jsonl"
    path.write_text(
        "".join(line(at, f"prompt {at}", parentUuid=f"7c0c2f8e-0000-4f27-9c5d-{to:012d}") for at, to in parents.items())
    )
    memory.import_(path)

    assert memory.import_(path).totals["added"] == 0
    found = {each.content: each for each in memory.sessions.get(SESSION, messages=True).messages}
    assert len(found) == 7
    assert found["prompt 6"].parent_id == found["prompt 7"].parent_id == found["prompt 5"].id
    assert found["prompt 5"].parent_id is None
    assert found["prompt 1"].parent_id == found["prompt 3"].id
    assert len(memory.messages.around(found["prompt 4"].id, before=3, after=3)) == 7


def test_padding_of_a_power_cut_a_mark_of_order_and_mixed_ends_of_lines_are_tolerated(
    memory: Memory, tmp_path: Path
) -> None:
    path = tmp_path / "history.jsonl"
    first, second, third = (line(at, f"prompt {at}").encode().rstrip(b"\n") for at in range(3))
    path.write_bytes(b"\xef\xbb\xbf" + first + b"\r\n\r\n" + second + b"\n" + third + b"\n" + b"\x00" * 4096)

    assert memory.import_(path).totals["problems"] == 0
    assert contents(memory) == ["prompt 0", "prompt 1", "prompt 2"]


def test_a_secret_in_a_tools_output_is_counted_by_kind_and_nowhere_else(memory: Memory, tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "f6"
    path = tmp_path / "history.jsonl"
    result = {"type": "tool_result", "tool_use_id": "t", "content": f"GITHUB_TOKEN={secret}\nok"}
    path.write_text(line(1, f"use {secret} and {secret}") + line(2, [result]))

    report = memory.import_(path)

    assert report.redacted["github"] >= 2
    assert secret not in report.model_dump_json()
    for file in (tmp_path / "store").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()
    assert memory.import_(path).redacted == {}


def test_two_records_on_one_line_are_both_read_and_what_is_broken_behind_one_is_named(
    memory: Memory, tmp_path: Path
) -> None:
    path = tmp_path / "history.jsonl"
    first, second, third, fourth = (line(at, f"prompt {at}").rstrip("\n") for at in range(4))
    path.write_text(f'{first}{second}\n{third}{{"type": "us\n{fourth}\n')
    report = memory.import_(path)

    assert contents(memory) == [f"prompt {at}" for at in range(4)]
    [problem] = report.sources[0].problems
    assert (problem["line"], "behind its first object" in problem["what"]) == (2, True)


def test_a_store_is_never_opened_as_a_source(memory: Memory, history: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "store" / "store.db")
    report = memory.import_(tmp_path)

    assert [each.format for each in report.sources] == ["claude-code"]
    assert {each["path"]: each["reason"] for each in report.skipped} == {
        str(tmp_path / "store"): "a store of this program's",
        str(tmp_path / "store" / "store.db"): "a store of this program's",
    }
    for path in (tmp_path / "store", tmp_path / "store" / "store.db", link, tmp_path / "store" / "keyword"):
        with pytest.raises(SourceFault, match="a store of this program's; name the histories themselves"):
            memory.import_(path)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system does not list locks")
def test_the_store_keeps_its_lock_when_the_folder_around_it_is_imported(
    memory: Memory, history: Path, tmp_path: Path
) -> None:
    def locks() -> int:
        inode = (tmp_path / "store" / "store.db-shm").stat().st_ino
        return sum(f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())

    memory.search("x")
    before = locks()
    memory.import_(tmp_path)

    assert locks() == before >= 1


def test_a_secret_in_the_name_of_a_tool_or_a_model_is_not_stored(memory: Memory, tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "f6"
    call = {"type": "tool_use", "id": "t", "name": f"mcp__{secret}", "input": {}}
    record = json.loads(line(1, [call]))
    record |= {"type": "assistant"}
    record["message"] |= {"role": "assistant", "id": "m1", "model": f"model-{secret}"}
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(record) + "\n")
    memory.import_(path)

    assert memory.redact(dry_run=True).found == {}
    for file in (tmp_path / "store").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


def test_an_attachment_that_is_text_whatever_it_is_called_holds_no_secret(memory: Memory, tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "f6"
    picture = f"<svg xmlns='http://www.w3.org/2000/svg'><!-- {secret} --></svg>".encode()
    wide = f"GITHUB_TOKEN={secret}\n".encode("utf-16")
    blocks = [
        {"type": "image", "source": {"type": "base64", "media_type": kind, "data": base64.b64encode(data).decode()}}
        for kind, data in (
            ("image/svg+xml", picture),
            ("image/png", wide),
            ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(99)),
        )
    ]
    path = tmp_path / "history.jsonl"
    path.write_text(line(1, blocks))
    memory.import_(path, keep_source="none")

    kept = [memory.attachments.data(each.id) for each in memory.attachments.list().items]
    assert len(kept) == 3
    assert not any(secret.encode() in data or secret.encode("utf-16-le") in data for data in kept)
    assert b"\x89PNG\r\n\x1a\n" + bytes(99) in kept
    assert any(data.decode("utf-16").startswith("GITHUB_TOKEN=[redacted:") for data in kept if data[:2] == b"\xff\xfe")


def test_an_edited_attachment_and_an_error_that_is_gone_are_written_anew(memory: Memory, tmp_path: Path) -> None:
    def session(kind: str, picture: bytes) -> str:
        inline = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(picture).decode()}}
        message = {"id": "m1", "timestamp": "2026-01-10T09:00:00Z", "type": kind, "content": [{"text": "boom"}, inline]}
        head = {"sessionId": "kiosk-1", "projectHash": "p", "startTime": "2026-01-10T09:00:00Z"}
        return json.dumps(head | {"lastUpdated": "2026-01-10T09:00:00Z", "messages": [message]})

    path = tmp_path / "session-1.json"
    for kind, picture in (("error", b"\x89PNG one"), ("info", b"\x89PNG two")):
        path.write_text(session(kind, picture))
        memory.import_(path)

    [message] = memory.messages.list().items
    assert (message.status, message.error) == ("complete", None)
    [attached] = memory.attachments.list(message_id=message.id).items
    assert (memory.attachments.data(attached.id), attached.size_bytes) == (b"\x89PNG two", 8)


def test_a_fault_of_an_importer_keeps_no_other_file_out(
    memory: Memory, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(source: Source) -> Iterator[Item]:
        yield from ()
        raise RecursionError("too deep")

    (history.parent / "session-1.json").write_text(
        json.dumps(
            {"sessionId": "k", "projectHash": "p", "startTime": "2026-01-10T09:00:00Z", "messages": [], "kind": "main"}
        )
    )
    with monkeypatch.context() as patch:
        patch.setattr(gemini_cli, "read", odd)
        patch.setattr(gemini_cli, "recognises", lambda sample: sample.path.suffix == ".json")
        report = memory.import_(history.parent)
    assert report.totals["added"] == 900
    [problem] = [problem for each in report.sources for problem in each.problems]
    assert problem["what"].startswith("a fault of this program (RecursionError: too deep)")

    with monkeypatch.context() as patch:
        patch.setattr(claude_code, "recognises", lambda sample: 1 / 0)
        report = memory.import_(history.parent)
    assert any("ZeroDivisionError" in each["reason"] for each in report.skipped)


def test_an_edit_anywhere_in_a_file_that_grew_is_noticed(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    said = [line(at, f"prompt {at} " + "about tea " * 100) for at in range(900)]
    path.write_text("".join(said))
    memory.import_(path)
    for at in range(100, 900, 100):
        said[at] = line(2000 + at, f"edited {at} " + "about tea " * 100)
    path.write_text("".join([*said, line(5000, "and one more")]))
    memory.import_(path)

    assert sum(text.startswith("edited") for text in contents(memory)) == 8
