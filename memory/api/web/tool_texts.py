"""What tools were asked and answered, in the words that a reader wants: which file, which command, what came first."""

import difflib
import json
import re
import shlex
from collections.abc import Mapping
from html import escape
from typing import Any

from memory.api.web.code import code_block
from memory.api.web.texts import shortened, visible

MOST_OUTPUT = 8_000
"""Characters of what a tool was given or answered that are shown at first."""
_TELLING = (
    "command cmd file_path path absolute_path target_file notebook_path filename file pattern query q url description prompt"
    " task input code text name"
).split()
"""Arguments that say what a call is about, the most telling first."""
_REPLACED = (("old_string", "new_string"), ("old_str", "new_str"), ("oldString", "newString"), ("old_text", "new_text"))
_DIFF = re.compile(r"(?:.*\n){0,3}?(?:diff --git |Index: |\*\*\* Begin Patch|--- .*\n\+\+\+ |@@ -\d+)")
_LANGUAGES = {"command": "bash", "cmd": "bash", "script": "bash", "patch": "diff", "diff": "diff", "sql": "sql"}
_LABEL = 120


def call_label(name: str, given: Any) -> str:
    """Name a call in one line: the tool, and the argument that says most."""
    about = shortened(_about(given), _LABEL)
    said = shortened(name, 60) or "tool"
    return f"{said}: {about}" if about else said


def _about(given: Any) -> str:
    if not isinstance(given, Mapping):
        return given if isinstance(given, str) else as_json(given) if given else ""
    told = [given[name] for name in _TELLING if name in given] + list(given.values())
    for value in told:
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            return value[2] if value[1:2] in (["-c"], ["-lc"]) and len(value) == 3 else shlex.join(value)
    return ""


def call_html(given: Any) -> tuple[str, int]:
    """Write what a call was given, and say how many characters of it are left out."""
    if given in (None, "", {}, []):
        return "<p>no arguments</p>", 0
    if isinstance(given, str):
        return output_html(given, label="arguments")
    if isinstance(given, Mapping) and (replaced := _replacement(given)) is not None:
        return replaced
    if isinstance(given, Mapping) and any(isinstance(value, str) and "\n" in value for value in given.values()):
        return _listed(given)
    whole = as_json(given, indent=2)
    return code_block(whole[:MOST_OUTPUT], "json", label="arguments", is_named=False), _missing(whole)


def _replacement(given: Mapping[str, Any]) -> tuple[str, int] | None:
    """Write an edit, which names the text before and after, as a difference."""
    for old, new in _REPLACED:
        before, after = given.get(old), given.get(new)
        if isinstance(before, str) and isinstance(after, str):
            rest = {key: value for key, value in given.items() if key not in (old, new)}
            left_out = _missing(before) + _missing(after)
            lines = difflib.unified_diff(
                before[:MOST_OUTPUT].splitlines(), after[:MOST_OUTPUT].splitlines(), "before", "after", lineterm=""
            )
            shown = code_block("\n".join(lines), "diff", label="edit", is_named=False)
            html, more = call_html(rest) if rest else ("", 0)
            return html + shown, left_out + more
    return None


def _listed(given: Mapping[str, Any]) -> tuple[str, int]:
    """Write arguments one below the other, those of several lines as they are."""
    found, left_out, room = [], 0, MOST_OUTPUT
    for name, value in given.items():
        is_text = isinstance(value, str)
        whole = value if is_text else as_json(value)
        shown, room = whole[:room], max(0, room - len(whole))
        left_out += len(whole) - len(shown)
        html = (
            code_block(shown, language_of(shown) or _LANGUAGES.get(name, ""), label=shortened(name, 60), is_named=False)
            if is_text and "\n" in shown
            else f"<code>{escape(visible(shown))}</code>"
        )
        found.append(f"<dt>{escape(shortened(str(name), 60))}</dt><dd>{html}</dd>")
    return f'<dl class="arguments">{"".join(found)}</dl>', left_out


def result_label(name: str | None, text: str, *, is_error: bool) -> str:
    """Name a result in one line: the tool, how its answer begins, and how long it is."""
    first = next((line for line in text[:2_000].splitlines() if line.strip()), "")
    said = [shortened(name, 60) if name else "", "error" if is_error else "", shortened(first, _LABEL), size(len(text))]
    return " · ".join(each for each in said if each)


def output_html(text: str, *, label: str = "output") -> tuple[str, int]:
    """Write a text of a tool as it is, differences coloured, and say how many characters of it are left out."""
    shown = text[:MOST_OUTPUT]
    return code_block(shown, language_of(shown), label=label, is_named=False), _missing(text)


def language_of(text: str) -> str:
    """Say `diff` of a text that begins as a difference or patch does; "" of any other."""
    return "diff" if _DIFF.match(text[:2_000]) else ""


def hunks_text(hunks: Any) -> str:
    """Write hunks of a patch, as Claude Code notes them, as a difference; "" when they are none."""
    if not isinstance(hunks, list):
        return ""
    found = []
    for hunk in hunks:
        if not isinstance(hunk, Mapping) or not isinstance(hunk.get("lines"), list):
            return ""
        numbers = [hunk.get(name) for name in ("oldStart", "oldLines", "newStart", "newLines")]
        if all(isinstance(each, int) for each in numbers):
            found.append("@@ -{},{} +{},{} @@".format(*numbers))
        found += [line for line in hunk["lines"] if isinstance(line, str)]
    return "\n".join(found)


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Write a value as JSON that people read."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def size(characters: int) -> str:
    """Say how long a text is, in one word."""
    if characters < 1_000:
        return f"{characters} characters" if characters != 1 else "1 character"
    return f"{characters / 1_000:.0f} kB" if characters < 1_000_000 else f"{characters / 1_000_000:.1f} MB"


def _missing(whole: str) -> int:
    return max(0, len(whole) - MOST_OUTPUT)
