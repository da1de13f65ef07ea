"""What imported files held is kept, without its secrets, and given back byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from memory import Memory
from memory.api.cli.main import main
from memory.errors import InvalidInput, UnknownRecord
from memory.importing import kept

SECRET = "ghp_" + "a1B2c3D4e5" * 3 + "f6"


def line(at: int, text: str) -> bytes:
    uuid = f"1b7a5f3e-0000-4000-8000-{at:012d}"
    record: dict[str, Any] = {"type": "user", "uuid": uuid, "parentUuid": None, "isSidechain": False}
    record |= {"sessionId": "1b7a5f3e-0000-4000-8000-00000000000a", "timestamp": "2026-04-01T10:00:00Z"}
    # spaces and order as no program of ours would write them
    record |= {"message": {"role": "user", "content": text}, "progress": [1.0, 1e3]}
    return json.dumps(record, separators=(" ,", " :")).encode() + b"\n"


@pytest.fixture
def memory(tmp_path: Path):
    with Memory.open(tmp_path / "store") as memory:
        yield memory


def held(memory: Memory, path: Path) -> bytes:
    return b"".join(memory.kept_source(path))


def test_a_source_of_a_program_that_deletes_its_files_is_kept_as_it_was(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(b"".join(line(at, f"question {at}") for at in range(2500)) + b'{"type": "user", "mess\n')
    memory.import_(path)
    assert held(memory, path) == path.read_bytes()

    with path.open("ab") as file:
        file.write(line(3000, "one more"))
    memory.import_(path)
    content = path.read_bytes()
    assert held(memory, path) == content
    [known] = memory.store.kept_sources.all()
    assert known.packed_bytes < known.size_bytes / 4

    path.unlink()
    assert held(memory, path) == content


def test_a_rewritten_source_takes_the_place_of_the_old_one(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(b"".join(line(at, f"question {at}") for at in range(50)))
    memory.import_(path)
    path.write_bytes(line(1, "rewritten"))
    memory.import_(path)

    assert held(memory, path) == path.read_bytes()


def test_a_kept_source_holds_no_secret(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    nested = json.dumps({"password": "correct7horse9battery", "env": f"export GITHUB_TOKEN={SECRET}"})
    untouched = line(1, "nothing to hide")
    path.write_bytes(line(0, f"the key is {SECRET}") + untouched + line(2, nested))
    memory.import_(path)

    content = held(memory, path)
    assert untouched in content
    assert content.count(b"[redacted:") == 3
    assert [json.loads(each)["message"]["role"] for each in content.splitlines()] == ["user"] * 3
    for file in (tmp_path / "store").rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        assert SECRET.encode() not in data
        assert b"correct7horse9battery" not in data


def test_pieces_end_with_a_line(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PIECE_BYTES", 1000)
    path = tmp_path / "session.jsonl"
    path.write_bytes(b"".join(line(at, f"question {at}") for at in range(40)))
    memory.import_(path)

    pieces = list(memory.kept_source(path))
    assert len(pieces) > 5
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert b"".join(pieces) == path.read_bytes()


def test_what_is_kept_is_a_choice(memory: Memory, tmp_path: Path) -> None:
    session, chat = tmp_path / "session.jsonl", tmp_path / "chat.jsonl"
    session.write_bytes(line(0, "question"))
    chat.write_text(json.dumps({"messages": [{"role": "user", "content": "How long do eggs take?"}]}) + "\n")
    memory.import_([session, chat], keep_source="none")
    assert memory.store.kept_sources.all() == []

    session.write_bytes(line(0, "question") + line(1, "another"))
    memory.import_(session)
    chat.write_text(chat.read_text() * 2)
    memory.import_(chat, keep_source="all")

    assert [each.path for each in memory.store.kept_sources.all()] == [str(chat), str(session)]
    with pytest.raises(InvalidInput, match="must be auto, all or none"):
        memory.import_(chat, keep_source="some")


def test_a_source_that_is_not_kept_says_what_to_do(memory: Memory) -> None:
    with pytest.raises(UnknownRecord, match="hark import --keep-source all /nowhere"):
        memory.kept_source("/nowhere")


def test_a_kept_source_is_read_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(line(0, "question"))

    def hark(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["--store", str(tmp_path / "store"), *map(str, arguments)])
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    assert hark("import", path)[0] == 0
    assert json.loads(hark("source", "--json")[1])["sources"][0]["path"] == str(path)
    assert hark("source", path)[1] == path.read_text()
    out = tmp_path / "again.jsonl"
    assert hark("source", path, "--out", out)[0] == 0
    assert out.read_bytes() == path.read_bytes()
    code, _, said = hark("source", path, "--out", out)
    assert (code, "name a new file" in said) == (2, True)


def test_a_secret_whose_letters_are_escaped_is_not_kept_either(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    plain = line(0, "postgres://ada:correct7horse9battery@db.example.org/kiosk and nothing else")
    path.write_bytes(plain.replace(b"://", b":\\/\\/").replace(b"postgres", b"\\u0070ostgres"))
    memory.import_(path)

    assert b"correct7horse" not in held(memory, path)
    assert b"[redacted:" in held(memory, path)


def test_a_key_that_goes_over_lines_of_a_note_is_not_kept(memory: Memory, tmp_path: Path) -> None:
    body = [f"MIIEow{at:02d}" + "abcdEFGH0123" * 4 for at in range(12)]
    key = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *body, "-----END RSA PRIVATE KEY-----"])
    path = tmp_path / "note.md"
    path.write_text(f"# Pumps\n\nThe key of the pump:\n\n{key}\n\n- and nothing else\n- but tea\n")
    memory.import_(path, keep_source="all")

    for line in body:
        assert line.encode() not in held(memory, path)
    assert held(memory, path).startswith(b"# Pumps\n\nThe key of the pump:\n\n[redacted:private_key:")


@pytest.mark.parametrize("grows", [False, True])
def test_a_source_that_was_not_kept_is_kept_whole_when_that_is_asked_for(
    grows: bool, memory: Memory, tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(line(0, "question") + line(1, "another"))
    memory.import_(path, keep_source="none")
    if grows:
        path.write_bytes(path.read_bytes() + line(2, "and one more"))

    report = memory.import_(path, keep_source="all")

    assert report.totals["added"] == grows
    assert held(memory, path) == path.read_bytes()
