"""Which records: chosen by who, when, where and what they say: for what is exported, and for what is forgotten."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from memory.collections.collection import given_time
from memory.collections.projects import Projects
from memory.errors import InvalidInput, UnknownRecord
from memory.kinds import kinds
from memory.search.query import Filters, ParsedQuery, parse_query
from memory.store.schema import micros
from memory.store.selecting import Selecting, Span
from memory.store.store import Store
from memory.store.texts import Texts

Numbers = dict[str, list[int]]
"""Kind → ascending numbers of its records; kinds in the order in which they refer to each other."""


class Selection(BaseModel):
    """What is selected: records that fulfil all that is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: tuple[str, ...] = ()
    """Records by their ids: `message:ID`, or a bare id, whatever has it."""
    sessions: tuple[str, ...] = ()
    """Ids of sessions, with what belongs to them."""
    project: str | None = None
    """An id, an alias or a path of a project; with those below it."""
    participant: str | None = None
    """Who sent a message, or made a reaction."""
    kinds: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    query: str | None = None
    """Words and `"phrases"` that must all stand in a record, and the filters project:, session:, participant:, role:,
    kind:, after:, before: and on: of a search."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given, so that everything would be selected."""
        return self == Selection()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Selection":
        """Make one from what a caller gave: one value or several, dates as datetimes or texts.

        Raises:
            InvalidInput: There is no such argument, or its value cannot be one.
        """
        values: dict[str, Any] = {}
        for name, value in given.items():
            field = _SEVERAL.get(name, name)
            if field not in cls.model_fields:
                raise InvalidInput(f"records cannot be selected by {name!r}; they can by: {', '.join(_ARGUMENTS)}")
            if value is not None:
                if value in ("", (), []):
                    raise InvalidInput(f"{name} is empty; give a value, or leave it out")
                values[field] = _read(field, name, value)
        try:
            made = cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidInput(f"{'.'.join(map(str, first['loc']))}: {first['msg']}, got {first['input']!r}") from error
        return made.model_copy(update={"kinds": tuple(_kind(kind) for kind in made.kinds)})


_SEVERAL = {"id": "ids", "session": "sessions", "kind": "kinds"}
_ARGUMENTS = ("ids", "session", "project", "participant", "kind", "after", "before", "query")


def _read(field: str, name: str, value: Any) -> Any:
    if field in ("after", "before"):
        return given_time(value, name)
    if field in ("ids", "sessions", "kinds"):
        return (value,) if isinstance(value, str) else tuple(value)
    return value


