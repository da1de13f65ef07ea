"""The tools that save, relate and forget."""

from typing import Literal

from pydantic import Field

from memory.api.mcp.asking import Budget, Texts, ToolArguments
from memory.api.mcp.finding import ToolAnswer
from memory.api.mcp.framing import NOTICE, Fence, fitting, flat
from memory.api.mcp.reach import Reach
from memory.collections.graph import MOST_DEPTH
from memory.errors import InvalidInput
from memory.operations import forget_, graph_, learn_, relate_


class Saved(ToolAnswer):
    """What a tool that saves answers."""

    ref: str
    session_id: str | None = None

    def text(self) -> str:
        """Say where it is."""
        where = f" in session:{self.session_id}" if self.session_id else ""
        return f"saved {self.ref}{where}"


class MessageArguments(ToolArguments):
    """The arguments of save_message."""

    session_id: str | None = Field(None, description="Its id, or the beginning of it; without one a session is begun.")
    role: Literal["user", "assistant", "system", "tool"]
    content: str
    title: str | None = Field(None, description="Of the session that is begun.")
    project: str | None = Field(None, description="Of the session that is begun: an id, an alias or a path.")


def save_message(reach: Reach, arguments: MessageArguments) -> Saved:
    """Save a message at the end of a session; when this answers, it is on disk."""
    if arguments.session_id is None:
        fields = {"title": arguments.title, "project": arguments.project}
        given = {name: value for name, value in fields.items() if value is not None}
        reach.place("session", given)
        session = reach.memory.sessions.create(**given)
    elif arguments.title or arguments.project:
        raise InvalidInput("title and project are those of a session that is begun; leave them out, or session_id")
    else:
        session = reach.session(reach.whole("session", arguments.session_id))
    made = reach.memory.messages.append(session.id, role=arguments.role, content=arguments.content)
    return Saved(ref=f"message:{made.id}", session_id=session.id)


class LearningArguments(ToolArguments):
    """The arguments of save_learning."""

    category: str = Field(description="decision, gotcha, fact, preference, pattern, …")
    content: str = Field(description="What was learned, in a sentence that can stand alone.")
    project: str | None = Field(None, description="The project it holds for: an id, an alias or a path.")
    session_id: str | None = Field(None, description="The session it was drawn from.")
    files: Texts = Field(default_factory=list, description="Paths it is about.")
    tags: Texts = Field(default_factory=list)
    supersedes: str | None = Field(None, description="Id of the learning that is no longer true.")


def save_learning(reach: Reach, arguments: LearningArguments) -> Saved:
    """Write down what was learned."""
    session_id = (
        None if arguments.session_id is None else reach.session(reach.whole("session", arguments.session_id)).id
    )
    given = {"project": arguments.project, "session_id": session_id}
    reach.place("learning", given)
    if arguments.supersedes is not None:
        arguments.supersedes = arguments.supersedes.removeprefix("learning:")
        old = reach.memory.learnings.get(arguments.supersedes)
        if old is None or not reach.sees(old):
            raise InvalidInput(f"supersedes: there is no learning {arguments.supersedes!r}")
    made = learn_.run(
        reach.memory,
        learn_.Arguments(
            category=arguments.category,
            text=arguments.content,
            project=given.get("project") or given.get("project_id"),
            session=session_id,
            file=arguments.files,
            tag=arguments.tags,
            supersedes=arguments.supersedes,
        ),
    )
    return Saved(ref=f"learning:{made.id}", session_id=made.session_id)


_REF = "A path, session:ID, message:ID, learning:ID, a link or a name."


class RelateArguments(ToolArguments):
    """The arguments of relate."""

    source: str = Field(description=_REF)
    target: str = Field(description="The same.")
    type: str = Field(description="code_code, code_decision, decision_prior_art, intent_implementation, …")
    label: str | None = Field(None, description="What the arrow says.")
    session_id: str | None = Field(None, description="The session it was seen in.")


