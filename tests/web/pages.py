"""What a reader of HTML sees: elements, attributes and text, read by the standard library's parser."""

from html.parser import HTMLParser
from urllib.parse import unquote

ALLOWED = {
    **{tag: set() for tag in "p br hr strong em s blockquote ul li pre code table thead tbody tr h4 h5 h6".split()},
    "a": {"href", "title", "rel"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "ol": {"start"},
    "p": {"class"},
    "pre": {"tabindex", "role", "aria-label"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
}


class Seen(HTMLParser):
    """The elements, their attributes, and the text of a piece of HTML."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.others, self._texts, self._open = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("br", "hr", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        self.others += [] if self._open and self._open[-1] == tag else [f"</{tag}>"]
        self._open = self._open[:-1]

    def handle_data(self, data):
        self._texts.append(data)

    def handle_comment(self, data):
        self.others.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment

    @property
    def text(self):
        return "".join(self._texts)

    @property
    def links(self):
        return [attributes["href"] for tag, attributes in self.elements if tag == "a"]

    @property
    def everything(self):
        """The text, and what stands in links and titles."""
        named = [
            unquote(value) for tag, each in self.elements if tag in ("a", "ol") for value in each.values() if value
        ]
        return "\n".join([self.text, *named])


def harmless(html):
    """Read HTML; nothing but what is allowed is in it."""
    seen = Seen(html)
    assert not seen.others
    assert not seen._open
    for tag, attributes in seen.elements:
        assert tag in ALLOWED, tag
        assert set(attributes) <= ALLOWED[tag], (tag, attributes)
        if tag == "a":
            assert attributes.get("href", "mailto:").lower().startswith(("http://", "https://", "mailto:")), attributes
            assert attributes["rel"] == "noopener noreferrer nofollow"
        elif "class" in attributes:
            assert set(attributes["class"].split()) <= set(
                "code table language references center right c k s m nf nb na nt gd gi gh".split()
            )
    return seen
