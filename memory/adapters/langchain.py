"""LangChain: a chat message history that can be searched, and a retriever over all that is remembered.

RunnableWithMessageHistory(chain, lambda id: HarkbackChatMessageHistory(id, memory))
chain = HarkbackRetriever(memory=memory, k=5) | …
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import ConfigDict, Field

from memory.adapters.items import Item, ItemLog
from memory.errors import InvalidInput
from memory.importers.reading.langchain_messages import Conversation, plain_message
from memory.importers.reading.records import MessageRecord
from memory.memory import Memory
from memory.search.answer import SearchHit

try:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.chat_history import BaseChatMessageHistory
    from langchain_core.documents import Document
    from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict
    from langchain_core.retrievers import BaseRetriever
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("LangChain is not installed; `pip install langchain-core`") from error

FRAMEWORK = "langchain"
WHOLE = 2_000
"""Characters of the longest text that a document holds as a whole; of a longer one it holds what was found. Untuned."""


class HarkbackChatMessageHistory(BaseChatMessageHistory):
    """One conversation of LangChain; safe to use from many tasks, threads and processes."""

    def __init__(
        self, session_id: str, memory: Memory, *, project: str | None = None, limit: int | None = None
    ) -> None:
        """Name a conversation; nothing is written until something is said.

        Args:
            session_id: Any text; the same text is the same conversation.
            memory: Where it is kept.
            project: The body of work that it belongs to.
            limit: How many of the last messages are read; None for all.

        Raises:
            ValueError: The id is no text, or is empty.
        """
        if not isinstance(session_id, str) or not session_id:
            raise ValueError(f"session_id is {session_id!r}; give a text that is not empty")
        self._limit = limit
        self._log = ItemLog(memory, FRAMEWORK, [session_id], project=project)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The messages in order, as they were added."""
        found: list[BaseMessage] = messages_from_dict(self._log.values(self._limit))
        return found

    @messages.setter
    def messages(self, messages: Sequence[BaseMessage]) -> None:
        with _refused():
            self._log.replace(self._items(messages))

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Save messages at the end, all or none.

        Raises:
            ValueError: One has no JSON form, or the session was deleted.
        """
        with _refused():
            self._log.add(self._items(messages))

    def clear(self) -> None:
        """Delete the conversation for good."""
        self._log.clear()

    def _items(self, messages: Sequence[BaseMessage]) -> list[Item]:
        names = self._log.tool_names()
        conversation = Conversation(self._log.session_id, [])
        return [_item(message_to_dict(each), self._log.session_id, conversation, names) for each in messages]


class HarkbackRetriever(BaseRetriever):
    """Finds what was said and learned."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    memory: Memory
    """What is searched."""
    k: int = Field(default=5, ge=1)
    """How many documents are given, at most."""
    search_arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of `Memory.search` beside the query, such as `project` or `kind`."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **arguments: Any
    ) -> list[Document]:
        """Search; `k` and arguments of `Memory.search` may be given with the call.

        Raises:
            ValueError: An argument is unknown, or cannot be what it is.
        """
        limit = arguments.pop("k", self.k)
        with _refused():
            answer = self.memory.search(query, **{**self.search_arguments, **arguments, "limit": limit})
        return [self._document(hit) for hit in answer.hits]

    def _document(self, hit: SearchHit) -> Document:
        said = hit.model_dump(mode="json", exclude={"snippet", "context", "why", "id", "count"}, exclude_none=True)
        return Document(id=hit.id, page_content=self._text(hit), metadata={"id": hit.id, **said})

    def _text(self, hit: SearchHit) -> str:
        found: Any = None
        if hit.kind in ("message", "learning"):
            found = self.memory.collection(hit.kind).get(hit.id)
        if found is not None and 0 < len(found.content) <= WHOLE:
            return str(found.content)
        return hit.snippet.replace("<mark>", "").replace("</mark>", "")


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise ValueError(str(error)) from error


def _item(message: dict[str, Any], session_key: str, conversation: Conversation, names: dict[str, str]) -> Item:
    """Make the messages of one message; `names` knows the tools of calls that were saved before."""
    given = plain_message(message)
    records = [each for each in conversation.items(given) if isinstance(each, MessageRecord)] if given else []
    for record in records:
        if record.role == "tool" and record.tool_name is None and record.tool_result:
            record.tool_name = names.get(str(record.tool_result.get("call_id")))
    return Item(message, records or [MessageRecord(session_key, None, "system", [], metadata={"origin": "synthetic"})])
