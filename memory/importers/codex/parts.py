"""What stands inside a Codex item (headers, messages, calls, outputs) → sessions and parts."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from memory.importers.reading.pictures import picture_at
from memory.importers.reading.records import AttachmentRecord, Part, SessionRecord
from memory.importers.reading.spoken import stretches
from memory.importers.reading.touched_files import absolute, patched_files

WRAPPERS: dict[str, str | None] = {
    **dict.fromkeys(
        (
            "environment_context subagent_notification turn_aborted user_instructions user_action skill INSTRUCTIONS"
            " permissions collaboration_mode model_switch skills_instructions apps_instructions plugins_instructions"
        ).split(),
        "injected",
    ),
    "user_shell_command": None,
}
"""Tags a program puts around text in the person's name, and whose words those are (`origin`)."""
_OPENINGS = ("# AGENTS.md instructions", "<image name=", "</image>", "<permissions instructions>")
_ASKED = "## My request for Codex:"
# The editor extensions put what is open before the request; the request is the person's.
_BEFORE_ASKED = ("# Files mentioned by the user", "# Context from my IDE setup")
_EXIT_CODE = re.compile(r"(?:Process exited with code|Exit code:) (-?\d+)")
PROLOGUE_CHARS = 2000
"""An exit code is looked for in the first characters of an output, before the output proper. Untuned."""


def session_of(key: str, payload: dict[str, Any]) -> SessionRecord:
    """Make a session of a header, but for its time."""
    session = SessionRecord(key)
    base, git, source = payload.get("base_instructions"), payload.get("git"), payload.get("source")
    prompt = base.get("text") if isinstance(base, dict) else payload.get("instructions")
    session.system_prompt = prompt if isinstance(prompt, str) else None
    session.project = payload["cwd"] if isinstance(payload.get("cwd"), str) else None
    spawn = source.get("subagent") if isinstance(source, dict) else None
    spawned = spawn.get("thread_spawn") if isinstance(spawn, dict) else None
    parents = [payload.get("forked_from_id"), payload.get("parent_thread_id")]
    parents.append(spawned.get("parent_thread_id") if isinstance(spawned, dict) else None)
    session.parent_key = next((parent for parent in parents if isinstance(parent, str) and parent), None)
    is_subagent = spawn is not None or payload.get("thread_source") == "subagent"
    kind = "subagent" if is_subagent else "fork" if payload.get("forked_from_id") else "main"
    names = ("originator", "cli_version", "model_provider", "source", "agent_nickname", "agent_role", "thread_source")
    session.metadata = {"kind": kind} | {name: payload[name] for name in names if payload.get(name)}
    for native, ours in (("branch", "git_branch"), ("commit_hash", "git_commit"), ("repository_url", "git_remote")):
        if isinstance(git, dict) and git.get(native):
            session.metadata[ours] = git[native]
    return session


@dataclass(slots=True)
class Spoken:
    """The texts of one message that are of one origin; None is the speaker."""

    origin: str | None
    parts: list[Part] = field(default_factory=list)
    attachments: list[AttachmentRecord] = field(default_factory=list)


def spoken(payload: dict[str, Any], origin: str | None, looks_inside: bool) -> list[Spoken]:
    """Put a message's blocks together by origin, each in order; there is always at least one.

    Args:
        origin: Whose words all its texts are, where that is known.
        looks_inside: Whether texts are searched for wrappers.
    """
    groups: dict[str | None, Spoken] = {}
    for at, block in enumerate(_blocks(payload)):
        text = block.get("text")
        if not isinstance(text, str):
            group = groups.setdefault(origin, Spoken(origin))
            group.parts.append(_other_part(block, str(at), group.attachments))
            continue
        pieces = _pieces(text) if looks_inside and origin is None else [(origin, text)]
        for number, (whose, words) in enumerate(pieces):
            part_id = f"{at}.{number}" if number else str(at)
            groups.setdefault(whose, Spoken(whose)).parts.append({"type": "text", "id": part_id, "text": words})
    return list(groups.values()) or [Spoken(origin)]


def _blocks(payload: dict[str, Any]) -> list[dict[str, Any]]:
    content = payload.get("content", payload.get("message"))
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _pieces(text: str) -> Iterator[tuple[str | None, str]]:
    start = text.lstrip()
    if start.startswith(_OPENINGS):
        yield "injected", text
    elif start.startswith(_BEFORE_ASKED) and _ASKED in text:
        before, _, asked = text.partition(_ASKED)
        words = asked.lstrip()
        yield "injected", before + _ASKED + asked[: len(asked) - len(words)]
        yield None, words
    else:
        for piece in stretches(text, WRAPPERS):
            yield piece.origin, piece.raw


