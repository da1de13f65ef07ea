"""Code as HTML: highlighted by its language's name alone, in bounded time, with classes that `assets/code.css` colours."""

import time
from collections.abc import Iterator
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token, _TokenType

from memory.api.web.texts import shortened, visible

MOST_HIGHLIGHTED = 10_000
"""Characters of a piece of code that is longer stay plain. Some lexers take time that grows with the square of the length:
of 10,000 characters no single token takes more than .15 s (330 patterns in each language, 2026-11-21)."""
MOST_SECONDS = 0.1
"""Of processor time for one piece of code; what is left of it then stays plain."""
_WIDEST = 36
"""Characters of a line from which on it may have to be scrolled: what a phone shows."""
_LANGUAGES = frozenset(
    "apache applescript awk bash c clojure cmake common-lisp cpp csharp css dart diff dockerfile elixir erlang fsharp go"
    " graphql groovy haskell hcl html java javascript jinja json json5 jsx julia kotlin latex less lua makefile"
    " markdown nginx nix objective-c perl php powershell proto python pycon pytb r ruby rust scala scheme scss solidity"
    " sql swift terraform toml tsx typescript vim vue xml yaml zig".split()
)
"""Lexers that were seen to need bounded time; Pygments has 500 more, among them some that do not."""
_OTHER_NAMES = {
    "c++": "cpp",
    "c#": "csharp",
    "cs": "csharp",
    "cc": "cpp",
    "h": "c",
    "hpp": "cpp",
    "console": "bash",
    "ex": "elixir",
    "docker": "dockerfile",
    "golang": "go",
    "gql": "graphql",
    "hs": "haskell",
    "htm": "html",
    "js": "javascript",
    "mjs": "javascript",
    "node": "javascript",
    "jsonc": "json5",
    "jsonl": "json",
    "kt": "kotlin",
    "lisp": "common-lisp",
    "make": "makefile",
    "md": "markdown",
    "objc": "objective-c",
    "patch": "diff",
    "pl": "perl",
    "ps1": "powershell",
    "protobuf": "proto",
    "py": "python",
    "py3": "python",
    "python3": "python",
    "pyi": "python",
    "rb": "ruby",
    "rs": "rust",
    "sh": "bash",
    "shell": "bash",
    "shell-session": "bash",
    "sqlite": "sql",
    "postgresql": "sql",
    "svg": "xml",
    "tex": "latex",
    "tf": "terraform",
    "ts": "typescript",
    "traceback": "pytb",
    "viml": "vim",
    "yml": "yaml",
    "zsh": "bash",
}
_CLASSES: dict[_TokenType, str] = {
    Token.Comment: "c",
    Token.Comment.Preproc: "k",
    Token.Keyword: "k",
    Token.Keyword.Constant: "m",
    Token.Operator.Word: "k",
    Token.Literal: "s",
    Token.Literal.Number: "m",
    Token.Name.Attribute: "na",
    Token.Name.Builtin: "nb",
    Token.Name.Class: "nf",
    Token.Name.Constant: "m",
    Token.Name.Decorator: "nf",
    Token.Name.Entity: "m",
    Token.Name.Exception: "nb",
    Token.Name.Function: "nf",
    Token.Name.Tag: "nt",
    Token.Name.Variable: "na",
    Token.Generic.Deleted: "gd",
    Token.Generic.Error: "gd",
    Token.Generic.Heading: "gh",
    Token.Generic.Inserted: "gi",
    Token.Generic.Prompt: "c",
    Token.Generic.Subheading: "gh",
    Token.Generic.Traceback: "gd",
}
"""Kinds of token that are coloured; kinds below them are coloured alike, all others are not."""
TOKEN_CLASSES = frozenset(_CLASSES.values())


def code_block(code: str, language: str = "", *, label: str = "code", is_named: bool = True) -> str:
    """Write code as a block of HTML, highlighted when its language is known; it takes the keyboard when it may scroll.

    Args:
        code: Any text; what cannot be seen in it is shown.
        language: What stands behind the fence; its first word names the language.
        label: What a screen reader calls it.
        is_named: Whether the language is written above it.
    """
    info = shortened(language, 200) if is_named else ""
    shown = visible(code)
    caption = f'<span class="language">{escape(info)}</span>' if info else ""
    name = f"{label}: {info}" if info else label
    reach = ""
    if len(max(shown.expandtabs(4).split("\n"), key=len)) > _WIDEST:
        reach = f' tabindex="0" role="region" aria-label="{escape(name)}"'
    return f'<div class="code">{caption}<pre{reach}><code>{highlighted(shown, language)}</code></pre></div>'


def highlighted(code: str, language: str, *, seconds: float = MOST_SECONDS) -> str:
    """Write code as HTML, with `span`s where its language is known and it is not long; the text is the very text."""
    lexer = _lexer(language) if len(code) <= MOST_HIGHLIGHTED else None
    if lexer is None:
        return escape(code)
    return "".join(
        f'<span class="{name}">{escape(text)}</span>' if name else escape(text)
        for name, text in _runs(lexer, code, seconds)
    )


def _lexer(language: str) -> Lexer | None:
    words = language.split(None, 1)
    named = words[0].lower().strip("{}.") if words else ""
    known = _OTHER_NAMES.get(named, named)
    # the lexer of Markdown would read what is fenced by any lexer that the fence names
    options = {"handlecodeblocks": False} if known == "markdown" else {}
    return get_lexer_by_name(known, **options) if known in _LANGUAGES else None


def _runs(lexer: Lexer, code: str, seconds: float) -> Iterator[tuple[str, str]]:
    """Cut code into runs of one class; behind what could be read in time, and what a lexer dropped, all is one run."""
    until = time.thread_time() + seconds
    run, name, done = "", "", 0
    # lexers expect a last line that ends
    for place, kind, token in lexer.get_tokens_unprocessed(f"{code}\n"):
        if place != done or time.thread_time() > until:
            break
        text = token[: len(code) - done]
        done += len(text)
        its_class = _class_of(kind)
        if its_class != name and (text.strip() or not name):
            yield name, run
            run, name = "", its_class
        run += text
    yield name, run
    yield "", code[done:]


def _class_of(kind: _TokenType) -> str:
    while kind not in _CLASSES:
        if kind.parent is None:
            return ""
        kind = kind.parent
    return _CLASSES[kind]
