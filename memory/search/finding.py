"""Find candidates: run the legs of a mode, look into the best, and put them into one order."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from indexers.document import AnyOf, Filter, passes
from indexers.errors import IndexerError
from indexers.keyword import phrase_of
from memory.catch_up import KeywordIndex
from memory.nearest import SemanticIndex
from memory.piece_texts import passage_texts
from memory.search.asked import Asked, asked_of
from memory.search.candidates import Candidate, Candidates, LegScore, candidate_of, gather
from memory.search.conditions import Conditions
from memory.search.confidence import score
from memory.search.fuse import by_leg, first_order, fuse, order_sessions
from memory.search.legs import LegAnswer, body_query, keyword_leg, newest_leg, semantic_leg, title_query
from memory.search.linked import graph_leg
from memory.search.query import ParsedQuery
from memory.search.reading import Standing
from memory.search.recipe import RECIPE, Recipe
from memory.search.request import SearchRequest
from memory.searchable import KINDS, unpack_attributes
from memory.store.chunks import ChunkRow
from memory.store.store import Store

if TYPE_CHECKING:
    from indexers.late_interaction import LateInteraction
    from memory.search.late import PieceTokens
    from memory.search.rerank import Reranking

MOST_LOOKED_INTO = 500
"""Records that are compared word by word, however many hits are asked for. Untuned."""
FIRST_OF_TITLES = 5
"""Sessions whose title matches that stand in the answer by their first message. Untuned."""

Legs = dict[str, LegAnswer]


class Finder:
    """Finds the candidates of a search in one workspace."""

    def __init__(
        self, store: Store, keyword: KeywordIndex, semantic: SemanticIndex, open_late: "Callable[[], LateInteraction]"
    ) -> None:
        self._store = store
        self._keyword = keyword
        self._semantic = semantic
        self._open_late = open_late
        self._tokens: PieceTokens | None = None
        self.recipe: Recipe = RECIPE
        self.reranking: Reranking | None = None

    def find(
        self, request: SearchRequest, conditions: Conditions, times: int = 1
    ) -> tuple[Legs, list[Candidate], bool]:
        """Run the legs of a mode and order what they found, best first, each with its score.

        Args:
            request: What is asked.
            conditions: What every hit fulfils.
            times: How many times as deep as usual the legs look.

        Returns:
            The legs by name, the candidates, and whether looking deeper could bring more.
        """
        now = datetime.now(UTC)
        asked = asked_of(request.parsed, request.query, now)
        depth = times * max(self.recipe.depth, request.limit * 4)
        legs = self._legs(request, conditions, depth)
        places = self._store.chunks.places([hit.key for leg in legs.values() for hit in leg.hits])
        titles = _titles(legs.get("title"), places)
        found = gather(legs.values(), places)
        if "session" not in conditions.kinds:
            for session in list(titles)[:FIRST_OF_TITLES]:
                self._add_first(found, session, conditions)
        wanted = self._wanted(found, request.parsed, conditions, titles)
        known = 1.0
        if "session" in conditions.kinds:
            ordered = order_sessions(wanted.values(), self.recipe)
        elif request.mode == "hybrid" and (request.parsed.words or request.parsed.phrases):
            ordered = first_order(wanted.values(), self.recipe)
            best = self._best(request, conditions, asked, legs, ordered, titles)
            looked_into = {each.record for each in best}
            rest = [each for each in ordered if each.record not in looked_into]
            known = self._known(request.parsed, legs)
            weights = self.recipe.shares(asked.words, known, legs["semantic"].is_built_in)
            ordered = [*fuse(best, asked, weights, self.recipe, now), *rest]
            if self.reranking:
                legs["rerank"], ordered = self.reranking.rerank(self._store, request.parsed.text, ordered)
        else:
            leg = request.mode if request.mode in legs else "keyword"
            # a query of filters alone gives the newest, whatever they are
            ordered = by_leg(wanted.values(), leg, self.recipe if request.parsed.has_words else None)
        score(ordered, legs, asked, known)
        return legs, ordered, any(len(leg.hits) >= depth for leg in legs.values())

    def _legs(self, request: SearchRequest, conditions: Conditions, depth: int) -> Legs:
        """Run the legs of a mode, in order."""
        parsed, mode = request.parsed, request.mode
        if not (parsed.words or parsed.phrases) and mode != "title":
            return {"keyword": newest_leg(self._keyword, conditions.records, depth)} if parsed.narrows else {}
        legs: Legs = {}
        for_sessions = "session" in conditions.kinds
        if mode in ("hybrid", "keyword") and not for_sessions:
            legs["keyword"] = keyword_leg(self._keyword, body_query(parsed), conditions.records, depth)
        if mode in ("hybrid", "title") or for_sessions:
            of_titles = conditions.records if for_sessions else conditions.sessions
            legs["title"] = keyword_leg(self._keyword, title_query(parsed), of_titles, depth, "title")
        if mode in ("hybrid", "semantic"):
            legs["semantic"] = semantic_leg(self._semantic, parsed.text, _of_kinds(conditions), depth)
        return legs

    def _best(
        self,
        request: SearchRequest,
        conditions: Conditions,
        asked: Asked,
        legs: Legs,
        ordered: list[Candidate],
        titles: Mapping[int, LegScore],
    ) -> list[Candidate]:
        """Take the best of a first order, what stands beside them and what they are linked to, and look into them."""
        recipe = self.recipe
        legs["graph"] = graph_leg(self._store, request.parsed, ordered, conditions, request.as_of)
        best = ordered[: min(MOST_LOOKED_INTO, max(recipe.looked_into, 2 * request.limit))]
        known = {each.record: each for each in best}
        linked: set[tuple[str, int]] = set()
        more = self._beside(best[: recipe.with_neighbours and max(recipe.with_neighbours, request.limit)], conditions)
        for key, place in self._store.chunks.places([hit.key for hit in legs["graph"].hits]).items():
            more.setdefault((place.kind, place.record_number), candidate_of(key, place))
            linked.add((place.kind, place.record_number))
        before = {each.record: each for each in ordered}
        more = {record: before.get(record, each) for record, each in more.items() if record not in known}
        for record in linked:
            (known.get(record) or more[record]).legs["graph"] = LegScore(1, 1.0)
        best = [*best, *self._wanted(more, request.parsed, conditions, titles).values()]
        self._complete(request.parsed, legs, best)
        from memory.search.late import PieceTokens, late_leg

        if self._tokens is None:
            self._tokens = PieceTokens(self._store, self._open_late())
        senders = dict(self._store.records.values("message", ("sender_id",), _messages(best)))
        for each in best:
            each.sender = senders.get(each.number) if each.kind == "message" else None
        legs["late"] = late_leg(self._store, self._tokens, request.parsed.text, best, asked, recipe)
        return best

    def _known(self, parsed: ParsedQuery, legs: Legs) -> float:
        """Say how well late interaction knows a query's words, 0 to 1; 1 when it did not run."""
        if self._tokens is None or "late" not in legs or legs["late"].fault:
            return 1.0
        return self._tokens.late.known(parsed.text)

    def _beside(self, best: list[Candidate], conditions: Conditions) -> Candidates:
        """Give the messages before and behind the best, where they fulfil the conditions: an answer follows its question."""
        beside = self._store.sessions.beside(_messages(best))
        numbers = sorted({number for pair in beside.values() for number in pair if number})
        keys = {first for first, _ in self._store.sessions.ends(numbers).values()}
        found: Candidates = {}
        for key, place in self._store.chunks.places(sorted(keys)).items():
            if passes(unpack_attributes(place.attributes), conditions.records):
                found[place.kind, place.record_number] = candidate_of(key, place)
        return found

    def _complete(self, parsed: ParsedQuery, legs: Legs, best: list[Candidate]) -> None:
        """Ask the keyword and the semantic leg for what they say of candidates that they did not give by themselves."""
        beyond = legs["keyword"].beyond
        for each in best:
            said = [beyond[key] for key in each.pieces if key in beyond]
            if said and "keyword" not in each.legs:
                each.legs["keyword"] = LegScore(0, max(said))
        if legs["semantic"].hits:
            unsaid = [each for each in best if "semantic" not in each.legs]
            try:
                scores = self._semantic.scores(parsed.text, [key for each in unsaid for key in each.pieces])
            except IndexerError as error:
                legs["semantic"].fault = str(error)
                return
            for each in unsaid:
                if near := [scores[key] for key in each.pieces if key in scores]:
                    each.legs["semantic"] = LegScore(0, max(near))

    def _add_first(self, found: Candidates, session: int, conditions: Conditions) -> None:
        """Let a session whose title matches stand in the answer by its first message, when none of it was found."""
        if any(each.session == session and each.kind == "message" for each in found.values()):
            return
        first = self._store.sessions.first_said(session)
        for key, place in self._store.chunks.places([first] if first else []).items():
            if passes(unpack_attributes(place.attributes), conditions.records):
                found[place.kind, place.record_number] = candidate_of(key, place)

    def _wanted(
        self, found: Candidates, parsed: ParsedQuery, conditions: Conditions, titles: Mapping[int, LegScore]
    ) -> Candidates:
        """Keep the kinds that are answered and what holds what was asked for word for word, each with its title."""
        wanted = {record: each for record, each in found.items() if each.kind in conditions.kinds}
        if parsed.excluded or parsed.phrases:
            self._keep_exact(parsed, wanted)
        for each in wanted.values():
            if each.session in titles:
                each.legs["title"] = titles[each.session]
        return wanted

    def _keep_exact(self, parsed: ParsedQuery, records: Candidates) -> None:
        """Drop what lacks a phrase or holds what was excluded: a leg that works by meaning cannot know."""
        phrases = [phrase for text in parsed.phrases if (phrase := phrase_of(text))]
        excluded = [phrase for text in parsed.excluded if (phrase := phrase_of(text))]
        for kind in {key[0] for key in records}:
            numbers = [key[1] for key in records if key[0] == kind]
            texts = passage_texts(self._store, kind, numbers)
            for number in numbers:
                whole = "\n".join(text for (record, _), text in texts.items() if record == number)
                stands = Standing(whole)
                if not all(map(stands.holds, phrases)) or any(map(stands.holds, excluded)):
                    del records[kind, number]


def _messages(candidates: Iterable[Candidate]) -> list[int]:
    return [each.number for each in candidates if each.kind == "message"]


def _of_kinds(conditions: Conditions) -> Filter:
    return (*conditions.records, AnyOf("kind", frozenset(KINDS[kind] for kind in conditions.kinds)))


def _titles(leg: LegAnswer | None, places: Mapping[int, ChunkRow]) -> dict[int, LegScore]:
    """Give for each session whose title matches how well, 0 to 1."""
    found: dict[int, LegScore] = {}
    for hit in leg.hits if leg else ():
        place = places.get(hit.key)
        if leg and place is not None and place.kind == "session" and place.record_number not in found:
            found[place.record_number] = LegScore(len(found) + 1, min(1.0, hit.score / leg.best_possible))
    return found
