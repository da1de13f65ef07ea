"""Memory: the one object that a program holds; `open` puts the parts together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memory.backup_verbs import BackupVerbs
from memory.care_verbs import CareVerbs
from memory.errors import InvalidInput
from memory.exchange_verbs import ExchangeVerbs
from memory.history_verbs import HistoryVerbs
from memory.kinds.learning import Learning
from memory.kinds.message import Message
from memory.search.answer import Recall, SearchHit, SearchResult
from memory.search.recall import pack
from memory.search.recipe import Recipe
from memory.search.request import request_of

if TYPE_CHECKING:
    pass


RECALL_HITS = 20
"""Hits that are offered to a context. Untuned."""


class Memory(HistoryVerbs, ExchangeVerbs, BackupVerbs, CareVerbs):
    """One workspace of one store, with its indexes.

    Safe to use from many threads and many processes at once. It is a context manager.

    Attributes:
        sessions: Conversations.
        messages: Their entries.
        learnings: What was drawn from them.
        graph: Relationships.
        projects: Bodies of work.
        attachments: Files and images of messages.
        settings: Keys and values kept with the store.
    """

    def search(self, query: str, **arguments: Any) -> SearchResult:
        """Find messages, learnings and sessions.

        Args:
            query: Words, `"phrases"`, `-exclusions` and filters such as `role:user`; there is no wrong query.
            arguments: `mode` (hybrid, keyword, semantic, title), `limit` (10, at most 200), `group` (session),
                `project` (with those below it), `session` (an id, or its beginning), `role`, `tool`, `kind` (message,
                learning, session), `participant`, `tag`, `after`, `before`, `as_of` (a datetime or text such as
                2026-11-03, yesterday, 7d), `context` (neighbours of each hit), `min_score` (0 switches the floor off),
                `fold` (False keeps hits of the same text apart), `within` (ids of projects outside which nothing is found).

        Raises:
            InvalidInput: An argument is unknown, or cannot be what it is.
        """
        request = request_of(query, arguments)
        self._vector_follower.start()
        return self._searcher.search(request)

    @property
    def recipe(self) -> Recipe:
        """How a search in mode `hybrid` weighs what it knows; another one may be set."""
        return self._searcher.finder.recipe

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self._searcher.finder.recipe = recipe

    def recall(self, query: str, *, budget: int = 2000, **arguments: Any) -> Recall:
        """Find what is relevant and pack it, cited, into a context for a prompt.

        Args:
            query: As for `search`.
            budget: Tokens that the text has at most, at about four characters each.
            arguments: As for `search`.

        Raises:
            InvalidInput: The budget is less than 1, or an argument cannot be what it is.
        """
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
            raise InvalidInput(f"budget is {budget!r}; it must be a whole number of tokens, 1 or more")
        return pack(self.search(query, **{"limit": RECALL_HITS, **arguments}), budget, self._quoted)

    def _quoted(self, hit: SearchHit) -> Sequence[Message] | str:
        if hit.kind == "message":
            return self.messages.around(hit.id, before=1, after=1)
        found = self.learnings.get(hit.id) if hit.kind == "learning" else None
        return found.content if isinstance(found, Learning) else hit.snippet
