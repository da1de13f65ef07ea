"""Archives: what they hold is imported as if it lay in a folder, and a hostile one harms nothing."""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from memory import Memory
from memory.errors import SourceFault, UnknownFormat
from memory.importers.reading import archives

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


def conversation(key: str, *said: str, picture: str | None = None) -> dict[str, Any]:
    mapping: dict[str, Any] = {"root": {"id": "root", "parent": None, "children": [], "message": None}}
    above = "root"
    for at, text in enumerate(said):
        name = f"{key}-{at}"
        parts: list[Any] = [text]
        if picture and at == 0:
            parts.append({"content_type": "image_asset_pointer", "asset_pointer": f"sediment://{picture}"})
        content = {"content_type": "multimodal_text" if picture else "text", "parts": parts}
        author = {"role": "assistant" if at % 2 else "user"}
        message = {"id": name, "author": author, "content": content, "create_time": 1_780_000_000 + at}
        mapping[name] = {"id": name, "parent": above, "children": [], "message": message}
        above = name
    return {
        "conversation_id": key,
        "title": key,
        "create_time": 1_780_000_000,
        "mapping": mapping,
        "current_node": above,
    }


def export(path: Path, *conversations: dict[str, Any], **others: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps(list(conversations)))
        for name, data in others.items():
            archive.writestr(name.replace("__", "."), data)
    return path


@pytest.fixture
def memory(tmp_path: Path):
    with Memory.open(tmp_path / "store") as memory:
        yield memory


def test_an_export_is_imported_from_its_archive_with_its_pictures(memory: Memory, tmp_path: Path) -> None:
    path = export(
        tmp_path / "export.zip",
        conversation("one", "look at this drawing", "a lighthouse", picture="file_0000abcd1234"),
        **{"file_0000abcd1234-sanitized__png": PNG, "chat__html": b"<html>", "notes__bin": b"\x00\x01"},
    )

    report = memory.import_(path)

    assert [(each.path, each.format, each.added) for each in report.sources] == [
        (f"{path}/conversations.json", "chatgpt", 2)
    ]
    assert report.skipped == [{"path": f"{path}/notes.bin", "reason": "a binary file, of no known format"}]
    hit = memory.search("lighthouse").hits[0]
    first = memory.messages.around(hit.id, before=1, after=0)[0]
    [attached] = memory.attachments.list(message_id=first.id).items
    assert memory.attachments.data(attached.id) == PNG
    assert memory.sessions.get(hit.session_id).source.path == f"{path}/conversations.json"


def test_an_archive_again_adds_nothing_and_a_newer_one_what_is_new(memory: Memory, tmp_path: Path) -> None:
    old = conversation("one", "which flour for bread", "strong flour")
    path = export(tmp_path / "export.zip", old)
    memory.import_(path)

    again = memory.import_(path)
    assert (again.totals["added"], again.totals["unchanged"]) == (0, 2)
    copied = export(tmp_path / "later.zip", old, conversation("two", "and for cake", "soft flour"))
    later = memory.import_(copied)

    assert (again.totals["messages"], later.totals["added"], later.totals["unchanged"]) == (2, 2, 2)
    assert len(memory.sessions.list().items) == 2


