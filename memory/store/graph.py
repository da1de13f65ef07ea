"""Walk relationships with recursive SQL."""

from collections.abc import Sequence
from typing import Any

from memory.store.sqlite import SqliteDatabase

MOST_ARROWS = 10_000
"""What one walk gives at most."""


class Arrows:
    """The relationships of one workspace, as a graph whose arrows can be walked both ways."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def around(
        self, refs: Sequence[str], depth: int, types: Sequence[str] | None, as_of: int
    ) -> tuple[dict[str, int], list[int]]:
        """Walk from some references as far as `depth` arrows.

        Returns:
            How far each reference reached is, and the numbers of the relationships between them, in order.
        """
        condition, parameters = self._condition(types, as_of)
        marks = ", ".join("(?)" for _ in refs)
        # `union`, not `union all`: a reference that was reached at one distance is not walked from again at that one
        sql = f"""
            with recursive start(ref) as (values {marks}),
            reached(ref, distance) as (
              select ref, 0 from start
              union
              select case when r.source = reached.ref then r.target else r.source end, reached.distance + 1
              from reached join relationship r on (r.source = reached.ref or r.target = reached.ref)
              where reached.distance < ? and {condition}
              limit {MOST_ARROWS * 20}
            )
            select ref, min(distance) from reached group by ref order by 2, 1 limit {MOST_ARROWS * 10}
        """
        found: dict[str, int] = dict(self._database.rows(sql, (*refs, depth, *parameters)))
        return found, self._between(list(found), condition, parameters)

    def step(
        self, ref: str, distance: int, refs: dict[str, int], types: Sequence[str] | None, as_of: int
    ) -> tuple[int, str] | None:
        """Give one arrow from a reference to one that is nearer to where a walk began: its number, and the other end."""
        condition, parameters = self._condition(types, as_of)
        sql = (
            "select r.number, case when r.source = ? then r.target else r.source end from relationship r"
            f" where (r.source = ? or r.target = ?) and {condition} order by r.number"
        )
        rows = self._database.rows(sql, (ref, ref, ref, *parameters))
        return next(((row[0], row[1]) for row in rows if refs.get(row[1], -1) == distance), None)

    def between(self, refs: Sequence[str], as_of: int) -> list[int]:
        """Give the numbers of the relationships whose two ends are both among these references."""
        condition, parameters = self._condition(None, as_of)
        return self._between(refs, condition, parameters)

    def counts(self, refs: Sequence[str]) -> dict[str, int]:
        """Say how many arrows each reference has."""
        marks = ", ".join("?" * len(refs))
        sql = (
            f"select ref, count(*) from (select source as ref from relationship where source in ({marks})"
            f" and workspace_number = ? and deleted_at is null union all select target from relationship"
            f" where target in ({marks}) and workspace_number = ? and deleted_at is null) t group by ref"
        )
        return dict(self._database.rows(sql, (*refs, self._workspace_number, *refs, self._workspace_number)))

    def busiest(self, limit: int) -> list[str]:
        """Give the references with the most arrows, the busiest first."""
        mine = "workspace_number = ? and deleted_at is null"
        sql = (
            f"select ref from (select source as ref from relationship where {mine} union all"
            f" select target from relationship where {mine}) t group by ref order by count(*) desc, ref limit ?"
        )
        return [row[0] for row in self._database.rows(sql, (self._workspace_number, self._workspace_number, limit))]

    def _between(self, refs: Sequence[str], condition: str, parameters: tuple[Any, ...]) -> list[int]:
        numbers: list[int] = []
        inside = set(refs)
        for start in range(0, len(refs), 400):
            some = refs[start : start + 400]
            marks = ", ".join("?" * len(some))
            sql = (
                f"select r.number, r.target from relationship r where r.source in ({marks}) and {condition}"
                f" order by r.number limit {MOST_ARROWS}"
            )
            numbers += [row[0] for row in self._database.rows(sql, (*some, *parameters)) if row[1] in inside]
        return sorted(set(numbers))

    def _condition(self, types: Sequence[str] | None, as_of: int) -> tuple[str, tuple[Any, ...]]:
        words = [
            "r.workspace_number = ? and r.deleted_at is null",
            "coalesce(r.valid_from, r.created_at, 0) <= ? and coalesce(r.valid_to, ?) > ?",
        ]
        parameters: list[Any] = [self._workspace_number, as_of, as_of + 1, as_of]
        if types:
            words.append(f"r.type in ({', '.join('?' * len(types))})")
            parameters += types
        return " and ".join(words), tuple(parameters)
