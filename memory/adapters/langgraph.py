"""LangGraph: a `BaseStore` whose items are learnings, each namespace a project below `langgraph`.

An item is what an agent has learned, so it is a learning: found by `search`, listed with the others, exported and
forgotten. A namespace is a project, so that a search inside one looks at nothing else. Items do not expire.

    graph = builder.compile(store=HarkbackStore(Memory.open()))
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from memory.adapters.items import ITEM, kept, value_of
from memory.errors import InvalidInput
from memory.ids import native_id
from memory.kinds.learning import Learning
from memory.memory import Memory
from memory.store.schema import whole

try:
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        ListNamespacesOp,
        MatchCondition,
        Op,
        PutOp,
        Result,
        SearchItem,
        SearchOp,
        get_text_at_path,
        validate_op_namespace,
    )
    from langgraph.store.base import Item as StoreItem
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("LangGraph is not installed; `pip install langgraph`") from error

FRAMEWORK = "langgraph"
RANKED = 200
"""Items that a query ranks; those behind follow without a score. Source: `MOST_HITS` of a search."""
READ, GROWTH = 200, 8
"""Items that are read first where none was asked for by words, and how many more each time. Untuned."""
TRUST = 0.3
"""Of what an agent wrote down by itself: it is found, and not put before other agents unasked."""
Namespace = tuple[str, ...]


class HarkbackStore(BaseStore):
    """Keeps items of LangGraph in a memory; safe to use from many tasks, threads and processes."""

    supports_ttl = False

    def __init__(self, memory: Memory, *, project: str = "langgraph") -> None:
        """Keep items in a memory.

        Args:
            memory: Where they are kept.
            project: Below it lie the projects of the namespaces; two stores with different ones share nothing.
        """
        self._memory = memory
        self._root = project

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Read, then write in one step: what is read is what was there before.

        Raises:
            ValueError: An operation is none, a filter has an unknown operator, or a value has no JSON form.
            NotImplementedError: An item is to expire.
        """
        results: list[Result] = []
        puts: dict[tuple[Namespace, str], PutOp] = {}
        for op in ops:
            validate_op_namespace(op)
            if isinstance(op, PutOp):
                if op.ttl is not None:
                    raise NotImplementedError("items of this store do not expire; leave out ttl")
                puts[op.namespace, op.key] = op
            results.append(None if isinstance(op, PutOp) else self._answer(op))
        try:
            if puts:
                with self._memory.store.transaction():
                    for op in puts.values():
                        self._put(op)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Do what `batch` does, in a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _answer(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            found = self._memory.learnings.get(self._id(op.namespace, op.key))
            return _item(found) if found else None
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op)
        raise ValueError(
            f"{type(op).__name__} is no operation of a store; give GetOp, PutOp, SearchOp or ListNamespacesOp"
        )

    def _put(self, op: PutOp) -> None:
        id = self._id(op.namespace, op.key)
        there = self._memory.learnings.get(id)
        if op.value is None:
            if there is not None:
                self._memory.learnings.delete(id, hard=True)
                self._drop_empty(there.project_id)
            return
        if any(each != whole(each) for each in (*op.namespace, op.key)):
            raise InvalidInput(
                f"{op.key!r} in {op.namespace!r} has a lone surrogate, which no name can have; leave it out"
            )
        own = {"root": self._root, "namespace": list(op.namespace), "key": op.key, "is_ranked": op.index is not False}
        metadata = {ITEM: kept(self._memory, FRAMEWORK, dict(op.value)) | own}
        fields: dict[str, Any] = {"content": _text(op) or op.key or FRAMEWORK, "metadata": metadata}
        if there is not None:
            self._memory.learnings.update(id, **fields)
            return
        if self._memory.store.records.number("learning", id) is not None:
            # deleted so that it could be restored: what is put now takes its place
            self._memory.learnings.delete(id, hard=True)
        project = self._memory.projects.ensure(self._project(op.namespace))
        self._memory.learnings.create(id=id, category=FRAMEWORK, trust=TRUST, project_id=project.id, **fields)

    def _search(self, op: SearchOp) -> list[Result]:
        """Give items below a namespace: those that a query finds, best first, then the others, the newest change first."""
        wanted = op.offset + op.limit
        ranked = {each.id: (each, score) for each, score in self._ranked(op, wanted)} if op.query else {}
        found = [_scored(each, score) for each, score in ranked.values()]
        if len(found) < wanted:
            # changes meanwhile would move items from where is still to be read to where was read
            with self._memory.store.snapshot():
                others = (each for each in self._below(op.namespace_prefix) if each.id not in ranked)
                fitting = (each for each in others if _fits(_value(each), op.filter))
                found += [_scored(each, None) for each in islice(fitting, wanted - len(found))]
        return found[op.offset : wanted]

    def _ranked(self, op: SearchOp, wanted: int) -> Iterator[tuple[Learning, float]]:
        project = self._memory.projects.find(self._project(op.namespace_prefix))
        if project is None:
            return
        limit = RANKED if op.filter else max(1, min(wanted, RANKED))
        answer = self._memory.search(
            op.query or "", kind="learning", project=project.id, limit=limit, min_score=0, fold=False
        )
        for hit in answer.hits:
            learning = self._memory.learnings.get(hit.id)
            if learning is None or not self._is_own(learning, op.namespace_prefix):
                continue
            if learning.metadata[ITEM]["is_ranked"] and _fits(_value(learning), op.filter):
                yield learning, hit.score

    def _namespaces(self, op: ListNamespacesOp) -> list[Namespace]:
        with self._memory.store.snapshot():
            named = self._named()
        fitting = (each for each in named if all(_matches(match, each) for match in op.match_conditions or ()))
        return sorted({each[: op.max_depth] for each in fitting})[op.offset : op.offset + op.limit]

    def _named(self) -> set[Namespace]:
        """Give the namespaces in which something is."""
        root = self._memory.projects.find(self._root)
        newest = self._memory.learnings.one_a_project(project=root.id, category=FRAMEWORK) if root is not None else []
        found = {_namespace(each) for each in newest if self._is_own(each, ())}
        for other in newest:
            if not self._is_own(other, ()):
                # of another store, or a person's: what lies behind it may be our own
                found |= {_namespace(each) for each in self._own(other.project_id, ())}
        return found

    def _below(self, prefix: Namespace) -> Iterator[Learning]:
        """Yield all items of a namespace and those below it, the newest change first; inside a snapshot."""
        project = self._memory.projects.find(self._project(prefix))
        return iter(()) if project is None else self._own(project.id, prefix)

    def _own(self, project_id: str | None, prefix: Namespace) -> Iterator[Learning]:
        read, size = 0, READ
        while True:
            found = self._memory.learnings.last_changed(limit=size, project=project_id, category=FRAMEWORK)
            yield from (each for each in found[read:] if self._is_own(each, prefix))
            if len(found) < size:
                return
            read, size = size, size * GROWTH

    def _is_own(self, learning: Learning, prefix: Namespace) -> bool:
        item = learning.metadata.get(ITEM, {})
        if item.get("of") != FRAMEWORK or item.get("root") != self._root:
            return False
        return _namespace(learning)[: len(prefix)] == prefix

    def _drop_empty(self, project_id: str | None) -> None:
        """Drop the project of a namespace in which nothing is left, and those above it."""
        while project_id is not None:
            project = self._memory.projects.get(project_id)
            if project is None or not project.name.startswith(f"{self._root}/"):
                return
            learnings = self._memory.learnings.count(project_id=project.id, superseded=True)
            if learnings or self._memory.sessions.count(project_id=project.id):
                return
            if self._memory.projects.count(parent_id=project.id):
                return
            self._memory.projects.delete(project.id, hard=True)
            project_id = project.parent_id

    def _project(self, namespace: Namespace) -> str:
        return "/".join([self._root, *(_quoted(label) for label in namespace)])

    def _id(self, namespace: Namespace, key: str) -> str:
        return native_id(FRAMEWORK, "learning", json.dumps([self._root, *namespace, key]))


