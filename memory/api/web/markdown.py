"""Markdown as safe HTML: nothing of it runs, nothing is loaded, nothing that it says is left out, and it ends in time."""

import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit, getLine, table
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from memory.api.web.cleaning import cleaned
from memory.api.web.code import code_block
from memory.api.web.fitting import fit, is_followed
from memory.api.web.texts import visible

MOST_CHARACTERS = 40_000
"""Of a text that is read as Markdown; a longer one is shown as it is."""
MOST_HTML = 1_000_000
"""Characters of HTML; a text that becomes more, such as a table of empty cells, is shown as it is."""
_DEEPEST = 20
"""Levels of lists and quotes. The parser drops what lies deeper, so such a text is shown as it is."""


_MOST_STEPS = 100_000
"""How often a rule may be tried on one text, at 3 to 9 µs each. Text that people write needs less than one a character; some
that nobody writes needs a number that grows with the square of its length."""


class _TooMuch(Exception):
    """A text that cannot be read as Markdown, wholly and in time."""


def rendered(text: str) -> str:
    """Write Markdown as HTML that can stand in a page; raw HTML in it is text. The last ones written are kept.

    A text that is too long, too deep or grows too large is given as one block of plain text.
    """
    key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return _kept.get(key, lambda: _rendered(text))


def plain(text: str, *, label: str = "text") -> str:
    """Write a text as it is, in one block."""
    return code_block(text, label=label)


def _rendered(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        return plain(text)
    env: dict[str, Any] = {}
    try:
        html = _parser().render(text, env)
    except _TooMuch:
        return plain(text)
    html += _references(text, env)
    return cleaned(html) if len(html) <= MOST_HTML else plain(text)


@cache
def _parser() -> MarkdownIt:
    options = {"html": False, "breaks": True, "linkify": False, "maxNesting": _DEEPEST}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.validateLink = is_followed  # type: ignore[method-assign]
    everywhere = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("table", "bounds", _keep_in_bounds, {"alt": everywhere})
    parser.inline.ruler.before("text", "bounds", _keep_in_time)
    parser.block.ruler.at("table", _whole_table, {"alt": ["paragraph", "reference"]})
    parser.core.ruler.push("fit", fit)
    for name, rule in (
        ("fence", _code),
        ("code_block", _code),
        ("table_open", _table_open),
        ("table_close", _table_close),
    ):
        parser.add_render_rule(name, rule)
    return parser


def _keep_in_bounds(state: StateBlock, _start: int, _end: int, _silent: bool) -> bool:
    # a list opens two levels
    if state.level >= _DEEPEST - 2:
        raise _TooMuch
    return _keep_in_time(state)


def _keep_in_time(state: StateBlock | StateInline, _silent: bool = False) -> bool:
    """Count a rule that is tried; it is never the one that reads anything."""
    state.env["steps"] = state.env.get("steps", 0) + 1
    if state.env["steps"] > _MOST_STEPS:
        raise _TooMuch
    return False


def _whole_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a table; one with more cells in a row than columns, which would be lost, is read as plain text."""
    first = len(state.tokens)
    is_table = table(state, start, end, silent)
    if silent or not is_table:
        return is_table
    columns = sum(token.type == "th_open" for token in state.tokens[first:])
    if any(_cells(getLine(state, line)) > columns for line in range(start + 2, state.line)):
        del state.tokens[first:]
        token = state.push("code_block", "code", 0)
        token.content = state.getLines(start, state.line, state.blkIndent, True)
        token.map = [start, state.line]
    return True


def _cells(line: str) -> int:
    cells = escapedSplit(line.strip(" \t"))
    return len(cells) - (cells[0] == "") - (len(cells) > 1 and cells[-1] == "")


def _code(renderer: Any, tokens: Sequence[Token], place: int, _options: Any, _env: Any) -> str:
    token = tokens[place]
    return f"{code_block(token.content, token.info)}\n"


def _table_open(renderer: Any, tokens: Sequence[Token], place: int, _options: Any, _env: Any) -> str:
    name = escape(tokens[place].meta["name"])
    return f'<div class="table" tabindex="0" role="region" aria-label="{name}"><table>\n'


def _table_close(*_: Any) -> str:
    return "</table></div>\n"


def _references(text: str, env: dict[str, Any]) -> str:
    """Write the lines that say where links lead to, which Markdown itself does not show."""
    found = [*env.get("references", {}).values(), *env.get("duplicate_refs", [])]
    if not found:
        return ""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    shown = [
        line for each in sorted(found, key=lambda each: int(each["map"][0])) for line in lines[slice(*each["map"])]
    ]
    return f'<p class="references">{"<br>".join(escapeHtml(visible(line)) for line in shown)}</p>\n'


class _Kept:
    """What was written last, as much as fits into a number of bytes; may be asked by many threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._size_bytes = 0
        self._html: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes, make: Callable[[], str]) -> str:
        """Give what is kept under a key, or make it; two threads may make the same."""
        with self._lock:
            if key in self._html:
                self._html.move_to_end(key)
                return self._html[key]
        html = make()
        size = sys.getsizeof(html)
        with self._lock:
            if key not in self._html and size <= self._most_bytes:
                self._html[key] = html
                self._size_bytes += size
            while self._size_bytes > self._most_bytes:
                self._size_bytes -= sys.getsizeof(self._html.popitem(last=False)[1])
        return html


_kept = _Kept(16 * 1024 * 1024)
"""Of this process. A page of 50 messages of 2,000 characters takes .5 MB."""
