"""Change one member of a JSON text and leave every other character as it is, comments included."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_PLAIN = re.compile(r"[^\s,\]}/]+")
MOST_NESTED = 200


class NotJson(ValueError):
    """A text is no JSON; the message names the line."""


@dataclass
class Node:
    """A value and where it stands."""

    start: int
    end: int
    value: Any
    members: "list[Member]" = field(default_factory=list)
    """Of an object."""


@dataclass
class Member:
    """A member of an object."""

    key: str
    start: int
    node: Node
    comma: int | None = None
    """Where the comma behind it stands."""


def read(text: str) -> Node:
    """Read JSON, in which comments and commas before a closing bracket may stand.

    Raises:
        NotJson: It is none.
    """
    node = _value(text, _skip(text, 0), 0)
    if (rest := _skip(text, node.end)) < len(text):
        raise _wrong(text, rest, "something stands behind the end")
    return node


def changed(text: str, path: Sequence[str], value: Any) -> str:
    """Set a member, or take it out where the value is None; objects on the way to it are made.

    Raises:
        NotJson: The text is none, or something on the way is no object.
    """
    node = read(text)
    if not isinstance(node.value, dict):
        raise _wrong(text, node.start, "an object is expected")
    for depth, key in enumerate(path):
        member = next((each for each in reversed(node.members) if each.key == key), None)
        if member is None:
            if value is None:
                return text
            for inner in reversed(path[depth + 1 :]):
                value = {inner: value}
            return _inserted(text, node, key, value)
        if depth == len(path) - 1:
            return _removed(text, node, member) if value is None else _replaced(text, member, value)
        node = member.node
        if not isinstance(node.value, dict):
            raise _wrong(text, node.start, f"{key!r} is no object")
    return text


def _value(text: str, at: int, depth: int) -> Node:
    if depth > MOST_NESTED:
        raise _wrong(text, at, "it is nested too deep")
    first = text[at : at + 1]
    if first == "{":
        return _object(text, at, depth)
    if first == "[":
        return _list(text, at, depth)
    match = (_STRING if first == '"' else _PLAIN).match(text, at)
    if match is None:
        raise _wrong(text, at, "a value is expected")
    try:
        return Node(at, match.end(), json.loads(match[0]))
    except ValueError as error:
        raise _wrong(text, at, f"{match[0][:40]!r} is no value") from error


def _object(text: str, start: int, depth: int) -> Node:
    members: list[Member] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        if members and members[-1].comma is None:
            raise _wrong(text, at, "a comma or } is expected")
        key = _STRING.match(text, at)
        if key is None:
            raise _wrong(text, at, "a name in quotes is expected")
        colon = _skip(text, key.end())
        if text[colon : colon + 1] != ":":
            raise _wrong(text, colon, "a colon is expected")
        node = _value(text, _skip(text, colon + 1), depth + 1)
        members.append(Member(json.loads(key[0]), at, node))
        at = _skip(text, node.end)
        if text[at : at + 1] == ",":
            members[-1].comma = at
            at = _skip(text, at + 1)
    return Node(start, at + 1, {each.key: each.node.value for each in members}, members)


def _list(text: str, start: int, depth: int) -> Node:
    found: list[Any] = []
    at, is_open = _skip(text, start + 1), True
    while text[at : at + 1] != "]":
        if not is_open:
            raise _wrong(text, at, "a comma or ] is expected")
        node = _value(text, at, depth + 1)
        found.append(node.value)
        at = _skip(text, node.end)
        is_open = text[at : at + 1] == ","
        at = _skip(text, at + 1) if is_open else at
    return Node(start, at + 1, found)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _wrong(text: str, at: int, what: str) -> NotJson:
    return NotJson(f"line {text.count(chr(10), 0, at) + 1}: {what}")


def _inserted(text: str, node: Node, key: str, value: Any) -> str:
    line = _line_end(text)
    outer = _indentation(text, node.start)
    if not node.members:
        written = f"{line}{outer}  {_written(key, value, outer + '  ', line)}"
        inside = text[node.start + 1 : node.end - 1]
        end = inside if inside.strip() else f"{line}{outer}"
        return text[: node.start + 1] + written + end + text[node.end - 1 :]
    last = node.members[-1]
    inner = _indentation(text, last.start)
    written = f"{line}{inner}{_written(key, value, inner, line)}"
    at = last.node.end if last.comma is None else last.comma + 1
    is_one_line = line not in text[node.start : node.end]
    return text[:at] + ("," if last.comma is None else "") + written + (line + outer if is_one_line else "") + text[at:]


def _replaced(text: str, member: Member, value: Any) -> str:
    line, inner = _line_end(text), _indentation(text, member.start)
    written = _dumped(value, inner, line)
    return text[: member.node.start] + written + text[member.node.end :]


def _removed(text: str, node: Node, member: Member) -> str:
    start, end = member.start, member.node.end if member.comma is None else member.comma + 1
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    if not text[begin:start].strip() and stop >= 0 and not text[end:stop].strip():
        start, end = begin, stop + 1
    place = node.members.index(member)
    comma = node.members[place - 1].comma if member.comma is None and place else None
    if comma is not None:
        return text[:comma] + text[comma + 1 : start] + text[end:]
    return text[:start] + text[end:]


def _written(key: str, value: Any, indentation: str, line: str) -> str:
    return f"{json.dumps(key, ensure_ascii=False)}: {_dumped(value, indentation, line)}"


def _dumped(value: Any, indentation: str, line: str) -> str:
    """Write a value over several lines, a list of texts on one."""
    if not isinstance(value, Mapping) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indentation + "  "
    members = f",{line}{inner}".join(_written(key, each, inner, line) for key, each in value.items())
    return f"{{{line}{inner}{members}{line}{indentation}}}"


def _indentation(text: str, at: int) -> str:
    begin = text.rfind("\n", 0, at) + 1
    match = re.match(r"[ \t]*", text[begin:at])
    return match[0] if match else ""


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
