"""What an answer of Open WebUI holds besides words: thoughts, calls of tools and their results."""

import html
import json
import re
from contextlib import suppress
from typing import Any

from memory.importers.reading.documents import mapping, objects, without, words
from memory.importers.reading.records import Part

_DETAILS = re.compile(
    r'<details type="(reasoning|tool_calls|code_interpreter)"([^>]*)>\s*(?:<summary>.*?</summary>)?(.*?)</details>\n?',
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_QUOTE = re.compile(r"^> ?", re.MULTILINE)
_FENCE = re.compile(r"^```\w*\n(.*?)\n?```$", re.DOTALL)


def parts_of_text(text: str) -> list[Part]:
    """Cut a text at its `<details>` blocks of thoughts, calls and code; results are parts behind their calls."""
    found: list[Part] = []
    at = 0
    for match in _DETAILS.finditer(text):
        _add_text(found, text[at : match.start()])
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(match[2])}
        found += _details(match[1], attributes, match[3].strip(), len(found))
        at = match.end()
    _add_text(found, text[at:])
    return found


def _add_text(found: list[Part], text: str) -> None:
    if text.strip():
        found.append({"type": "text", "id": str(len(found)), "text": text.strip("\n")})


def _details(kind: str, attributes: dict[str, str], body: str, at: int) -> list[Part]:
    body = html.unescape(body)
    if kind == "reasoning":
        rest = {name: value for name, value in attributes.items() if name != "done" and value}
        thought: Part = {"type": "reasoning", "id": str(at), "text": _QUOTE.sub("", body)}
        return [thought | ({"native": rest} if rest else {})]
    call_id = attributes.get("id") or f"call{at}"
    name = attributes.get("name") or kind
    given = _parsed(attributes.get("arguments"))
    result = attributes.get("result") or attributes.get("output") or (body if kind == "tool_calls" else "")
    if kind == "code_interpreter":
        fenced = _FENCE.match(body)
        given = {"code": fenced[1] if fenced else body}
    found: list[Part] = [{"type": "tool_call", "id": str(at), "call_id": call_id, "name": name, "input": given}]
    if result:
        told = _parsed(result)
        text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
        part: Part = {"type": "tool_result", "id": str(at + 1), "call_id": call_id, "name": name, "is_error": False}
        files = {each: attributes[each] for each in ("files", "embeds") if attributes.get(each)}
        found.append(
            part | {"text": text} | ({"output": told} if told != text else {}) | ({"native": files} if files else {})
        )
    return found


def _parsed(value: object) -> object:
    """Decode JSON, also JSON inside a JSON text; what is none stays as it is."""
    for _ in range(2):
        if isinstance(value, str):
            with suppress(ValueError, RecursionError):
                value = json.loads(value)
    return value


def parts_of_output(output: object) -> list[Part]:
    """Make the parts of `output` items, which have the form of OpenAI's responses."""
    found: list[Part] = []
    names: dict[str, str] = {}
    for at, item in enumerate(objects(output)):
        kind, part_id = str(item.get("type")), str(at)
        call_id = words(item.get("call_id")) or words(item.get("id")) or f"call{at}"
        if kind == "message":
            text = _said(item.get("content"))
            found += [{"type": "text", "id": part_id, "text": text}] if text else []
        elif kind == "reasoning":
            text = _said(item.get("summary")) or _said(item.get("content"))
            rest = without(item, frozenset("type id summary content encrypted_content status".split()))
            found.append({"type": "reasoning", "id": part_id, "text": text} | ({"native": rest} if rest else {}))
        elif kind == "function_call":
            names[call_id] = words(item.get("name")) or ""
            call: Part = {"type": "tool_call", "id": part_id, "call_id": call_id, "name": names[call_id]}
            found.append(call | {"input": _parsed(item.get("arguments"))})
        elif kind == "function_call_output":
            is_error = item.get("status") in ("failed", "rejected", "incomplete")
            part: Part = {"type": "tool_result", "id": part_id, "call_id": call_id, "name": names.get(call_id)}
            rest = without(item, frozenset("type id call_id output status".split()))
            found.append(
                part | {"is_error": is_error, "text": _said(item.get("output"))} | ({"native": rest} if rest else {})
            )
        else:
            call = {"type": "tool_call", "id": part_id, "call_id": call_id, "name": words(item.get("name")) or kind}
            found.append(call | {"input": without(item, frozenset(["type", "id", "call_id", "status"]))})
    return found


def _said(content: object) -> str:
    if isinstance(content, str):
        return content
    listed: list[Any] = content if isinstance(content, list) else []
    said = [each if isinstance(each, str) else mapping(each).get("text") for each in listed]
    return "\n".join(text for text in said if isinstance(text, str))
