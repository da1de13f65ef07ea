"""Account for every record of a folder of transcripts: where what it says went, or why it was left out.

Each file is read twice: by the importer that recognises it, and here, as plain JSON, JSON lines, text or a database, by
code that knows nothing of its format. Every line of text that a record holds is looked for in what the importer yielded. What
is not found must be named below, with a reason; what is neither found nor named is unexplained, and there must be none.

    python benchmarks/account_transcripts.py FOLDER… [--json FILE] [--show N]

Times, ids and numbers are not looked for: they have columns, and `count_transcripts.py` counts what hangs on them.
"""

import argparse
import base64
import binascii
import html
import json
import platform
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw

from memory.importers.reading.finding import Found, find_files
from memory.importers.reading.records import MessageRecord, Problem, RelationshipRecord, SessionRecord
from memory.importers.reading.source import Source

PLACES = ("message", "part", "attachment", "relationship", "session", "metadata", "identity", "problem")
_LINES_OF_LEAF = 60
"""Lines of one text that are looked for: the first and the last; what lies between is the same text."""
_SHORTEST = 8
_ID = re.compile(r"^[\w.:@/+=-]*\d[\w.:@/+=-]*$")
_FENCE = re.compile(r"^[>#\s]*(?:`{3,}|~{3,})\w*$")
_TIME = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_LETTERS = re.compile(r"[^\W\d_]{3}")

STRUCTURE = frozenset(
    "type role subtype content_type sender from kind status hookEvent permissionMode decision stop_reason finish_reason".split()
)
"""Names of fields whose values say what a record is: they became the kind of item that it is."""
_COPY = "what a message says, in another form"
_TOOLS = "the definition of a tool, the same in every session"
_SETTINGS = "the program's settings at the time"
_SIGNED = "a signature or a cipher that nobody but its maker can read"
_SCREEN = "what was on the screen while a tool ran"
_WRITTEN = "how the program writes what kind of thing this is"
_TELEMETRY = "counts and times for the program's maker"
_QUIET = "which hook ran, where it said nothing"
DROPPED: dict[str, list[tuple[str, str]]] = {
    "*": [
        (r"[sS]ignature$|encrypted_content$|encrypted$", _SIGNED),
        (
            r"data:image/\w+;base64,<scrubbed>|truncated\)|redacted\)|trimmed for fixture",
            "cut out of the file before it was given away",
        ),
    ],
    "aider": [
        (r"^line\|# aider chat started", "the time when a session started"),
        (r"^line\|#### <blank>", "the mark of a prompt without words"),
    ],
    "antigravity": [
        (r"USER_INPUT\|\.(?:source|content)$", "the mark that the person typed it, and the wrapper around the words"),
        (r"tool_calls\.args", "the same words without the quotation marks around them"),
    ],
    "chatgpt": [(r"\|\.(?:id|parent)client-created-root", "the node above the first message, which says nothing")],
    "chatlogs": [],
    "claude-ai": [(r"chat_messages item.*\|\.text$", "a flattened copy of the message's blocks")],
    "claude-code": [
        (r"\|\.userType$|\|\.level$", "the same in every line"),
        (r"message\.model<synthetic>", "the mark that the program wrote it itself: its role says so"),
        (r"^summary\|\.summary", "a title that a later one has replaced"),
        (r"^queue-operation", "a prompt that was taken back before it was sent"),
        (r"<bash-stdout></bash-stdout>", "the wrapper of an output that is empty"),
        (r"^system (?:stop_hook_summary|turn_duration)", _QUIET),
        (r"^progress", _SCREEN),
        (r"^last-prompt", _COPY),
        (r"\|\.toolUseResult\.originalFile", "the file as it was before it was changed: a backup"),
        (r"\|\.toolUseResult", _COPY),
        (
            r"^(?:attachment hook_\w+|system stop_hook_summary)\|.*(?:command|hookName|hookEventName|hookInfos|toolUseID)",
            _QUIET,
        ),
        (r"^(?:file-history|permission-mode|mode|agent-setting|worktree-state|bridge-session)", _SETTINGS),
        (
            r"^attachment (?:task_reminder|skill_listing|deferred_tools|command_permissions|auto_mode|mcp_|date|plan_)",
            _SETTINGS,
        ),
    ],
    "codex": [
        (r"\.image_urldata:|payload\.idreview_rollout", "a picture that was cut out, and an id"),
        (r"^compacted", _COPY),
        (
            r"^event_msg (?:exec_command|patch_apply|mcp_tool_call|user_message|agent_)",
            _COPY,
        ),
        (r"dynamic_tools|\.tools\b", _TOOLS),
        (r"^turn_context|thread_settings|^world_state|multi_agent_version", _SETTINGS),
        (r"exited_review_mode.*findings|overall_explanation", _COPY),
        (r"^event_msg (?:task_complete|collab_|item_|turn_|context_compacted|mcp_|web_search)", _COPY),
    ],
    "copilot": [
        (r"^hook\.|^session\.truncation|auto_mode|providerCallId|serviceRequestId|repositoryHost", _TELEMETRY),
    ],
    "cursor": [
        (r"\|\.message\.content\.text$", "the wrapper around the person's words"),
        (r"latestRootBlobId", "the hash of the blob that names the messages"),
    ],
    "droid": [
        (r"^(?:todo_state|agent_turn_outcome)", "what is to be done, as it was at the moment, and how a turn ended")
    ],
    "gemini-cli": [(r"toolCalls\.(?:description|displayName)$", _TOOLS)],
    "hermes": [(r"\|\.tools\.", _TOOLS), (r"^row of \w+\|", _WRITTEN)],
    "kimi": [
        (r"payload\.textElsewhere", "the prompt of a sub-agent, which stands in its own file"),
        (r"^llm\.tools_snapshot", _TOOLS),
        (r"^(?:tools\.set_active|profile\.bind|permission\.|llm\.request|config\.update)", _SETTINGS),
        (r"display\.detail$|^turn\.ended", _SCREEN),
        (r"contextSummary", _COPY),
    ],
    "langchain": [(r"^messages item: constructor\|\.id", _WRITTEN)],
    "langgraph": [(r"^row of", "written in msgpack, which is not looked into here; its importer's tests do")],
    "litechat": [(r"in-clear-", "a secret: the field it stands in is kept without it")],
    "markdown": [(r"^line\|", "front matter, without the quotation marks around its values")],
    "open-webui": [
        (r"</?details|</?summary|^row of chat", _WRITTEN),
        (r"titleNew Chat", "the title of a chat that has none"),
        (r"messages\.\*\.contentold copy", "a flattened copy of the answer's output"),
    ],
    "opencode": [(r"titleChild session|migration", "the title of a session that has none")],
    "pi": [
        (r"partialJson$", _COPY),
        (r"^model_change\|\.provider$", _SETTINGS),
    ],
    "pydantic-ai": [(r"\.part_kind|\.scope", _WRITTEN)],
    "qwen": [(r"systemPayload\.phase", _WRITTEN), (r"session_artifact_snapshot|ui_telemetry", _TELEMETRY)],
}
"""What importers leave out on purpose: where it stands (`kind|path`, and the text of a line), and why."""


