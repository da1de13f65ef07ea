"""What tests of export and load share: a store with one of everything, and what a store holds."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory import Memory


def fill(memory: Memory) -> dict[str, str]:
    """Save one of everything and give the ids of some."""
    above = memory.projects.create(name="web")
    project = memory.projects.create(name="web/api", parent_id=above.id, path="/home/ada/web/api", aliases=["api"])
    main = memory.sessions.create(title="Pick a port", project="web/api", tags=["infra"], participants=["ada"])
    asked = memory.messages.append(main.id, role="user", content="which port do we take?", sender_id="ada")
    call = {"type": "tool_call", "call_id": "c1", "name": "Bash", "input": {"command": "ss -ltn"}}
    memory.messages.append(
        main.id, role="assistant", parts=[{"type": "text", "text": "let me look at what is open"}, call]
    )
    memory.messages.append(
        main.id,
        role="tool",
        content="8000 is taken",
        tool_name="Bash",
        tool_result={"call_id": "c1", "is_error": False},
    )
    answer = memory.messages.append(main.id, role="assistant", content="8470, nothing else uses it")
    memory.messages.update(asked.id, content="which port shall we take?")
    fork = memory.sessions.fork(main.id, at=asked.id, title="Another port")
    memory.messages.append(fork.id, role="assistant", content="9000 then")
    memory.attachments.create(message_id=asked.id, name="ports.txt", media_type="text/plain", data=b"8000\n" * 50)
    memory.attachments.create(message_id=asked.id, name="again.bin", data=b"8000\n" * 50)
    memory.reactions.create(message_id=answer.id, type="rating", value={"stars": 5}, author="ada")
    old = memory.learnings.add("decision", "the port is 8000", project="web/api", session_id=main.id)
    memory.learnings.supersede(old.id, by=memory.learnings.add("decision", "the port is 8470").id)
    memory.graph.relate("settings.py", f"session:{main.id}", type="code_decision", label="explains")
    memory.settings.create(key="theme", value={"dark": True, "big": 2**62})
    memory.tags.create(name="infra", color="#345")
    early = datetime(1, 1, 2, tzinfo=UTC)
    late = memory.sessions.create(title=None, created_at=early, metadata={"odd": "\u202e\x00 \ufeff", "e": 1e-9})
    memory.messages.append(late.id, role="user", content="far ago", created_at=early)
    put_away = memory.sessions.create(title="Put away")
    memory.messages.append(put_away.id, role="user", content="never mind")
    memory.sessions.delete(put_away.id)
    gone = memory.sessions.create(title="Gone")
    memory.sessions.delete(gone.id, hard=True)
    ids = {"project": project.id, "session": main.id, "fork": fork.id, "asked": asked.id, "answer": answer.id}
    return ids | {"deleted": put_away.id, "gone": gone.id, "learning": old.id}


def exported(memory: Memory, **selection: Any) -> str:
    """Give an export's text."""
    return "".join(memory.exported(**selection))


def loaded(folder: Path, text: str) -> Path:
    """Load an export into a new store and give its directory."""
    file = folder / "given.jsonl"
    file.write_bytes(text.encode())
    with Memory.open(folder / "loaded") as other:
        other.load(file)
    return folder / "loaded"
