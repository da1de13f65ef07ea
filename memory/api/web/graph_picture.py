"""The graph around a thing as a picture: what is related in rings around it, the nearest inside, without overlapping names."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from urllib.parse import quote

from memory.api.web.texts import shortened, visible
from memory.collections.graph import Neighbourhood
from memory.kinds.relationship import Relationship

MOST_NODES = 60
MOST_ARROWS = 400
"""What a picture can hold; the table below it has all. Untuned."""
LABEL = 18
"""Characters of a name under its node."""
WIDE, TALL = 130.0, 40.0
"""What a node takes with its name under it, in units of the picture."""
_RING_X, _RING_Y = 150.0, 95.0
"""How far each ring is from the one inside it."""
_RADIUS, _FOCUS_RADIUS = 7.0, 10.0
_STEPS = 720
"""Places on a ring that are looked at."""
_PAGES = {"session": "/sessions/", "message": "/messages/", "learning": "/learnings/"}
_KINDS = ("file", "session", "message", "learning", "project", "url")


@dataclass(frozen=True)
class Node:
    """A thing in the picture."""

    ref: str
    kind: str
    """file, session, message, learning, project, url or name."""
    name: str
    label: str
    """Its name in at most LABEL characters."""
    x: float
    y: float
    distance: int
    """How many arrows it is away from the middle."""
    href: str
    """Its own page; where it has none, the graph around it."""
    focus_href: str
    """The graph around it."""


@dataclass(frozen=True)
class Arrow:
    """A relationship between two nodes, from edge to edge."""

    x1: float
    y1: float
    x2: float
    y2: float
    type: str
    label: str | None
    source: str
    target: str


@dataclass(frozen=True)
class GraphPicture:
    """Nodes and arrows, in a view box from 0, 0."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    left_out: int
    """Nodes that are not drawn."""
    arrows_left_out: int
    """Arrows between those that are, and are not drawn."""


@dataclass(frozen=True)
class _Ring:
    """Places on an ellipse, each as far along it as `along` says, in widths or heights of a node."""

    places: tuple[tuple[float, float], ...]
    along: tuple[float, ...]

    @property
    def room(self) -> int:
        """How many nodes have room on it."""
        return int(self.along[-1] / 1.2)

    def at(self, part: float) -> tuple[float, float]:
        """Give the place at a part, 0 to 1, of the way around."""
        wanted = (part % 1.0) * self.along[-1]
        return self.places[bisect_left(self.along, wanted) % _STEPS]


def picture(neighbourhood: Neighbourhood, focus: str, names: Mapping[str, str] | None = None) -> GraphPicture:
    """Place what is around a reference, which stands in the middle; the same neighbourhood gives the same picture.

    Args:
        neighbourhood: References with their distances, and the arrows between them.
        focus: The reference in the middle.
        names: Titles of references, to be shown instead of ids.
    """
    arrows = [each for each in neighbourhood.relationships if each.source != each.target]
    distances = {**neighbourhood.refs, focus: 0}
    degrees = Counter(end for each in arrows for end in (each.source, each.target))
    order = sorted(distances, key=lambda ref: (ref != focus, distances[ref], -degrees[ref], ref))
    drawn = order[:MOST_NODES]
    beside = _beside(arrows, set(drawn))
    rings = _rings(drawn[1:], distances)
    places = _placed(focus, rings, beside)
    width, height = 2 * (_RING_X * len(rings) + WIDE / 2 + 10), 2 * (_RING_Y * len(rings) + TALL)
    centred = {ref: (round(x + width / 2, 1), round(y + height / 2, 1)) for ref, (x, y) in places.items()}
    between = [each for each in arrows if each.source in centred and each.target in centred]
    return GraphPicture(
        width=width,
        height=height,
        nodes=tuple(_node(ref, centred[ref], distances[ref], names or {}) for ref in drawn),
        arrows=tuple(_drawn(between[:MOST_ARROWS], centred, focus)),
        left_out=len(order) - len(drawn),
        arrows_left_out=max(0, len(between) - MOST_ARROWS),
    )


def _beside(arrows: Sequence[Relationship], drawn: set[str]) -> dict[str, list[str]]:
    beside: dict[str, list[str]] = {ref: [] for ref in sorted(drawn)}
    for each in arrows:
        if each.source in drawn and each.target in drawn:
            beside[each.source].append(each.target)
            beside[each.target].append(each.source)
    return beside


def _rings(refs: Sequence[str], distances: Mapping[str, int]) -> list[list[str]]:
    """Part references into rings: a ring has one distance, a distance as many rings as it needs."""
    rings: list[list[str]] = []
    for _, same in groupby(refs, key=lambda ref: distances[ref]):
        waiting = list(same)
        while waiting:
            room = _ring(len(rings) + 1).room
            rings.append(waiting[:room])
            waiting = waiting[room:]
    return rings


