"""What is changed in Markdown that was parsed, before it is written: links, pictures, headings, tasks, hidden characters."""

import re
from collections.abc import Iterator, Sequence

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from memory.api.web.texts import shortened, visible

_FOLLOWED = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20]", re.IGNORECASE)
_BARE = re.compile(
    r"(?<![\w.+-])https?://[^\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f<>\"'`“”‘’«»、。，！？；：（）「」【】]+",
    re.IGNORECASE,
)
"""A link that stands in text by itself, with what may be the sentence's behind it."""
_TASK = re.compile(r"\[([ xX])\] ")


def is_followed(url: str) -> bool:
    """Say whether a link may be followed: to a page or to a mail address elsewhere, never to a script or into this service."""
    return _FOLLOWED.match(url) is not None


def fit(state: StateCore) -> None:
    """Change the tokens of a text."""
    name: list[str] | None = None
    opened: Token | None = None
    before = ""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 3, 6)}"
        elif token.type in ("th_open", "td_open"):
            aligned = str(token.attrs.pop("style", "")).removeprefix("text-align:")
            token.attrs |= {"class": aligned} if aligned in ("center", "right") else {}
        elif token.type == "table_open":
            opened, name = token, []
        elif token.type == "thead_close" and opened is not None and name is not None:
            opened.meta = {"name": "table: " + shortened(", ".join(filter(None, name)), 80)}
            name = None
        elif token.type == "inline":
            if name is not None:
                name.append(token.content)
            children = token.children or []
            if before == "list_item_open":
                _show_task(children)
            token.children = list(_fitted(state, children))
        if token.type != "paragraph_open":
            before = token.type


def _show_task(children: Sequence[Token]) -> None:
    """Write the box of a task, `[ ]` or `[x]`, as a sign."""
    if children and children[0].type == "text" and (found := _TASK.match(children[0].content)):
        children[0].content = ("☐ " if found[1] == " " else "☑ ") + children[0].content[found.end() :]


def _fitted(state: StateCore, children: Sequence[Token]) -> Iterator[Token]:
    link: Token | None = None
    is_said = False
    for child in children:
        if child.type == "image":
            yield from _picture(state, child, is_inside=link is not None)
            is_said = True
        elif child.type == "text" and link is None:
            yield from _with_links(state, child.content)
        elif child.type in ("text", "code_inline"):
            child.content = visible(child.content)
            is_said = is_said or bool(child.content.strip())
            yield child
        else:
            if child.type == "link_open":
                link, is_said = child, False
                child.attrs = {key: visible(str(value)) for key, value in child.attrs.items()}
            elif child.type == "link_close" and link is not None:
                if not is_said:
                    yield _text(visible(state.md.normalizeLinkText(str(link.attrs["href"]))))
                link = None
            yield child


def _picture(state: StateCore, image: Token, *, is_inside: bool) -> Iterator[Token]:
    """Write a picture as a link to it with the text that stands for it; inside a link as that text."""
    href = str(image.attrs.get("src", ""))
    said = visible(_said(image.children or []))
    text = _text(f"image: {said.strip() or visible(state.md.normalizeLinkText(href))}")
    if is_inside:
        yield text
    else:
        title: dict[str, str | int | float] = {}
        if "title" in image.attrs:
            title["title"] = visible(str(image.attrs["title"]))
        yield from _link(href, text, title)


def _said(children: Sequence[Token]) -> str:
    return "".join(
        _said(each.children or []) if each.type == "image" else "\n" if each.type.endswith("break") else each.content
        for each in children
    )


def _with_links(state: StateCore, text: str) -> Iterator[Token]:
    """Cut a text at the links that stand in it by themselves."""
    done = 0
    for found in _BARE.finditer(text):
        bare = _without_sentence(found[0])
        href = state.md.normalizeLink(bare)
        if not is_followed(href):
            continue
        if found.start() > done:
            yield _text(visible(text[done : found.start()]))
        yield from _link(href, _text(visible(bare)), {})
        done = found.start() + len(bare)
    if done < len(text):
        yield _text(visible(text[done:]))


def _without_sentence(bare: str) -> str:
    """Take the end of a sentence, and a bracket that was opened before a link, from its end."""
    end = len(bare)
    opened = {closing: bare.count(opening) - bare.count(closing) for opening, closing in ("()", "[]", "{}")}
    while end:
        last = bare[end - 1]
        if opened.get(last, 0) < 0:
            opened[last] += 1
        elif last not in ".,:;!?*_~|\\":
            break
        end -= 1
    return bare[:end]


def _link(href: str, text: Token, attributes: dict[str, str | int | float]) -> Iterator[Token]:
    yield Token("link_open", "a", 1, attrs={"href": href, **attributes})
    yield text
    yield Token("link_close", "a", -1)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