def test_archives_in_a_folder_are_read_and_a_broken_one_is_a_problem(memory: Memory, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    export(folder / "good.zip", conversation("one", "question", "answer"))
    (folder / "bad.zip").write_bytes((folder / "good.zip").read_bytes()[:-40])

    report = memory.import_(folder)

    assert report.totals["added"] == 2
    [bad] = [each for each in report.sources if each.path == str(folder / "bad.zip")]
    assert "cannot be unpacked" in bad.problems[0]["what"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../conversations.json", "points outside"),
        ("a/../../conversations.json", "points outside"),
        ("/conversations.json", "points outside"),
        ("C:/conversations.json", "points outside"),
        ("a\\..\\conversations.json", "points outside"),
        ("/".join("a" * 40) + "/conversations.json", "too long or too deep"),
        ("x" * 300 + ".json", "too long or too deep"),
    ],
)
def test_a_hostile_name_is_refused_before_anything_is_unpacked(
    name: str, what: str, memory: Memory, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        archive.writestr(info, json.dumps([conversation("one", "question")]))

    with pytest.raises(SourceFault, match=what):
        memory.import_(path)
    assert not list(tmp_path.parent.glob("conversations.json"))
    assert memory.stats().counts["messages"] == 0


def test_a_link_in_an_archive_is_refused(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("conversations.json")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")

    with pytest.raises(SourceFault, match="a link"):
        memory.import_(path)


def test_two_members_of_one_name_are_refused(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "double.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", "[]")
        archive.writestr("Conversations.json", "[]")

    with pytest.raises(SourceFault, match="two members named"):
        memory.import_(path)


def test_a_bomb_is_refused_by_what_it_says_and_by_what_comes_out(memory: Memory, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b"[" + b" " * 5_000_000 + b"]")
    with pytest.raises(SourceFault, match="times its size, more than 200"):
        memory.import_(bomb)

    lying = tmp_path / "lying.zip"
    with zipfile.ZipFile(lying, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b"[" + b" " * 500_000 + b"]")
    data = bytearray(lying.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<L", 100)
    lying.write_bytes(data)
    with pytest.raises(SourceFault, match="cannot be unpacked"):
        memory.import_(lying)


def test_limits_are_named(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export(tmp_path / "export.zip", conversation("one", "question"), other=b"x")
    monkeypatch.setattr(archives, "MOST_MEMBERS", 1)
    with pytest.raises(SourceFault, match="2 members, more than 1"):
        memory.import_(path)

    monkeypatch.setattr(archives, "MOST_MEMBERS", 100)
    monkeypatch.setattr(archives, "MOST_BYTES", 10)
    with pytest.raises(SourceFault, match="more than 0 GB"):
        memory.import_(path)


def test_an_encrypted_archive_says_what_to_do(memory: Memory, tmp_path: Path) -> None:
    path = export(tmp_path / "export.zip", conversation("one", "question"))
    data = bytearray(path.read_bytes())
    for mark, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + flag] |= 1
    path.write_bytes(data)

    with pytest.raises(SourceFault, match="is encrypted; unpack it with its password"):
        memory.import_(path)


def test_an_archive_in_an_archive_is_skipped(memory: Memory, tmp_path: Path) -> None:
    inner = export(tmp_path / "inner.zip", conversation("one", "question"))
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "inner.zip")
        archive.writestr("conversations.json", json.dumps([conversation("two", "another question")]))

    report = memory.import_(outer)

    assert report.totals["added"] == 1
    assert report.skipped == [{"path": f"{outer}/inner.zip", "reason": "an archive inside an archive"}]


def test_an_archive_of_nothing_known_is_an_error(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.bin", b"\x00\x01\x02")

    with pytest.raises(UnknownFormat, match="a binary file"):
        memory.import_(path)


def test_a_long_list_is_read_one_by_one_and_gives_the_same(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memory.importers.reading import documents

    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([conversation(f"c{at}", f"question {at}", "answer") for at in range(50)]))
    monkeypatch.setattr(documents, "STREAMED_BYTES", 100)
    monkeypatch.setattr(documents, "DOCUMENT_BYTES", 100)
    first = memory.import_(path)
    assert (first.totals["sessions"], first.totals["added"], first.totals["problems"]) == (50, 100, 0)

    with Memory.open(tmp_path / "whole") as other:
        monkeypatch.undo()
        other.import_(path)
        assert {each.id for each in other.messages.list().items} == {each.id for each in memory.messages.list().items}

    path.write_text(path.read_text()[:-30])
    monkeypatch.setattr(documents, "STREAMED_BYTES", 100)
    cut = memory.import_(path)
    assert "not a whole document behind its element 49" in cut.sources[0].problems[0]["what"]


def test_an_archive_that_was_read_as_another_format_is_not_hidden(memory: Memory, tmp_path: Path) -> None:
    path = export(tmp_path / "export.zip", conversation("one", "question", "answer"), notes__bin=b"\x00\x01")
    with pytest.raises(UnknownFormat, match="nothing of the format codex is in it"):
        memory.import_(path, format="codex")

    first = memory.import_(path)
    assert (first.totals["added"], len(first.skipped)) == (2, 1)
    again = memory.import_(path)
    assert (again.totals["unchanged"], again.skipped) == (2, first.skipped)


def test_what_a_killed_import_has_unpacked_is_swept_up_by_the_next(memory: Memory, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import os, sys; from pathlib import Path; from memory.store.scratch import scratch_below, scratch_folder\n"
        "with scratch_below(Path(sys.argv[1])), scratch_folder() as folder:\n"
        "    (folder / 'secret').write_text('x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "store")], check=False)
    assert len(list((tmp_path / "store" / "scratch").rglob("secret"))) == 1

    memory.import_(export(tmp_path / "export.zip", conversation("one", "question", "answer")))
    assert not (tmp_path / "store" / "scratch").exists()


def test_an_archive_for_which_there_is_no_room_says_so(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(tmp_path / "export.zip", conversation("one", "question", "answer"))
    monkeypatch.setattr(archives, "free_bytes", lambda: 10)

    with pytest.raises(SourceFault, match="for which the disk has no room"):
        memory.import_(path)
