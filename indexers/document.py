"""What an index is given and what it answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Document:
    """One piece of text to be found."""

    key: int
    """Its number, above 0, never used again for another text."""
    group: str
    """What it is removed with: all pieces of one record have one group."""
    body: str = ""
    """Words that spaces tell apart, as `indexers.words.split` gives them."""
    title: str = ""
    identifiers: str = ""
    """Words separated by spaces, as `indexers.words.names` gives them."""
    bigrams: str = ""
    """Pairs of characters, and signs, separated by spaces, as `indexers.words.split` gives them."""
    attributes: Mapping[str, int] = field(default_factory=dict)
    """What filters look at."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer; the higher the score the better."""

    key: int
    score: float


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The attribute is one of these values."""

    attribute: str
    values: frozenset[int]


@dataclass(frozen=True, slots=True)
class Between:
    """The attribute lies between two values, both included; None leaves a side open."""

    attribute: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of the conditions holds; none holds when there are none."""

    conditions: tuple["Condition", ...]


Condition = AnyOf | Between | Not | Either
Filter = tuple[Condition, ...]
"""All conditions hold; () lets everything through."""


def passes(attributes: Mapping[str, int], conditions: Iterable[Condition]) -> bool:
    """Say whether one document's attributes fulfil all conditions; a missing attribute counts as 0."""
    return all(_holds(attributes, condition) for condition in conditions)


def _holds(attributes: Mapping[str, int], condition: Condition) -> bool:
    match condition:
        case AnyOf(attribute, values):
            return attributes.get(attribute, 0) in values
        case Between(attribute, low, high):
            value = attributes.get(attribute, 0)
            return (low is None or value >= low) and (high is None or value <= high)
        case Not(inner):
            return not _holds(attributes, inner)
        case Either(conditions):
            return any(_holds(attributes, each) for each in conditions)
