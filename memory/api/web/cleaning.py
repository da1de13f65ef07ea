"""The second fence: whatever made the HTML of a text, only these elements, attributes, classes and links get out."""

from functools import cache

import nh3

from memory.api.web.code import TOKEN_CLASSES

_PLAIN = "p br hr strong em s blockquote ul ol li pre code table thead tbody tr th td h4 h5 h6 a span div".split()
SCHEMES = frozenset({"http", "https", "mailto"})
"""Of links that can be followed."""
_SCROLLED = {"tabindex": {"0"}, "role": {"region"}}


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_PLAIN),
        # nothing is dropped with what it holds: what is not allowed loses its tag, and its text stays
        clean_content_tags=set(),
        attributes={"a": {"href", "title"}, "ol": {"start"}, "pre": {"aria-label"}, "div": {"aria-label"}},
        tag_attribute_values={"pre": _SCROLLED, "div": _SCROLLED},
        allowed_classes={
            "div": {"code", "table"},
            "span": {"language", *TOKEN_CLASSES},
            "p": {"references"},
            "th": {"center", "right"},
            "td": {"center", "right"},
        },
        url_schemes=set(SCHEMES),
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )


def cleaned(html: str) -> str:
    """Give the same HTML without what is not allowed."""
    return _cleaner().clean(html)
