"""The tree of a chat: which message answers which, and which are shown; links that contradict each other are mended."""

from typing import Any

from memory.importers.reading.documents import mapping, words


class Tree:
    """A chat's messages by id, in the order of the file, each with one parent at most and no cycle."""

    def __init__(self, messages: dict[str, Any], current: object) -> None:
        self.messages = {id: each for id, each in messages.items() if isinstance(each, dict) and each.get("role")}
        self.parents = self._parents()
        self._children: dict[str, list[str]] = {}
        for id, parent in self.parents.items():
            if parent is not None:
                self._children.setdefault(parent, []).append(id)
        self.path = self._path(self._leaf(current))
        self._on_path = set(self.path)
        self._beside = {self.parents[id]: self.messages[id].get("modelIdx") for id in self.path}
        self._latest = {(self.parents[id], _model_of(message)): id for id, message in self.messages.items()}

    def order(self) -> list[str]:
        """Give the path that is shown, then the others, each behind the one it answers."""
        found = dict.fromkeys(self.path)
        for id in self.messages:
            above: list[str] = []
            at: str | None = id
            while at is not None and at not in found:
                above.append(at)
                at = self.parents[at]
            found |= dict.fromkeys(reversed(above))
        return list(found)

    def is_shown(self, id: str) -> bool:
        """Say whether a message is on the path, or is another model's answer beside one that is."""
        if id in self._on_path:
            return True
        parent, place = self.parents[id], _model_of(self.messages[id])
        if parent is None or place is None or self._latest[parent, place] != id:
            return False
        return self._beside.get(parent) not in (None, place)

    def _parents(self) -> dict[str, str | None]:
        listed: dict[str, str] = {}
        for id, message in self.messages.items():
            children = message.get("childrenIds")
            for child in children if isinstance(children, list) else []:
                if isinstance(child, str):
                    listed.setdefault(child, id)
        parents: dict[str, str | None] = {}
        for id, message in self.messages.items():
            own = words(message.get("parentId"))
            parents[id] = own if own in self.messages else listed.get(id) if own is None else None
        _open_circles(parents)
        return parents

    def _leaf(self, current: object) -> str | None:
        """Find the leaf that is shown: below the current message, else the latest."""
        if isinstance(current, str) and current in self.messages:
            while children := self._children.get(current):
                current = children[-1]
            return current
        leaves = [id for id in self.messages if id not in self._children]
        return max(leaves, key=lambda leaf: _time_of(self.messages[leaf]), default=None)

    def _path(self, leaf: str | None) -> list[str]:
        path: list[str] = []
        while leaf is not None:
            path.append(leaf)
            leaf = self.parents[leaf]
        return path[::-1]


def _open_circles(parents: dict[str, str | None]) -> None:
    """Take its parent from the last message of each circle, so that every way up has an end."""
    places = {id: at for at, id in enumerate(parents)}
    walked_from: dict[str, str] = {}
    for start in parents:
        at: str | None = start
        while at is not None and at not in walked_from:
            walked_from[at] = start
            at = parents[at]
        if at is None or walked_from[at] != start:
            continue
        last, each = at, parents[at]
        while each is not None and each != at:
            last = max(last, each, key=places.__getitem__)
            each = parents[each]
        parents[last] = None


def _model_of(message: dict[str, Any]) -> int | None:
    """Give which of the models that were asked together a message is of."""
    place = message.get("modelIdx")
    return place if isinstance(place, int) else None


def _time_of(message: dict[str, Any]) -> float:
    at = mapping(message).get("timestamp")
    return float(at) if isinstance(at, (int, float)) and not isinstance(at, bool) else -1.0
