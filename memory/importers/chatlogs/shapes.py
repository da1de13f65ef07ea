"""What a document of an older design is, whichever way its fields are spelled."""

from collections.abc import Iterator
from typing import Any, Literal

from memory.importers.reading.documents import mapping
from memory.importers.reading.records import State

Kind = Literal["container", "session", "brain", "entry"]
_DEEPEST = 60

IDS = ("id", "_id", "sessionid", "threadid", "chatid", "conversationid", "uuid")
OWN_IDS = ("id", "_id", "messageid", "logid", "uuid")
SESSION_IDS = ("sessionid", "threadid", "chatid", "conversationid", "session", "thread")
SPEAKERS = ("role", "sender", "speaker", "senderid", "speakerid", "author", "from", "isuser", "iscreatedbyuser")
TEXTS = ("message", "text", "content", "body")
TITLES = ("title", "name", "topic", "subject")
TIMES = ("timestamp", "createdat", "created", "time", "date", "sentat", "ts", "startedat")
LOGS = ("chatlogs", "chatlog", "logs", "messages", "entries", "history")
_STATES: dict[str, State] = {"active": "active", "inactive": "inactive", "archived": "archived"}
_LOGS_ALONE = ("chatlogs", "chatlog", "logs")
_PROMPTS, _RESPONSES = ("prompt", "question", "input"), ("response", "answer", "reply", "output")


def plain(value: Any, depth: int = 0) -> Any:
    """Give JSON with Mongo's extended forms (`$oid`, `$date`, `$numberLong` …) as what they stand for."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        if len(value) == 1:
            (name, inner), *_ = value.items()
            if name in ("$oid", "$date", "$uuid", "$symbol"):
                return plain(inner, depth + 1)
            if name in ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal"):
                return _number(inner)
        return {name: plain(each, depth + 1) for name, each in value.items()}
    return [plain(each, depth + 1) for each in value] if isinstance(value, list) else value


def _number(value: object) -> object:
    try:
        number = float(str(value))
    except ValueError:
        return value
    return int(number) if number.is_integer() else value


class Fields:
    """An object's fields by names without case and underscores; what was asked for is known."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record
        self._names = {_plain_name(name): name for name in reversed(record)}
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def names(self) -> set[str]:
        """Give the names of all fields, without case and underscores."""
        return set(self._names)

    def get(self, *names: str) -> Any:
        """Give the first value that is not empty; what is given counts as read."""
        for name in names:
            found = self._names.get(name)
            if found is not None and self._record[found] not in (None, "", [], {}):
                self._read.add(found)
                return self._record[found]
        return None

    def text(self, *names: str) -> str | None:
        """Give the first value that is a text or a number, as text."""
        for name in names:
            value = self.look(name)
            if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value):
                self.get(name)
                return str(value)
        return None

    def look(self, name: str) -> Any:
        """Give a value without reading it."""
        found = self._names.get(name)
        return None if found is None else self._record[found]

    def rest(self) -> dict[str, Any]:
        """Give what was not read, without what is empty."""
        rest = {name: value for name, value in self._record.items() if name not in self._read}
        return {name: value for name, value in rest.items() if value not in (None, "", [], {})}


def _plain_name(name: str) -> str:
    return ("_id" if name == "_id" else name.replace("_", "").replace("-", "")).lower()


def kind_of(record: dict[str, Any]) -> Kind | None:
    """Say what a document is; None where it is nothing of this kind."""
    fields = Fields(record)
    if _collection(fields, "threads") or _collection(fields, "sessions") or _collection(fields, "brains"):
        return "container"
    if isinstance(fields.look("memories"), list) and any(
        name in fields for name in ("model", "config", "entity", "entityid", "name")
    ):
        return "brain"
    if is_entry(fields):
        return "entry"
    logs = next((found for name in LOGS if (found := fields.look(name))), None)
    has_id = any(name in fields for name in IDS)
    if has_id and _are_entries(logs):
        return "session"
    if (
        has_id
        and isinstance(fields.look("participants"), list)
        and any(name in fields for name in ("state", "active", "isactive", "status"))
    ):
        return "session"
    if any(_are_entries(fields.look(name)) for name in _LOGS_ALONE) or _belong_to_threads(fields.look("messages")):
        return "container"
    brain = mapping(fields.look("brain"))
    return "container" if wraps_session(fields) or (brain and kind_of(brain) == "brain") else None


def wraps_session(fields: Fields) -> bool:
    """Say whether one session or thread stands under its own name, with its entries inside or beside it."""
    inner = wrapped_session(fields)
    if not inner:
        return False
    return kind_of(inner) == "session" or any(_are_entries(fields.look(name)) for name in LOGS)


def wrapped_session(fields: Fields) -> dict[str, Any]:
    """Give what stands under `session` or `thread`; {} where that is no object."""
    return mapping(fields.look("session")) or mapping(fields.look("thread"))


def is_entry(fields: Fields) -> bool:
    """Say whether an object is what someone said, or a prompt with its response."""
    if spoken_pair(fields):
        return True
    return any(name in fields for name in SPEAKERS) and any(
        isinstance(fields.look(name), (str, list, dict)) for name in TEXTS
    )


def spoken_pair(fields: Fields) -> tuple[str, str] | None:
    """Find under which names an entry holds both a prompt and its response."""
    asked = next((name for name in _PROMPTS if isinstance(fields.look(name), str)), None)
    answered = next((name for name in _RESPONSES if isinstance(fields.look(name), (str, dict))), None)
    return (asked, answered) if asked and answered else None


def says_its_session(record: dict[str, Any]) -> bool:
    """Say whether an entry names the session or thread that it is of."""
    fields = Fields(record)
    return any(isinstance(fields.look(name), (str, int)) for name in SESSION_IDS)


def collected(value: object, name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, or of an object by ids; `name` is where an id is put that stands outside.

    An object of lists gives each list's objects, with the name of their list under `name`.
    """
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))
    for outer, each in mapping(value).items():
        if isinstance(each, list):
            yield from ({name: outer, **one} for one in each if isinstance(one, dict))
        elif isinstance(each, dict):
            yield each if any(id in Fields(each) for id in OWN_IDS) else {"id": outer, **each}


def _collection(fields: Fields, name: str) -> bool:
    return any(
        True for each in collected(fields.look(name), "id") if kind_of(each) or any(id in Fields(each) for id in IDS)
    )


def _are_entries(value: object) -> bool:
    first = next(collected(value, "id"), None)
    return first is not None and is_entry(Fields(first))


def _belong_to_threads(value: object) -> bool:
    first = next(collected(value, "threadId"), None)
    return first is not None and is_entry(Fields(first)) and says_its_session(first)


def state_of(fields: Fields) -> State | None:
    """Find out whether a session is in use; None where its fields do not tell."""
    if any(fields.look(name) is True for name in ("archived", "isarchived")):
        return "archived"
    for name in ("state", "status"):
        said = fields.look(name)
        if isinstance(said, str) and said.lower() in _STATES:
            return _STATES[said.lower()]
    for name in ("active", "isactive", "state", "status"):
        if isinstance(fields.look(name), bool):
            return "active" if fields.look(name) else "inactive"
    return None