class Selector:
    """Finds what a selection names in one workspace."""

    def __init__(self, store: Store, projects: Projects) -> None:
        self._store = store
        self._projects = projects
        self._selecting = Selecting(store.database, store.workspace_number)
        self._texts = Texts(store.database, store.workspace_number)

    def numbers(
        self,
        selection: Selection,
        *,
        deleted: bool = False,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> Numbers:
        """Find the records, softly deleted ones included when `deleted` is set.

        Raises:
            UnknownRecord: Nothing has an id, or a session is not there. With `deleted`, what was forgotten already is no fault.
            InvalidInput: The query has a filter that records cannot be selected by.
        """
        asked = _parsed(selection.query)
        span = self._span(selection, asked.filters, deleted=deleted)
        named = self._named(selection.ids, deleted=deleted) if selection.ids else None
        wanted = set(selection.kinds) or set(kinds())
        if asked.filters.kind:
            wanted &= {asked.filters.kind}
        matcher = _Matcher(asked) if asked.has_words or asked.excluded else None
        found: Numbers = {}
        for kind in kinds():
            if kind not in wanted or (named is not None and kind not in named):
                continue
            numbers = self._selecting.numbers(kind, span, deleted=deleted)
            if named is not None:
                numbers = [number for number in numbers if number in named[kind]]
            if matcher is not None:
                numbers = list(self._saying(kind, set(numbers), matcher, on_progress))
            if numbers:
                found[kind] = numbers
        return found

    def says(self, selection: Selection, text: str) -> bool:
        """Say whether a text holds all that the query of a selection asks for; False when it asks for no words."""
        asked = _parsed(selection.query)
        return asked.has_words and _Matcher(asked).matches({"": text})

    def _span(self, selection: Selection, filters: Filters, *, deleted: bool) -> Span:
        sessions = self._sessions(selection.sessions, deleted=deleted) if selection.sessions else None
        if filters.session:
            begun = set(self._store.narrowing.sessions_beginning(filters.session))
            sessions = tuple(sorted(begun & set(sessions) if sessions is not None else begun))
        projects: set[int] | None = None
        for project in filter(None, (selection.project, filters.project)):
            below = set(self._projects.numbers_below(project))
            projects = below if projects is None else projects & below
        if selection.participant and filters.participant and selection.participant != filters.participant:
            raise InvalidInput("two different participants are asked for; nothing has both")
        earliest = [micros(at) for at in (selection.after, filters.after) if at]
        latest = [micros(at) for at in (selection.before, filters.before) if at]
        return Span(
            sessions=sessions,
            projects=None if projects is None else tuple(sorted(projects)),
            participant=selection.participant or filters.participant,
            role=filters.role,
            after=max(earliest, default=None),
            before=min(latest, default=None),
        )

    def _sessions(self, ids: Sequence[str], *, deleted: bool) -> tuple[int, ...]:
        numbers = []
        for id in ids:
            number = self._store.records.number("session", id.removeprefix("session:"))
            if number is None:
                if deleted and self._was_forgotten([("session", id.removeprefix("session:"))]):
                    continue
                raise UnknownRecord(f"there is no session {id!r}; `hark sessions` lists them")
            numbers.append(number)
        return tuple(sorted(set(numbers)))

    def _named(self, ids: Sequence[str], *, deleted: bool) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for id in ids:
            kind, _, rest = id.partition(":")
            places = [*((name, id) for name in kinds()), *([(kind, rest)] if kind in kinds() and rest else [])]
            here = [(name, self._store.records.number(name, each)) for name, each in places]
            if not any(number for _, number in here):
                if deleted and self._was_forgotten(places):
                    continue
                raise UnknownRecord(
                    f"nothing has the id {id!r}; give one such as message:ID, session:ID or learning:ID"
                )
            for name, number in here:
                if number is not None:
                    found.setdefault(name, set()).add(number)
        return found

    def _was_forgotten(self, places: Sequence[tuple[str, str]]) -> bool:
        number = self._store.workspace_number
        return any(self._store.changes.buried(number, kind, [id]) for kind, id in places)

    def _saying(
        self,
        kind: str,
        among: set[int],
        matcher: "_Matcher",
        on_progress: Callable[[str, int, int], None] | None,
    ) -> Iterator[int]:
        if not among:
            return
        done, last, end = 0, min(among) - 1, max(among)
        while rows := self._texts.after(kind, last):
            last = rows[-1].number
            for row in rows:
                if row.number in among and matcher.matches(row.values):
                    yield row.number
            done += len(rows)
            if on_progress:
                on_progress(f"looking through {kinds()[kind].declaration.plural}", min(done, len(among)), len(among))
            if last >= end:
                return


class _Matcher:
    """Says whether all words and phrases of a query stand in a record, and none of those that it excludes."""

    def __init__(self, asked: ParsedQuery) -> None:
        self._wanted = [_pattern(text) for text in (*asked.words, *asked.phrases, *asked.title_words)]
        self._unwanted = [_pattern(text) for text in asked.excluded]

    def matches(self, values: Mapping[str, Any]) -> bool:
        """Look into all texts of a record."""
        text = _folded("\n".join(texts_in(values)))
        return all(each.search(text) for each in self._wanted) and not any(each.search(text) for each in self._unwanted)


def texts_in(value: Any) -> Iterator[str]:
    """Yield all texts of a JSON-like value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_in(each)


def _pattern(text: str) -> re.Pattern[str]:
    words = [re.escape(word) for word in _folded(text).split()]
    whole = r"\s+".join(words)
    before = r"(?<!\w)" if whole[:1].isalnum() else ""
    behind = r"(?!\w)" if whole[-1:].isalnum() else ""
    return re.compile(before + whole + behind)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _parsed(query: str | None) -> ParsedQuery:
    if query is None:
        return ParsedQuery()
    asked = parse_query(query, datetime.now(UTC))
    filters = asked.filters
    if all(word.startswith("-") for word in query.split()):
        raise InvalidInput(f"the query {query!r} only leaves out; say what is meant, too, or put it in quotes")
    for name, value in (("tool", filters.tool), ("tag", filters.tag), ("file", filters.file)):
        if value:
            raise InvalidInput(f"records cannot be selected by {name}:; give words, or one of: {', '.join(_ARGUMENTS)}")
    if filters.is_error:
        raise InvalidInput(f"records cannot be selected by is:error; give words, or one of: {', '.join(_ARGUMENTS)}")
    if not asked.has_words and filters == Filters():
        raise InvalidInput("the query has no word that could stand in a record; give one")
    return asked


def _kind(name: str) -> str:
    for kind, record in kinds().items():
        if name in (kind, record.declaration.plural):
            return kind
    known = ", ".join(record.declaration.plural for record in kinds().values())
    raise InvalidInput(f"there is no kind {name!r}; there are: {known}")