@dataclass
class Account:
    """What became of the records of one format."""

    files: int = 0
    records: int = 0
    places: Counter[str] = field(default_factory=Counter)
    """Records by the first of PLACES where something of them went; `nothing` for those that say nothing."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Records by the reason for which something, or all, of them was left out."""
    unexplained: Counter[str] = field(default_factory=Counter)
    """Kinds of record, and where in them something stands that was neither found nor is to be left out."""
    examples: dict[str, str] = field(default_factory=dict)


def records_in(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield what a file holds, each record with the name of its kind."""
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"SQLite format 3"):
        yield from _rows(path)
        return
    text = path.read_text(encoding="utf-8-sig", errors="replace").replace("\x00", "")
    try:
        yield from _parts_of_document(json.loads(text))
        return
    except ValueError:
        pass
    if not text.lstrip().startswith(("{", "[")):
        yield from (("line", line) for line in text.splitlines() if line.strip())
        return
    decoder = json.JSONDecoder()
    for line in text.splitlines():
        at = 0
        while (rest := line[at:].lstrip()) and rest:
            at = len(line) - len(rest)
            try:
                value, end = decoder.raw_decode(line, at)
            except ValueError:
                yield "broken line", None
                break
            yield _kind_of(value), value
            at = end


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    connection = apsw.Connection(f"file:{path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    tables = [row[0] for row in connection.execute("select name from sqlite_schema where type = 'table'")]
    for table in tables:
        for row in connection.execute(f'select * from "{table}"'):
            for cell in row:
                text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
                if isinstance(text, str) and re.fullmatch(r"(?:[0-9a-f]{2})+", text):
                    text = bytes.fromhex(text).decode("utf-8", "replace")
                if isinstance(text, str):
                    yield f"row of {table}", _decoded(text)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _parts_of_document(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield a document's messages one by one, and what stands around them."""
    if isinstance(document, list):
        for each in document:
            yield from _parts_of_document(each)
        return
    if not isinstance(document, dict):
        yield "value", document
        return
    rest = {}
    for name, value in document.items():
        listed = list(value.values()) if name == "mapping" and isinstance(value, dict) else value
        is_list = isinstance(listed, list) and listed and all(isinstance(each, dict) for each in listed)
        if is_list and name in (
            "messages",
            "chat_messages",
            "conversations",
            "mapping",
            "items",
            "history",
            "interactions",
        ):
            yield from ((f"{name} item: {_kind_of(each)}", each) for each in listed)
        else:
            rest[name] = value
    yield _kind_of(rest), rest


def _kind_of(value: Any) -> str:
    if not isinstance(value, dict):
        return type(value).__name__
    payload = value.get("payload") if isinstance(value.get("payload"), dict) else {}
    names = [value.get("type"), payload.get("type"), value.get("subtype"), value.get("role"), value.get("from")]
    attachment = value.get("attachment")
    names.append(attachment.get("type") if isinstance(attachment, dict) else None)
    return " ".join(str(name) for name in names if isinstance(name, str)) or "document"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in a record with where it stands; a text that is JSON is looked into."""
    if isinstance(value, dict):
        for name, each in value.items():
            # names that are paths or ids are data, not names
            yield from leaves(each, f"{path}.{name if re.fullmatch(r'[A-Za-z_$-]{1,40}', name) else '*'}")
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, path)
    elif isinstance(value, str):
        inner = _decoded(value) if value[:1] in ("{", "[") else None
        if isinstance(inner, dict | list):
            yield from leaves(inner, path)
        else:
            yield path, value


def lines_of(text: str) -> list[str]:
    """Give the lines of a text that say something, without what white space and wrappers stand around them."""
    if len(text) > 2_000 and " " not in text[:2_000] and "\n" not in text[:2_000]:
        return [text]
    found = []
    for line in text.replace("\\n", "\n").splitlines():
        plain = " ".join(line.split())
        if (
            len(plain) >= _SHORTEST
            and not _FENCE.match(plain)
            and _LETTERS.search(plain)
            and not _ID.match(plain)
            and not _TIME.match(plain)
        ):
            found.append(plain)
    if len(found) > _LINES_OF_LEAF:
        found = found[: _LINES_OF_LEAF // 2] + found[-_LINES_OF_LEAF // 2 :]
    return found


class Yielded:
    """All texts that an importer yielded for one file, by line, with the places where they went."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        self._all: list[str] = []
        self._digests: set[str] = set()
        self._joined: str | None = None

    def take(self, item: object) -> None:
        if isinstance(item, MessageRecord):
            for part in item.parts:
                place = "message" if part.get("type") == "text" else "part"
                self._add(place, {name: value for name, value in part.items() if name != "native"})
                self._add("metadata", part.get("native"))
            for attached in item.attachments:
                self._digests.add(sha256(attached.read()).hexdigest())
                self._add("attachment", [attached.name, attached.media_type])
            self._add("part", [item.tool_call, item.tool_result, item.tool_name, item.error])
            self._add("metadata", [item.metadata, item.model])
            self._add("identity", [item.key, item.session_key, item.parent_key, item.sender_id])
        elif isinstance(item, SessionRecord):
            named = [item.title, item.summary, item.project, item.model, item.system_prompt]
            self._add("session", [*named, item.participants, item.keywords, item.tags])
            self._add("metadata", item.metadata)
            self._add("identity", [item.key, item.parent_key, item.forked_at_key])
        elif isinstance(item, RelationshipRecord):
            self._add("relationship", [item.source, item.target, item.label, item.source.partition(":")[2]])
            self._add("relationship", item.target.partition(":")[2])
        elif isinstance(item, Problem):
            self._add("problem", item.what)

    def _add(self, place: str, value: Any) -> None:
        for _, text in leaves(value):
            self._all.append(text)
            for line in lines_of(text):
                if line not in self._lines or PLACES.index(place) < PLACES.index(self._lines[line]):
                    self._lines[line] = place

    def place(self, line: str) -> str | None:
        """Say where a line went; None when it is not there."""
        if line in self._lines:
            return self._lines[line]
        if (len(line) > 200 or line.startswith("data:")) and _is_base64(line, self._digests):
            return "attachment"
        # a part of a line: what a program put around the words was cut away
        if self._joined is None:
            self._joined = "\n".join(" ".join(text.replace("\\n", "\n").split()) for text in self._all)
        line = html.unescape(line)
        bare = re.sub(r"^(?:>|#{1,4})\s*", "", line)
        if line in self._joined or (bare and bare in self._joined):
            return "message"
        pieces = [
            piece.strip() for piece in re.split(r"</?[a-z_-]+>|```\w*|^[>#*\s-]+|^data:[^,]+,", line) if piece.strip()
        ]
        if len(pieces) >= 1 and pieces != [line] and all(piece in self._joined for piece in pieces):
            return "message"
        return None


def _is_base64(text: str, digests: set[str]) -> bool:
    body = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return sha256(base64.b64decode(body, validate=True)).hexdigest() in digests
    except (binascii.Error, ValueError):
        return False


def reason_for(format: str, kind: str, path: str, line: str) -> str | None:
    """Find the reason for which something is left out; None when there is none."""
    where, whole = f"{kind}|{path}", f"{kind}|{path}{line}"
    for pattern, reason in [*DROPPED.get(format, []), *DROPPED["*"]]:
        if re.search(pattern, where) or re.search(pattern, whole):
            return reason
    return None


def account_file(found: Found, account: Account) -> None:
    """Add what became of one file's records."""
    yielded = Yielded()
    for item in found.importer.read(Source(found.path)):
        yielded.take(item)
    account.files += 1
    for path in [found.path, *(each for each in found.companions if each.suffix in (".json", ".jsonl", ".yaml"))]:
        for kind, record in records_in(path):
            _account_record(found, kind, record, yielded, account)


def _account_record(found: Found, kind: str, record: Any, yielded: Yielded, account: Account) -> None:
    account.records += 1
    if kind == "broken line":
        account.places["problem"] += 1
        return
    places: set[str] = set()
    reasons: set[str] = set()
    for path, text in leaves(record):
        if path.rpartition(".")[2] in STRUCTURE and len(text) < 80:
            continue
        for line in lines_of(text):
            place = yielded.place(line)
            if place is not None:
                places.add(place)
            elif reason := reason_for(found.importer.FORMAT, kind, path, line):
                reasons.add(reason)
            else:
                account.unexplained[f"{kind}|{path}"] += 1
                account.examples.setdefault(f"{kind}|{path}", f"{found.path.name}: {line[:110]!r}")
                break
    account.places[min(places, key=PLACES.index) if places else "dropped" if reasons else "nothing"] += 1
    account.dropped.update(reasons)


def account_folders(folders: list[Path]) -> dict[str, Account]:
    """Account for every file that an importer recognises, by format."""
    accounts: dict[str, Account] = {}
    skipped: list[dict[str, str]] = []
    for found in find_files(folders, None, skipped):
        if isinstance(found, Found):
            account_file(found, accounts.setdefault(found.importer.FORMAT, Account()))
    accounts["(of no format)"] = Account(files=len(skipped))
    return accounts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    parser.add_argument("--show", type=int, default=20, help="how many unexplained places are shown a format")
    given = parser.parse_args()
    accounts = account_folders(given.folders)
    columns = ["files", "records", *PLACES, "nothing", "dropped", "unexplained"]
    print(f"{'format':16}" + "".join(f"{name:>13}" for name in columns))
    for name, account in sorted(accounts.items()):
        row = [account.files, account.records, *(account.places[each] for each in PLACES)]
        row += [account.places["nothing"], account.places["dropped"], account.unexplained.total()]
        print(f"{name:16}" + "".join(f"{value:13,}" for value in row))
    print("\nleft out on purpose, by the number of records:")
    for name, account in sorted(accounts.items()):
        for reason, count in account.dropped.most_common():
            print(f"  {name:14} {count:8,}  {reason}")
    for name, account in sorted(accounts.items()):
        if account.unexplained:
            print(f"\nunexplained in {name}: {account.unexplained.total()}")
            for where, count in account.unexplained.most_common(given.show):
                print(f"  {count:7,}  {where}  {account.examples[where]}")
    print(f"\nPython {platform.python_version()}, {platform.machine()}")
    if given.json:
        figures = {
            name: {"files": each.files, "records": each.records, "places": each.places, "dropped": each.dropped,
                   "unexplained": each.unexplained.total()}
            for name, each in accounts.items()
        }  # fmt: skip
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sys.exit(any(account.unexplained for account in accounts.values()))


if __name__ == "__main__":
    main()
