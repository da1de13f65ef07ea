"""LangGraph: checkpoint databases of `langgraph-checkpoint-sqlite`, tables `checkpoints` and `writes`.

A thread is a session. What the latest checkpoint holds is shown; messages that earlier ones alone hold, because they were
taken back or belong to another branch, follow as not shown. A message is known by its id; it is as new as the latest
checkpoint with it, and as old as the first. Messages that stand in `writes` alone are read too: a channel can be kept as
its changes, and a run can have stopped in between. A subgraph (`checkpoint_ns`) with messages that its thread has not is a
sub-agent. The rest of the latest state is in the session's metadata.

Left out on purpose: channels of LangGraph's own (`branch:to:…`, `__…__`), versions (what it needs to go on), bytes in the
state (their size is kept), fields whose name says that they hold a secret. Pickled and encrypted values are problems.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from memory.importers.langgraph.values import decoded
from memory.importers.reading.documents import mapping, time_in, without, words
from memory.importers.reading.langchain_messages import Conversation, plain_message
from memory.importers.reading.records import Item, Mark, MessageRecord, Problem, SessionRecord
from memory.importers.reading.secrets import without_secrets
from memory.importers.reading.source import Sample, Source
from memory.store.foreign import ForeignDatabase, open_foreign

FORMAT = "langgraph"

STATE_CHARS = 64_000
"""A larger state is kept as its names and size. Untuned."""
_COLUMNS = frozenset(("thread_id", "checkpoint_ns", "checkpoint_id", "parent_checkpoint_id", "type", "checkpoint"))
_WRITES = frozenset(("thread_id", "checkpoint_ns", "checkpoint_id", "channel", "type", "value"))


def recognises(sample: Sample) -> bool:
    """Say whether the file is a database with LangGraph's tables."""
    tables = sample.tables
    return tables.get("checkpoints", frozenset()) >= _COLUMNS and tables.get("writes", frozenset()) >= _WRITES


def read(source: Source) -> Iterator[Item]:
    """Yield the threads of a database; it is read whole, whatever `source.offset` is."""
    size = source.path.stat().st_size
    if not recognises(Sample(source.path)):
        yield Problem(None, "no database of LangGraph's")
        return
    if source.offset != size:
        with open_foreign(source.path) as foreign:
            for (thread,) in foreign.rows("select distinct thread_id from checkpoints order by thread_id"):
                yield from _thread(foreign, str(thread), thread)
                yield Mark(0, 0, {"whole": True})
    yield Mark(size, 0, {"whole": True})


@dataclass
class _Graph:
    """What the checkpoints of one namespace of a thread hold."""

    namespace: str
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Messages by key, as new as they are known, in the order in which they came."""
    times: dict[str, object] = field(default_factory=dict)
    before: dict[str, str | None] = field(default_factory=dict)
    """Which message stood before each when it came."""
    shown: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    started: object = None

    def add(self, listed: list[dict[str, Any]], at: object) -> list[str]:
        """Take up messages that stand behind one another; give their keys."""
        keys: list[str] = []
        for given in listed:
            key = _key(given, keys)
            if key not in self.known:
                self.times[key], self.before[key] = at, keys[-1] if keys else None
            self.known[key] = given
            keys.append(key)
        return keys


def _key(given: dict[str, Any], taken: list[str]) -> str:
    """Give a message's id; for one without, its content and how many like it are before it."""
    if own := words(given.get("id")):
        return own
    content = json.dumps(given, sort_keys=True)
    return f"{content}#{sum(key.startswith(content) for key in taken)}"


def _thread(foreign: ForeignDatabase, key: str, thread: object) -> Iterator[Item]:
    """Yield a thread's session, then those of its subgraphs that have messages of their own."""
    problems: list[Problem] = []
    sql = "select distinct checkpoint_ns from checkpoints where thread_id = ? order by checkpoint_ns"
    namespaces = [str(row[0]) for row in foreign.rows(sql, (thread,))]
    main: set[str] = set()
    for namespace in namespaces:
        graph = _read_graph(foreign, thread, namespace, problems)
        others = [name for name in graph.known if name not in main]
        if namespace and main and not others:
            continue
        is_main = not main
        yield from _session(graph, key if is_main else f"{key}:{namespace}", None if is_main else key, main, problems)
        main |= graph.known.keys() if is_main else set()
    yield from problems