def _quoted(label: str) -> str:
    return quote(label, safe=" @:+=,()'!&$*;", errors="surrogatepass")


def _text(op: PutOp) -> str:
    """Give the words by which an item is found."""
    if op.index is False:
        return ""
    if op.index is None:
        return "\n".join(_lines(op.value))
    return "\n".join(text for path in op.index for text in get_text_at_path(op.value, path))


def _lines(value: Any, name: str = "") -> Iterator[str]:
    """Yield a line for each text and number, with the names it stands under."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _lines(each, f"{name} {key}".strip())
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _lines(each, name)
    elif value is not None:
        yield f"{name}: {value}" if name else str(value)


def _namespace(learning: Learning) -> Namespace:
    return tuple(learning.metadata[ITEM]["namespace"])


def _value(learning: Learning) -> dict[str, Any]:
    found: dict[str, Any] = value_of(learning.metadata[ITEM])
    return found


def _item(learning: Learning) -> StoreItem:
    return StoreItem(**_fields(learning))


def _scored(learning: Learning, score: float | None) -> SearchItem:
    return SearchItem(**_fields(learning), score=score)


def _fields(learning: Learning) -> dict[str, Any]:
    own = {"namespace": _namespace(learning), "key": learning.metadata[ITEM]["key"], "value": _value(learning)}
    return own | {"created_at": learning.created_at, "updated_at": learning.updated_at}


def _matches(condition: MatchCondition, namespace: Namespace) -> bool:
    path = tuple(condition.path)
    if len(namespace) < len(path):
        return False
    if condition.match_type not in ("prefix", "suffix"):
        raise ValueError(f"{condition.match_type!r} is no way to match a namespace; give prefix or suffix")
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in ("*", label) for wanted, label in zip(path, part, strict=True))


def _fits(value: Any, wanted: Any) -> bool:
    """Say whether a value is what a filter asks for, as LangGraph's own stores understand it."""
    if wanted is None:
        return True
    return all(_compares(value.get(name), each) for name, each in wanted.items())


def _compares(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if any(str(name).startswith("$") for name in wanted):
            return all(_holds(value, operator, each) for operator, each in wanted.items())
        return isinstance(value, dict) and all(_compares(value.get(name), each) for name, each in wanted.items())
    if isinstance(wanted, list | tuple):
        if not isinstance(value, list) or len(value) != len(wanted):
            return False
        return all(_compares(one, other) for one, other in zip(value, wanted, strict=True))
    return bool(value == wanted)


def _holds(value: Any, operator: str, wanted: Any) -> bool:
    if operator in ("$eq", "$ne"):
        return bool(value == wanted) == (operator == "$eq")
    if operator not in ("$gt", "$gte", "$lt", "$lte"):
        raise ValueError(f"{operator!r} is no operator of a filter; give $eq, $ne, $gt, $gte, $lt or $lte")
    try:
        number, bound = float(value), float(wanted)
    except (TypeError, ValueError):
        # what is no number is neither more nor less
        return False
    return {"$gt": number > bound, "$gte": number >= bound, "$lt": number < bound, "$lte": number <= bound}[operator]
