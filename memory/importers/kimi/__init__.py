"""Kimi CLI: `wire.jsonl` of both generations, and the `context.jsonl` beside the older one.

1. Kimi Code: `<session>/agents/<agent>/wire.jsonl`, records with a `type` and a `time`, `state.json` in the session's
   folder. A step of the model, from `step.begin` to `step.end`, is one message, and each result another. What is
   prompted stands there twice (`turn.prompt`, `context.append_message`) and is kept once.
2. Kimi CLI: `<session>/wire.jsonl`, lines `{"timestamp", "message": {"type", "payload"}}`.
3. Its `context.jsonl`: messages by role, with lines of its own between them (`_checkpoint`, `_usage`). It is a copy, and
   shorter after a compaction: beside a wire it gives nothing.

The session's id stands in no record: it is the name of its folder, else what `state.json` says, else what the file
begins with. Another agent than `main` is a sub-agent's session: `<session>/<agent>`.

Left out on purpose: requests, snapshots of tools, counts of tokens that repeat those of the steps, settings and modes,
beginnings and ends of turns, progress, `encrypted` reasoning.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from memory.importers.kimi import older, state, wire
from memory.importers.reading.documents import mapping
from memory.importers.reading.records import Item, Mark
from memory.importers.reading.source import Sample, Source

FORMAT = "kimi"
PLACES = (
    "$KIMI_CODE_HOME/sessions",
    "~/.kimi-code/sessions",
    "$KIMI_SHARE_DIR/sessions",
    "~/.kimi/sessions",
)
"""Where its files are on a machine; a variable that is not set names no place."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least: never inside a step. Untuned."""


def recognises(sample: Sample) -> bool:
    """Say whether the first lines are a wire's of either generation, or a context's."""
    return any(_is_wire(record) or _is_older(record) or _is_context(record) for record in sample.records)


def companions(path: Path) -> Iterable[Path]:
    """Name the files that can hold the session's state."""
    return state.places(path)


def read(source: Source) -> Iterator[Item]:
    """Yield a file's records from `source.offset` on."""
    records = Sample(source.path).records
    if any(_is_wire(record) for record in records):
        return wire.Wire(source, MARK_EVERY).items()
    if any(_is_older(record) for record in records):
        return older.Wire(source, MARK_EVERY).items()
    if source.path.with_name("wire.jsonl").exists() and source.path.name != "wire.jsonl":
        return _copy(source)
    return older.Context(source, MARK_EVERY).items()


def _copy(source: Source) -> Iterator[Item]:
    """Yield nothing but how far a copy goes."""
    for _ in source.json_lines():
        pass
    yield Mark(source.reached, source.reached_line, {})


def _is_wire(record: dict[str, Any]) -> bool:
    kind = str(record.get("type"))
    is_named = kind.startswith(("context.append_", "turn.", "llm.", "config.", "profile.", "usage.record"))
    return (is_named and "time" in record) or (
        kind == "metadata" and {"protocol_version", "created_at"} <= record.keys()
    )


def _is_older(record: dict[str, Any]) -> bool:
    message = mapping(record.get("message"))
    return "timestamp" in record and isinstance(message.get("payload"), dict) and isinstance(message.get("type"), str)


def _is_context(record: dict[str, Any]) -> bool:
    return record.get("role") in ("_checkpoint", "_usage", "_system_prompt") and "type" not in record
