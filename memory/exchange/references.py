"""Whether what the records of an export refer to is there, and each record once; some bytes of memory a record."""

import hashlib
from array import array
from collections.abc import Iterator

from memory.kinds import kinds
from memory.store.exchange import Plain


class References:
    """Notes ids and references line by line."""

    def __init__(self) -> None:
        self._ids, self._id_lines = array("Q"), array("Q")
        self._targets, self._target_lines, self._needed = array("Q"), array("Q"), array("b")

    def note(self, kind: str, record: Plain, line: int) -> None:
        """Take up a record."""
        declaration = kinds()[kind].declaration
        self._note(_hash(kind, record["id"]), line)
        for unique in declaration.unique:
            if record.get("deleted_at") is None:
                self._note(_hash(f"{kind} {unique}", repr([record.get(field_of(name)) for name in unique])), line)
        for field, reference in declaration.references.items():
            if record.get(field) is not None:
                self._targets.append(_hash(reference.kind, record[field]))
                self._target_lines.append(line)
                self._needed.append(kinds()[kind].model_fields[field].is_required())

    def twice(self) -> int | None:
        """Give the line of a record that stands in the file a second time."""
        import numpy as np

        ids = np.frombuffer(self._ids, dtype=np.uint64) if self._ids else np.zeros(0, np.uint64)
        order = np.argsort(ids, kind="stable")
        again = np.flatnonzero(ids[order][1:] == ids[order][:-1])
        return int(self._id_lines[int(order[again[0] + 1])]) if len(again) else None

    def unordered(self) -> int | None:
        """Give the line of a record that stands before one that it cannot be without."""
        import numpy as np

        if not self._targets or not self._ids:
            return None
        ids, targets = np.frombuffer(self._ids, np.uint64), np.frombuffer(self._targets, np.uint64)
        order = np.argsort(ids, kind="stable")
        places = np.minimum(np.searchsorted(ids, targets, sorter=order), len(ids) - 1)
        there = order[places]
        lines, own = np.frombuffer(self._id_lines, np.uint64), np.frombuffer(self._target_lines, np.uint64)
        late = (ids[there] == targets) & (lines[there] > own) & np.frombuffer(self._needed, np.int8).astype(bool)
        found = np.flatnonzero(late)
        return int(own[found[0]]) if len(found) else None

    def outside(self) -> set[int]:
        """Give the lines of records that refer to something that is not in the file."""
        import numpy as np

        if not self._targets:
            return set()
        targets = np.frombuffer(self._targets, np.uint64)
        missing = ~np.isin(targets, np.frombuffer(self._ids, np.uint64) if self._ids else np.zeros(0, np.uint64))
        return {int(line) for line in np.frombuffer(self._target_lines, np.uint64)[missing]}

    def has(self, kind: str, id: str) -> bool:
        """Say whether a record is in the file."""
        return _hash(kind, id) in self._ids

    def _note(self, hashed: int, line: int) -> None:
        self._ids.append(hashed)
        self._id_lines.append(line)


def field_of(column: str) -> str:
    """Give the field of a column that is named in a declaration."""
    return f"{column.removesuffix('_number')}_id" if column.endswith("_number") else column


def references_of(kind: str, record: Plain) -> Iterator[tuple[str, str, str, bool]]:
    """Yield the references that a record has: field, kind and id of what it refers to, and whether it needs it."""
    for field, reference in kinds()[kind].declaration.references.items():
        if (id := record.get(field)) is not None:
            yield field, reference.kind, id, kinds()[kind].model_fields[field].is_required()


def _hash(kind: str, id: str) -> int:
    data = f"{kind}\0{id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