def _read_graph(foreign: ForeignDatabase, thread: object, namespace: str, problems: list[Problem]) -> _Graph:
    """Go through the checkpoints of a namespace, oldest first; their ids are in the order of time."""
    graph = _Graph(namespace)
    lists: dict[str, list[str] | None] = {}
    parents: dict[str, str | None] = {}
    ats: dict[str, object] = {}
    sql = (
        "select checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata from checkpoints"
        " where thread_id = ? and checkpoint_ns = ? order by checkpoint_id"
    )
    for id, parent, kind, data, told in foreign.rows(sql, (thread, namespace)):
        try:
            checkpoint = mapping(decoded(kind or "msgpack", data))
        except ValueError as error:
            problems.append(Problem(None, f"checkpoint {str(id)[:60]}: {error}"))
            continue
        values, ats[str(id)] = mapping(checkpoint.get("channel_values")), checkpoint.get("ts")
        graph.started = graph.started or checkpoint.get("ts")
        listed = _messages(values)
        parents[str(id)] = words(parent)
        lists[str(id)] = graph.add(listed, checkpoint.get("ts")) if listed else None
        graph.state, graph.metadata = _rest(values), _told(told)
    writes = _writes(foreign, thread, namespace, problems)
    for id, written in writes.items():
        for given in written:
            if given["type"] != "remove" and _key(given, []) not in graph.known:
                graph.add([given], ats.get(id))
    graph.shown = _shown(lists, parents, writes)
    return graph


def _shown(
    lists: dict[str, list[str] | None],
    parents: dict[str, str | None],
    writes: dict[str, list[dict[str, Any]]],
) -> list[str]:
    """Give the messages of the latest checkpoint; where it has none, those of its nearest ancestor and what came since."""
    chain: list[str] = []
    at = next(reversed(lists), None)
    while at is not None and at in lists and at not in chain:
        chain.insert(0, at)
        if lists[at] is not None:
            break
        at = parents.get(at)
    found = dict.fromkeys(lists[chain[0]] or []) if chain else {}
    for id in chain[:-1]:
        for given in writes.get(id, []):
            key = _key(given, [])
            if given["type"] == "remove":
                found = {} if key == "__remove_all__" else {name: None for name in found if name != key}
            else:
                found[key] = None
    return list(found)


def _messages(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Find the messages among the values of channels, those of `messages` first."""
    found: list[dict[str, Any]] = []
    for name in sorted(values, key=lambda each: each != "messages"):
        if not name.startswith(("__", "branch:")):
            found += _listed(values[name])
    return found


def _listed(value: object) -> list[dict[str, Any]]:
    given = value if isinstance(value, list) else [value]
    found = [message for each in given if (message := plain_message(each)) is not None]
    return found if len(found) == len(given) else []


def _writes(
    foreign: ForeignDatabase, thread: object, namespace: str, problems: list[Problem]
) -> dict[str, list[dict[str, Any]]]:
    """Give the messages that were written after each checkpoint, in their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    sql = (
        "select checkpoint_id, channel, type, value from writes where thread_id = ? and checkpoint_ns = ?"
        " and type not in ('null') order by checkpoint_id, task_id, idx"
    )
    for id, channel, kind, data in foreign.rows(sql, (thread, namespace)):
        if str(channel).startswith(("__", "branch:")):
            continue
        try:
            listed = _listed(decoded(kind, data))
        except ValueError as error:
            problems.append(Problem(None, f"a write to {str(channel)[:60]!r} after checkpoint {str(id)[:60]}: {error}"))
            continue
        found.setdefault(str(id), []).extend(listed)
    return found


def _rest(values: dict[str, Any]) -> dict[str, Any]:
    rest = {
        name: value
        for name, value in values.items()
        if not name.startswith(("__", "branch:")) and not (value not in (None, []) and _listed(value))
    }
    rest = mapping(without_secrets(without(rest, frozenset(["messages"]))))
    size = len(json.dumps(rest))
    return rest if size <= STATE_CHARS else {"names": sorted(rest), "size_chars": size}


def _told(data: object) -> dict[str, Any]:
    """Read what a checkpoint's metadata say; what they repeat of the state is left out."""
    try:
        told = json.loads(data) if isinstance(data, (str, bytes)) else None
    except (ValueError, RecursionError):
        return {}
    return mapping(without_secrets(without(mapping(told), frozenset(["writes", "parents", "thread_id"]))))


def _session(
    graph: _Graph, key: str, parent: str | None, elsewhere: set[str], problems: list[Problem]
) -> Iterator[Item]:
    session = SessionRecord(key, parent_key=parent, metadata={"kind": "subagent" if parent else "main"})
    session.created_at = time_in(graph.started, problems)
    session.metadata |= {"state": graph.state} if graph.state else {}
    session.metadata |= {"checkpoint": graph.metadata} if graph.metadata else {}
    session.metadata |= {"checkpoint_ns": graph.namespace} if graph.namespace else {}
    yield session
    talk = Conversation(key, problems)
    shown = set(graph.shown)
    names: dict[str, str | None] = {}
    last: str | None = None
    for name in [*graph.shown, *(other for other in graph.known if other not in shown)]:
        if name in elsewhere or name not in graph.known:
            continue
        above = last if name in shown else names.get(graph.before[name] or "")
        for item in talk.items(graph.known[name]):
            if isinstance(item, MessageRecord):
                item.is_whole, item.parent_key = True, item.parent_key or above
                item.created_at = item.created_at or time_in(graph.times[name], problems)
                if name not in shown:
                    item.metadata["branch"] = "not shown"
                names.setdefault(name, item.key)
                above = item.key
            yield item
        last = names.get(name) if name in shown else last
