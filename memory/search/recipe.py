"""How a search weighs what it knows: the weights that order hits, in one place.

Chosen on the development sets by `benchmarks/recall.py --ablate`, which shows what each is worth; docs/recall.md has the
table. A `Memory` takes another one: `m.recipe = replace(m.recipe, dates=0)`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Weights of a search in mode `hybrid`. The legs' scores are scaled to 0 to 1 before they are weighted."""

    keyword: float = 0.2
    """The share of BM25 for a query of `few_words` and less."""
    keyword_long: float = 0.5
    """The same for one of `many_words` and more: the more words, the surer it is that those that stand in a text count."""
    few_words: int = 4
    many_words: int = 9
    """Words, stop words left out; between the two the share grows evenly."""
    semantic: float = 1.0
    """Of the rest: the cosine of the embedder's vectors, from the least of the candidates to the greatest."""
    semantic_other: float = 2.0
    """The same for the vectors of another embedder: with MiniLM 1 is best for conversations, 4 and more for code."""
    late: float = 1.0
    """Of the rest: late interaction, for each word asked for how near the nearest word of the text is (`late.py`)."""
    known: float = 1.0
    """How much of the rest goes to BM25, too, when the built-in model knows the query's words in pieces only: names, typos."""
    title: float = 0.15
    """The title of the session."""
    graph: float = 0.1
    """An arrow from a strong hit, or from a file that the query names."""
    before: float = 0.8
    """What a word counts that stands in the piece before instead of in the text itself, for late interaction."""
    after: float = 0.7
    """The same for the piece behind."""
    rarity: float = 0.7
    """The power to which a word's rarity is raised before it weighs; 0 lets all words count alike."""
    neighbour: float = 0.1
    """What a message gets of the scores of those beside it."""
    session: float = 0.3
    """What a message gets of the mean score of its session's best three."""
    speaker: float = 0.2
    """For what was said by somebody whom the query names."""
    dates: float = 0.25
    """For what is from a time that the query names."""
    times: float = 0.1
    """For what names a time, when the query asks when."""
    asking: float = 0.08
    """Taken from what is a question, when the query is one: an answer is a statement."""
    person: float = 0.05
    """For what a person typed: people ask about what people said."""
    written: float = 0.15
    """For learnings: they were written down on purpose."""
    aside: float = 0.1
    """Taken from tool output, tool calls, reasoning and injected text."""
    recency: float = 0.0
    """For what is new: all of it today, half of it `half_life` days ago. Off: old answers are as true as new ones."""
    half_life: float = 30.0
    """Days, for `recency`."""
    depth: int = 40
    """Pieces that the keyword and the semantic leg give for 10 hits."""
    looked_into: int = 60
    """Records that late interaction looks into for 10 hits."""
    with_neighbours: int = 30
    """The best of those, whose neighbours become candidates, too."""

    def shares(self, words: int, known: float, is_built_in: bool = True) -> tuple[float, float, float]:
        """Give the weights of keyword, semantic and late interaction, which add up to 1.

        Args:
            words: Words of the query, stop words left out.
            known: How well the built-in model knows them, 0 to 1.
            is_built_in: Whether the vectors are those of the built-in embedder.
        """
        steps = max(1, self.many_words - self.few_words)
        keyword = self.keyword + (self.keyword_long - self.keyword) * min(1, max(0, words - self.few_words) / steps)
        rest = (1 - keyword) * (1 - self.known * (1 - known))
        by_meaning = self.semantic if is_built_in or not self.semantic else self.semantic_other
        both = by_meaning + self.late
        if both <= 0:
            return 1.0, 0.0, 0.0
        keyword = 1 - rest if self.keyword_long or self.keyword else 0.0
        semantic = rest * (by_meaning / both)
        return keyword, semantic, rest - semantic


RECIPE = Recipe()
"""What is used unless another is given."""