def _other_part(block: dict[str, Any], part_id: str, attachments: list[AttachmentRecord]) -> Part:
    url = block.get("image_url")
    if isinstance(url, str):
        return picture_at(part_id, url, attachments)
    return {"type": "image" if block.get("type") == "input_image" else "file", "id": part_id, "native": block}


def reasoning_text(payload: dict[str, Any]) -> str:
    """Join the summaries, else the content, of a reasoning item; empty when only its encrypted form is there."""
    for name in ("summary", "content"):
        blocks = payload.get(name)
        texts = [block["text"] for block in blocks if _has_text(block)] if isinstance(blocks, list) else []
        if texts:
            return "\n\n".join(texts)
    return ""


def _has_text(block: object) -> bool:
    return isinstance(block, dict) and isinstance(block.get("text"), str) and bool(block["text"])


def call_name(payload: dict[str, Any]) -> str:
    """Find the name of the tool that a call is for; built-in tools are named after their item."""
    function = payload.get("function")
    name = payload.get("name") or (function.get("name") if isinstance(function, dict) else None)
    return str(name or str(payload.get("type")).removesuffix("_call"))


def call_input(payload: dict[str, Any]) -> Any:
    """Find what a tool was called with; arguments in a JSON text are read."""
    given = next((payload[name] for name in ("arguments", "input", "action") if payload.get(name) is not None), None)
    if isinstance(given, str) and given.startswith("{"):
        try:
            return json.loads(given)
        except (ValueError, RecursionError):
            return given
    return given


def changed_files(given: Any, directory: str | None) -> list[tuple[str, str]]:
    """Find the files a call changes with a patch: the patch is its input, or the last word of its command."""
    command = given.get("command", given.get("cmd")) if isinstance(given, dict) else given
    patch = command[-1] if isinstance(command, list) and command else command
    if isinstance(given, dict) and isinstance(given.get("input"), str):
        patch = given["input"]
    if not isinstance(patch, str) or "*** Begin Patch" not in patch:
        return []
    where = given.get("workdir") if isinstance(given, dict) and isinstance(given.get("workdir"), str) else directory
    return [(absolute(path, where), "changed") for path in patched_files(patch)]


@dataclass(slots=True)
class Output:
    """What a tool gave back."""

    text: str
    details: dict[str, Any]
    """The exit code and what else is known beside the text."""
    given: Any = None
    """What was given, where it is more than text."""

    @property
    def is_error(self) -> bool:
        return self.details.get("exit_code", 0) != 0 or self.details.get("success") is False


def output_of(payload: dict[str, Any]) -> Output:
    """Read an output: a text, a JSON text with `output` and `metadata`, or a list of blocks."""
    given = next((payload[name] for name in ("output", "result", "content") if payload.get(name) is not None), "")
    if isinstance(given, dict):
        details = {"success": given["success"]} if isinstance(given.get("success"), bool) else {}
        text = next((given[name] for name in ("content", "text") if isinstance(given.get(name), str)), "")
        return Output(text, details, given)
    if isinstance(given, list):
        texts = [block["text"] for block in given if _has_text(block)]
        is_more = len(texts) < len(given)
        return Output("\n".join(texts), {}, given if is_more else None)
    if not isinstance(given, str):
        return Output("", {}, given)
    if given.startswith('{"output":'):
        return _from_json(given)
    code = _EXIT_CODE.search(given, 0, PROLOGUE_CHARS)
    return Output(given, {"exit_code": int(code[1])} if code else {})


def _from_json(given: str) -> Output:
    try:
        value = json.loads(given)
    except (ValueError, RecursionError):
        return Output(given, {})
    if not isinstance(value.get("output"), str):
        return Output(given, {})
    metadata = value.get("metadata")
    return Output(value["output"], metadata if isinstance(metadata, dict) else {})


def digest(*texts: str) -> str:
    """Name a content in 12 characters."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def review_of(payload: dict[str, Any]) -> dict[str, Any]:
    """Give what a review was of, and how it ended; what it found stands in its messages."""
    review = {name: payload[name] for name in ("type", "target", "user_facing_hint", "turn_id") if payload.get(name)}
    output = payload.get("review_output")
    if isinstance(output, dict):
        ended = ("overall_correctness", "overall_confidence_score")
        review |= {name: output[name] for name in ended if output.get(name) is not None}
        review["findings"] = len(output["findings"]) if isinstance(output.get("findings"), list) else 0
    return review
