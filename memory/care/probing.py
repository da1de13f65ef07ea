"""Prove that forgotten texts are gone: samples of them are looked for in what remains, and in the bytes of all files."""

import re
from collections.abc import Iterable, Iterator, Mapping
from random import SystemRandom
from typing import Any

from memory.kinds import kinds
from memory.selection import texts_in
from memory.store.packing import packed
from memory.store.store import Store
from memory.store.texts import Texts

MOST_PROBES = 64
"""Samples that are looked for. Untuned: each costs one pass over every file."""
SHORTEST, LONGEST = 12, 48
"""Characters of a sample: shorter ones stand by chance in files that hold numbers. Untuned."""
SAYING = frozenset(
    "content parts tool_call tool_result error title summary system_prompt label value description".split()
)
"""Fields that hold what somebody said; names, paths and ids stand elsewhere, too."""
# what is written otherwise inside JSON, or in another place of a row, cannot be looked for as it stands
_RUN = re.compile(r'[^\x00-\x1f"\\\u2028\u2029]+')


class Probes:
    """Samples of texts that are about to be forgotten."""

    def __init__(self) -> None:
        self._random = SystemRandom()
        self._seen = 0
        self.texts: list[str] = []
        self.packed: list[bytes] = []
        """Samples of long texts as they are stored."""

    def take(self, values: Mapping[str, Any]) -> None:
        """Take samples of one record's texts; of many records a fair choice is kept."""
        for text in texts_in({name: value for name, value in values.items() if name in SAYING}):
            for run in _RUN.findall(text):
                # ids stay, as tombstones; what was said has spaces, or is in a script that needs none
                if len(run.strip()) >= SHORTEST and (" " in run.strip() or not run.isascii()):
                    self._keep(_middle(run.strip()))
        stored = packed(values.get("content"))
        if isinstance(stored, bytes) and len(self.packed) < MOST_PROBES // 4:
            middle = len(stored) // 2
            self.packed.append(stored[middle : middle + LONGEST])

    def _keep(self, sample: str) -> None:
        self._seen += 1
        if len(self.texts) < MOST_PROBES:
            self.texts.append(sample)
        elif (place := self._random.randrange(self._seen)) < MOST_PROBES:
            self.texts[place] = sample

    def still_said(self, store: Store) -> tuple[set[str], dict[str, list[str]]]:
        """Look for the samples in what remains of all workspaces.

        Returns:
            The samples that others said, too; by kind the ids of this workspace's records that hold one.
        """
        said: set[str] = set()
        holders: dict[str, list[str]] = {}
        for workspace in store.workspace_numbers():
            texts = Texts(store.database, workspace)
            for kind in kinds():
                for id, found in self._holding(texts, kind):
                    said |= found
                    if workspace == store.workspace_number:
                        holders.setdefault(kind, []).append(id)
        return said, holders

    def kept_sources(self, store: Store, said: set[str]) -> list[str]:
        """Give the kept sources of this workspace that hold a sample which no record holds any more."""
        wanted = [sample.encode() for sample in self.texts if sample not in said]
        held = [
            path
            for path, _, data in Texts(store.database, store.workspace_number).pieces()
            if any(sample in data for sample in wanted)
        ]
        return sorted(set(held))

    def _holding(self, texts: Texts, kind: str) -> Iterator[tuple[str, set[str]]]:
        last = 0
        while rows := texts.after(kind, last):
            last = rows[-1].number
            for row in rows:
                text = "\n".join(texts_in(row.values))
                if found := {sample for sample in self.texts if sample in text}:
                    yield row.id, found


def tells(field: Any, said: Iterable[str]) -> bool:
    """Say whether a value repeats something of what was said: a line of it, or one that holds it."""
    lines = {line for text in texts_in(field) for line in _lines(text)}
    return any(line in text for text in said for line in lines) or any(
        each in line for text in said for each in _lines(text) for line in lines
    )


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        bare = line.strip().rstrip("….").strip()
        if len(bare) >= SHORTEST:
            yield bare


def _middle(run: str) -> str:
    start = max(0, (len(run) - LONGEST) // 2)
    return run[start : start + LONGEST]
