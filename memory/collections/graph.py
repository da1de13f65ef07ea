"""Relationships, and the graph they make."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from memory.collections.collection import Collection, given_time
from memory.errors import InvalidInput
from memory.kinds.relationship import Relationship
from memory.store.records import Where
from memory.store.schema import micros, whole

MOST_DEPTH = 6
"""How many arrows a walk follows at most; further out everything is related to everything."""
_NAMED = {"session": "title", "learning": "content", "project": "name"}
"""Kinds whose records have a name, and the field it stands in."""
_KINDS = ("file", "session", "message", "learning", "project", "url")


class Neighbourhood(BaseModel):
    """Part of the graph: references, and the arrows between them."""

    refs: dict[str, int]
    """Each reference, and how many arrows it is away from where the walk began."""
    relationships: list[Relationship]


def reference(text: str) -> str:
    """Write a reference the one way it is stored: a bare path becomes `file:PATH`, a link `url:…`.

    Raises:
        InvalidInput: It is empty.
    """
    clean = whole(text).strip() if isinstance(text, str) else ""
    if not clean:
        raise InvalidInput("a reference is empty; give a path, `session:ID`, `learning:ID` or a name")
    if clean.partition(":")[0] in _KINDS and ":" in clean:
        return clean
    if re.match(r"https?://", clean):
        return f"url:{clean}"
    if _looks_like_a_path(clean):
        return f"file:{clean}"
    return clean


def _looks_like_a_path(text: str) -> bool:
    if any(character.isspace() for character in text) and not text.startswith(("/", "./", "~", "\\")):
        return False
    return "/" in text or "\\" in text or re.search(r"\w\.[A-Za-z]\w{0,9}$", text) is not None or text.startswith(".")


class Graph(Collection[Relationship]):
    """The relationships of one workspace."""

    def relate(self, source: str, target: str, *, type: str, label: str | None = None, **fields: Any) -> Relationship:
        """Draw an arrow from one thing to another; one that is there already with the same ends, type and label is given.

        Args:
            source: Where it begins: `file:PATH`, `session:ID`, `message:ID`, `learning:ID`, `project:ID`, `url:…`, a bare
                path (`file:` is meant), or a free name.
            target: Where it ends.
            type: `code_code`, `code_decision`, `decision_prior_art`, `intent_implementation`, or any other word.
            label: What it says in words.
            fields: Further fields, such as `session_id`, `valid_from`, `valid_to`.
        """
        ends = {"source": reference(source), "target": reference(target)}
        if not fields:
            for there in self.list(type=type, source=ends["source"], target=ends["target"]).items:
                if there.label == label and there.valid_to is None:
                    return there
        return self.create(type=type, label=label, **ends, **fields)

    def neighbours(
        self, ref: str, *, depth: int = 1, types: Sequence[str] | None = None, as_of: datetime | None = None
    ) -> Neighbourhood:
        """Walk the graph from one reference, along arrows in both directions.

        Args:
            ref: Where to begin.
            depth: How many arrows far, 1 to 6.
            types: Which arrows are followed; None for all.
            as_of: The time at which they must hold; None for now.
        """
        if not isinstance(depth, int) or not 1 <= depth <= MOST_DEPTH:
            raise InvalidInput(f"depth is {depth}; it must be 1 to {MOST_DEPTH}")
        followed = [types] if isinstance(types, str) else types
        refs, numbers = self._store.arrows.around([reference(ref)], depth, followed, _moment(as_of))
        return Neighbourhood(refs=refs, relationships=self._numbered(numbers))

    def path(
        self, a: str, b: str, *, types: Sequence[str] | None = None, as_of: datetime | None = None
    ) -> list[Relationship]:
        """Give the arrows of a shortest way from one reference to another, in order; [] when there is none within 6."""
        start, end = reference(a), reference(b)
        at_time = _moment(as_of)
        refs, _ = self._store.arrows.around([start], MOST_DEPTH, types, at_time)
        numbers: list[int] = []
        at = end
        while at != start and at in refs:
            step = self._store.arrows.step(at, refs[at] - 1, refs, types, at_time)
            if step is None:
                return []
            numbers.append(step[0])
            at = step[1]
        distinct = sorted(set(numbers))
        found = dict(zip(distinct, self._numbered(distinct), strict=True))
        return [found[number] for number in reversed(numbers)]

    def busiest(self, limit: int = 20) -> list[str]:
        """Give the references with the most arrows, the busiest first: where a look at the graph can begin."""
        return self._store.arrows.busiest(limit)

    def names(self, refs: Sequence[str]) -> dict[str, str]:
        """Give what sessions, learnings and projects among some references are called; others are left out."""
        wanted: dict[str, list[str]] = {}
        for ref in refs:
            kind, _, id = ref.partition(":")
            if kind in _NAMED:
                wanted.setdefault(kind, []).append(id)
        found: dict[str, str] = {}
        for kind, ids in wanted.items():
            for start in range(0, len(ids), 500):
                some = ids[start : start + 500]
                where = Where(f"{{t}}.deleted_at is null and {{t}}.id in ({', '.join('?' * len(some))})", tuple(some))
                for _, record in self._store.records.select(kind, where, limit=len(some)):
                    if name := getattr(record, _NAMED[kind]):
                        found[f"{kind}:{record.id}"] = name
        return found

    def subgraph(self, refs: Sequence[str], *, as_of: datetime | None = None) -> Neighbourhood:
        """Give the arrows that run between some references."""
        wanted = list(dict.fromkeys(reference(ref) for ref in refs))
        numbers = self._store.arrows.between(wanted, _moment(as_of))
        return Neighbourhood(refs=dict.fromkeys(wanted, 0), relationships=self._numbered(numbers))

    def _numbered(self, numbers: Sequence[int]) -> list[Relationship]:
        found: list[Relationship] = []
        for start in range(0, len(numbers), 500):
            records = self._store.records.by_numbers("relationship", numbers[start : start + 500])
            found += [record for record in records.values() if isinstance(record, Relationship)]
        return found

    def _prepared(self, fields: Any) -> dict[str, Any]:
        values = super()._prepared(fields)
        return values | {
            name: reference(values[name]) for name in ("source", "target") if isinstance(values.get(name), str)
        }


def _moment(as_of: datetime | str | None) -> int:
    return micros(given_time(as_of, "as_of") if as_of else datetime.now(UTC))