def relate(reach: Reach, arguments: RelateArguments) -> Saved:
    """Draw an arrow between two things."""
    session_id = (
        None if arguments.session_id is None else reach.session(reach.whole("session", arguments.session_id)).id
    )
    reach.place("relationship", {"session_id": session_id})
    values = arguments.model_dump(exclude={"session_id"})
    made = relate_.run(reach.memory, relate_.Arguments(**values, session=session_id))
    return Saved(ref=f"relationship:{made.id}", session_id=made.session_id)


class RelatedArguments(ToolArguments):
    """The arguments of related."""

    ref: str = Field(description=_REF)
    depth: int = Field(1, ge=1, le=MOST_DEPTH, description="How many arrows far.")
    types: Texts = Field(default_factory=list, description="Only arrows of these types.")
    budget: Budget = Field(2000, description="Tokens of the answer, about.")


class Arrow(ToolAnswer):
    """One arrow."""

    source: str
    type: str
    target: str
    label: str | None = None
    ref: str

    def text(self) -> str:
        """Write it on one line."""
        label = f' "{flat(self.label)}"' if self.label else ""
        return f"> {flat(self.source)} —{flat(self.type)}→ {flat(self.target)}{label}\n"


class Related(ToolAnswer):
    """What related answers, nearest first."""

    notice: str = NOTICE
    arrows: list[Arrow]
    left_out: int = 0

    def text(self) -> str:
        """Write arrows inside a fence."""
        if not self.arrows:
            return "nothing is related to that"
        behind = [f"{self.left_out} more are left out; ask with types, a smaller depth or a larger budget"]
        return Fence().around([each.text() for each in self.arrows], behind if self.left_out else ())


def related(reach: Reach, arguments: RelatedArguments) -> Related:
    """Walk the relationships around a thing."""
    reach.unconfined()
    asked = graph_.Arguments(ref=arguments.ref, depth=arguments.depth, type=arguments.types)
    found = graph_.run(reach.memory, asked)
    near = sorted(
        found.relationships,
        key=lambda each: min(found.refs.get(each.source, MOST_DEPTH), found.refs.get(each.target, MOST_DEPTH)),
    )
    arrows = [
        Arrow(source=each.source, type=each.type, target=each.target, label=each.label, ref=f"relationship:{each.id}")
        for each in near
    ]
    kept = arrows[: fitting([each.text() for each in arrows], arguments.budget)]
    return Related(arrows=kept, left_out=len(arrows) - len(kept))


class ForgetArguments(ToolArguments):
    """The arguments of forget."""

    ref: str = Field(description="What is forgotten: message:ID, session:ID, learning:ID, relationship:ID.")
    confirm: bool = Field(False, description="Do it, for good; without it you are only told what would be forgotten.")


class Forgot(ToolAnswer):
    """What forget answers: a receipt, never what was said."""

    dry_run: bool
    counts: dict[str, int]
    backups: list[str] = Field(default_factory=list)
    """Backups that still hold it."""
    warnings: list[str] = Field(default_factory=list)
    """What is still to do, and what else says the same."""

    def text(self) -> str:
        """Say what was forgotten, or would be."""
        counted = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in self.counts.items()) or "nothing"
        told = f"would forget {counted}; nothing was written; ask the person, then call again with confirm=true"
        backups = [f"the backup {path} still holds it" for path in self.backups]
        return "\n".join([told if self.dry_run else f"forgot {counted}, for good", *backups, *self.warnings])


def forget(reach: Reach, arguments: ForgetArguments) -> Forgot:
    """Forget a record for good, or say what would be forgotten."""
    reach.unconfined()
    receipt = forget_.run(
        reach.memory, forget_.Arguments.model_validate({"ids": [arguments.ref], "yes": arguments.confirm})
    )
    return Forgot(
        dry_run=receipt.dry_run,
        counts=receipt.counts,
        backups=[each.path for each in receipt.backups],
        warnings=[str(line) for line in forget_.faults(receipt)],
    )
