"""Pages from templates: every value escaped, every name made visible, no script or style but our own files."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from memory.api.web.own_files import address
from memory.api.web.texts import shortened, visible
from memory.search.answer import SearchHit

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        " trusted-types fragments"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every page. Whatever a message holds, a browser runs, loads and sends nothing for it."""


def render(template: str, **values: Any) -> str:
    """Fill a template of `templates/`; a value that is missing is an error of the program."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("memory.api.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "visible": visible,
        "marked": marked,
        "moment": moment,
        "segment": segment,
        "number": number,
        "combined": combined,
        "told": told,
        "brief": brief,
    }
    environment.globals |= {"asset": address, "url": url, "hit_address": hit_address, "ref_address": ref_address}
    return environment


def marked(snippet: str) -> Markup:
    """Write a snippet of a search, in which what was looked for stands between `<mark>` and `</mark>`."""
    clean = str(escape(visible(snippet)))
    return Markup(clean.replace("&lt;mark&gt;", "<mark>").replace("&lt;/mark&gt;", "</mark>"))  # noqa: S704 - escaped above


def moment(at: datetime | None) -> Markup:
    """Write a time as a `time` element: in UTC, until the page's own code writes it in the reader's zone."""
    if at is None:
        return Markup("")
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(utc.isoformat(), f"{utc:%Y-%m-%d %H:%M} UTC")


def number(count: int) -> str:
    """Write a number with its thousands apart."""
    return f"{count:,}"


def segment(text: str) -> str:
    """Write an id as one part of an address."""
    return quote(text, safe="")


def url(path: str, **query: Any) -> str:
    """Make an address of this service; values that are None or "" are left out."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def combined(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values of both; where they share a name, those of the second."""
    return {**values, **more}


def told(value: Any) -> str:
    """Write a value of any type: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def brief(text: str) -> str:
    """Write the beginning of a text, for a name."""
    return shortened(text, 80)


def hit_address(hit: SearchHit, query: str) -> str:
    """Give where an answer is read: a message inside its session, a learning, a session."""
    if hit.kind == "learning":
        return f"/learnings/{segment(hit.id)}"
    if hit.kind == "session":
        return f"/sessions/{segment(hit.id)}"
    return url(f"/sessions/{segment(hit.session_id or '')}", at=hit.id, query=query)


def ref_address(ref: str) -> str:
    """Give where a reference of the graph is looked at: the record itself, or else the graph around it."""
    kind, _, id = ref.partition(":")
    if kind in ("session", "message", "learning") and id:
        return f"/{kind}s/{segment(id)}"
    return url("/graph", ref=ref)
