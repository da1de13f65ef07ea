"""Learnings from what was said in so many words: "we decided to …", "from now on …", "remember that …".

A learning is the sentence itself, never more: nothing is rephrased or concluded. Only short messages that a person
typed are looked at, and of a model's words only what it marks as a decision or a gotcha itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memory.importers.reading.records import MessageRecord

TRUST_PERSON, TRUST_MODEL = 0.4, 0.2
"""How much such a learning is worth; what somebody saved as one is worth 1. Untuned."""
LONGEST_MESSAGE = 4_000
"""Characters of a typed message that is looked at: a longer one is something that was pasted. Untuned."""
SHORTEST, LONGEST = 15, 400
"""Characters of a sentence. Untuned."""

_TAKEN = r"(?:decided|agreed|chosen|chose|settled|opted)"
_PERSON = {
    "decision": re.compile(
        r"^(?:so |ok(?:ay)?[,:]? |and |but )?(?:we|i)(?:'ve| have)? (?:now |just |already |finally )?"
        rf"{_TAKEN} (?:to|on|that|not|against|for|in favou?r)\b"
        r"|^(?:decision|decided|agreed)\s*:\s*\S"
        r"|^(?:we|let's|let us)(?:'ll| will| are going to|'re going to)? (?:go|stick|stay) with (?!(?:option|number|variant|choice)\b)",
        re.IGNORECASE,
    ),
    "preference": re.compile(
        r"^(?:and |but |also |please |ok(?:ay)?[,:]? )*(?:from now on|in (?:the )?future|going forward|as a rule)\b"
        r"|^(?:and |also |please )*(?:always|never) (?!mind\b|ever\b|again\b|seen\b|had\b|been\b|heard\b)[a-z]+ "
        r"|^(?:i|we) (?:always |generally |usually )?prefer\b"
        r"|^(?:my|our) preference is\b",
        re.IGNORECASE,
    ),
    "fact": re.compile(
        r"^(?:and |also |please |but )*(?:remember|keep in mind|bear in mind|don't forget|do not forget)(?: that|:|,)\s+\S"
        r"|^for the record[,:]\s+\S",
        re.IGNORECASE,
    ),
    "gotcha": re.compile(
        r"^(?:gotcha|watch out|beware|caveat|pitfall|lesson learn(?:ed|t))\b\s*[:,–-]?\s*\S"
        r"|^the (?:gotcha|catch|trap|pitfall) (?:is|here is|was)\b",
        re.IGNORECASE,
    ),
}
_MODEL = {
    "decision": re.compile(r"^(?:\*\*)?decision(?:\*\*)?\s*:(?:\*\*)?\s*\S", re.IGNORECASE),
    "gotcha": re.compile(
        r"^(?:\*\*)?(?:gotcha|pitfall|lesson learn(?:ed|t))(?:\*\*)?\s*:(?:\*\*)?\s*\S", re.IGNORECASE
    ),
}
_PERSON_HINTS = (
    "decid", "decision", "agreed", "chose", "settled", "opted", " with ", "now on", "future", "forward", "as a rule",
    "always", "never", "prefer", "remember", "in mind", "forget", "record", "gotcha", "watch out", "beware", "caveat",
    "pitfall", "lesson", "catch", "trap",
)  # fmt: skip
_MODEL_HINTS = ("decision", "gotcha", "pitfall", "lesson learn")
"""Without one of these no pattern fits; looking for plain words is a hundred times faster."""
_CODE = re.compile(r"```[\s\S]*?(?:```|$)|~~~[\s\S]*?(?:~~~|$)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+")
_UNDECIDED = re.compile(r"\?\s*$|^(?:if|when|unless|should|did|do|have|has|why|what|how)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Stated:
    """One sentence that says it is a learning."""

    category: str
    content: str
    trust: float


def stated_in(record: MessageRecord) -> Iterator[Stated]:
    """Yield what one message states outright, each sentence once."""
    if record.role not in ("user", "assistant") or record.metadata.get("origin") or record.metadata.get("branch"):
        return
    is_person = record.role == "user"
    patterns, trust = (_PERSON, TRUST_PERSON) if is_person else (_MODEL, TRUST_MODEL)
    hints = _PERSON_HINTS if is_person else _MODEL_HINTS
    seen: set[str] = set()
    for part in record.parts:
        text = part.get("text") if part.get("type") == "text" else None
        if not isinstance(text, str) or (is_person and len(text) > LONGEST_MESSAGE):
            continue
        lower = text.lower()
        if not any(hint in lower for hint in hints):
            continue
        for sentence in _sentences(text):
            category = next((name for name, pattern in patterns.items() if pattern.search(sentence)), None)
            if category and sentence not in seen:
                seen.add(sentence)
                yield Stated(category, sentence, trust)


def _sentences(text: str) -> Iterator[str]:
    """Cut a text into sentences, without code, quotations, questions and what is put as a condition."""
    for line in _SENTENCE.split(_CODE.sub("\n", text)):
        sentence = _BULLET.sub("", line).strip()
        if sentence.startswith((">", "<", "|", "#", "$")) or not SHORTEST <= len(sentence) <= LONGEST:
            continue
        if sentence.count(" ") >= 3 and not _UNDECIDED.search(sentence):
            yield sentence