@cache
def _ring(number: int) -> _Ring:
    turn = [2 * math.pi * step / _STEPS - math.pi / 2 for step in range(_STEPS + 1)]
    places = [(number * _RING_X * math.cos(angle), number * _RING_Y * math.sin(angle)) for angle in turn]
    along = [0.0]
    for one, other in pairwise(places):
        along.append(along[-1] + max(abs(one[0] - other[0]) / WIDE, abs(one[1] - other[1]) / TALL))
    return _Ring(tuple(places[:-1]), tuple(along))


def _placed(
    focus: str, rings: Sequence[Sequence[str]], beside: Mapping[str, Sequence[str]]
) -> dict[str, tuple[float, float]]:
    """Give each reference its place around 0, 0, near to what it is related to further inside."""
    places = {focus: (0.0, 0.0)}
    parts: dict[str, float] = {}
    for number, refs in enumerate(rings, start=1):
        ring = _ring(number)
        wanted = {ref: _mean([parts[each] for each in beside[ref] if each in parts]) for ref in refs}
        ordered = sorted(refs, key=lambda ref: (wanted[ref] if wanted[ref] is not None else 2.0, _kind(ref), ref))
        # half a place on, so that a node does not stand right behind one of the ring inside
        spots = [(place + number % 2 / 2) / len(refs) for place in range(len(refs))]
        turned = min(range(len(refs)), key=lambda turn: _strain(ordered, spots, wanted, turn))
        for place, ref in enumerate(ordered):
            parts[ref] = spots[(place + turned) % len(refs)]
            places[ref] = ring.at(parts[ref])
    return places


def _mean(parts: Sequence[float]) -> float | None:
    """Give the middle of places on a circle; None without any."""
    if not parts:
        return None
    x = sum(math.cos(2 * math.pi * part) for part in parts)
    y = sum(math.sin(2 * math.pi * part) for part in parts)
    return math.atan2(y, x) / (2 * math.pi) % 1.0


def _strain(ordered: Sequence[str], spots: Sequence[float], wanted: Mapping[str, float | None], turn: int) -> float:
    """Say how far the nodes of a ring would be from where they want to be."""
    strain = 0.0
    for place, ref in enumerate(ordered):
        wish = wanted[ref]
        if wish is not None:
            apart = abs(spots[(place + turn) % len(spots)] - wish)
            strain += min(apart, 1 - apart) ** 2
    return round(strain, 9)


def _node(ref: str, place: tuple[float, float], distance: int, names: Mapping[str, str]) -> Node:
    kind = _kind(ref)
    bare = ref.partition(":")[2] if kind != "name" else ref
    name = visible(names.get(ref) or bare)
    around = f"/graph?ref={quote(ref, safe='', errors='replace')}"
    page = _PAGES.get(kind)
    return Node(
        ref=ref,
        kind=kind,
        name=name,
        label=_label(kind, name, is_named=ref in names),
        x=place[0],
        y=place[1],
        distance=distance,
        # a browser takes `.` and `..` in an address as places
        href=f"{page}{quote(bare, safe='', errors='replace')}" if page and bare not in (".", "..") else around,
        focus_href=around,
    )


def _kind(ref: str) -> str:
    kind, colon, rest = ref.partition(":")
    return kind if colon and rest and kind in _KINDS else "name"


def _label(kind: str, name: str, *, is_named: bool) -> str:
    """Give the part of a name that tells most: of a path its end, of anything else its beginning."""
    if kind == "file" and not is_named:
        name = name.rstrip("/\\").replace("\\", "/").rpartition("/")[2] or name
    elif kind == "url" and not is_named:
        name = name.removeprefix("https://").removeprefix("http://")
    return shortened(name, LABEL)


def _drawn(arrows: Sequence[Relationship], places: Mapping[str, tuple[float, float]], focus: str) -> list[Arrow]:
    """Draw arrows from edge to edge of their nodes; those between the same two lie beside each other."""
    several = Counter(frozenset((each.source, each.target)) for each in arrows)
    seen: Counter[frozenset[str]] = Counter()
    found = []
    for each in arrows:
        pair = frozenset((each.source, each.target))
        shift = (seen[pair] - (several[pair] - 1) / 2) * min(5.0, 10.0 / several[pair])
        seen[pair] += 1
        (x1, y1), (x2, y2) = places[each.source], places[each.target]
        length = math.hypot(x2 - x1, y2 - y1) or 1.0
        along_x, along_y = (x2 - x1) / length, (y2 - y1) / length
        # the same side for both directions
        side = 1.0 if each.source < each.target else -1.0
        begin = _FOCUS_RADIUS if each.source == focus else _RADIUS
        end = (_FOCUS_RADIUS if each.target == focus else _RADIUS) + 1
        found.append(
            Arrow(
                x1=round(x1 + along_x * begin - along_y * shift * side, 1),
                y1=round(y1 + along_y * begin + along_x * shift * side, 1),
                x2=round(x2 - along_x * end - along_y * shift * side, 1),
                y2=round(y2 - along_y * end + along_x * shift * side, 1),
                type=visible(each.type),
                label=visible(each.label) if each.label else None,
                source=each.source,
                target=each.target,
            )
        )
    return found
