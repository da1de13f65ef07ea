"""The tools: what each is called, takes and answers, and what it may do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mcp_types as types

from indexers.errors import IndexerError
from memory.api.mcp import finding, saving
from memory.api.mcp.asking import ToolArguments, read_arguments, schema_of
from memory.api.mcp.finding import ToolAnswer
from memory.api.mcp.reach import Reach, Refused
from memory.care.access import Role
from memory.errors import InvalidInput, MemoryFault


@dataclass(frozen=True)
class Tool:
    """One tool."""

    name: str
    title: str
    description: str
    arguments: type[ToolArguments]
    answer: type[ToolAnswer]
    run: Callable[[Reach, Any], ToolAnswer]
    role: Role = "reader"
    is_destructive: bool = False
    is_idempotent: bool = False

    def declared(self) -> types.Tool:
        """Describe it for a client."""
        is_read = self.role == "reader"
        hints = types.ToolAnnotations(
            read_only_hint=is_read,
            destructive_hint=self.is_destructive,
            idempotent_hint=is_read or self.is_idempotent,
            open_world_hint=False,
        )
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=schema_of(self.arguments),
            output_schema=schema_of(self.answer),
            annotations=hints,
        )


TOOLS = (
    Tool(
        "search_memory",
        "Search memory",
        "Find what was said, done and learned in earlier sessions. Each hit has a date, a role and a ref to cite.",
        finding.SearchArguments,
        finding.Found,
        finding.search,
    ),
    Tool(
        "recall",
        "Recall context",
        "Pack what earlier sessions hold on a task into one cited context within a budget of tokens.",
        finding.RecallArguments,
        finding.Recalled,
        finding.recall,
    ),
    Tool(
        "read_session",
        "Read a session",
        "Read messages of a session, from its beginning or around one of them.",
        finding.ReadArguments,
        finding.Read,
        finding.read_session,
    ),
    Tool(
        "save_message",
        "Save a message",
        "Save a message at the end of a session, or begin a session with it.",
        saving.MessageArguments,
        saving.Saved,
        saving.save_message,
        role="writer",
    ),
    Tool(
        "save_learning",
        "Save a learning",
        "Write down a decision, a gotcha, a fact or a preference that later sessions should know.",
        saving.LearningArguments,
        saving.Saved,
        saving.save_learning,
        role="writer",
    ),
    Tool(
        "relate",
        "Relate two things",
        "Draw an arrow from one thing to another: a file, a session, a learning, a link or a name.",
        saving.RelateArguments,
        saving.Saved,
        saving.relate,
        role="writer",
        is_idempotent=True,
    ),
    Tool(
        "related",
        "Show what is related",
        "Walk the arrows around a file, a session, a learning, a link or a name.",
        saving.RelatedArguments,
        saving.Related,
        saving.related,
    ),
    Tool(
        "forget",
        "Forget a record",
        "Say what forgetting a record would take away; with confirm=true forget it for good.",
        saving.ForgetArguments,
        saving.Forgot,
        saving.forget,
        role="admin",
        is_destructive=True,
        is_idempotent=True,
    ),
)
"""Every tool, in the order in which clients show them."""


def call(reach: Reach, name: str, given: dict[str, Any] | None) -> types.CallToolResult:
    """Call a tool; what goes wrong is told in one line."""
    try:
        tool = next((each for each in TOOLS if each.name == name), None)
        if tool is None:
            raise InvalidInput(f"there is no tool {name!r}; there are: {', '.join(each.name for each in TOOLS)}")
        answer = _called(reach, tool, given)
    except (MemoryFault, IndexerError) as error:
        return _failed(reach.words(error))
    structured = answer.model_dump(mode="json", exclude_none=True)
    return types.CallToolResult(content=[_text(answer.text())], structured_content=structured)


def _called(reach: Reach, tool: Tool, given: dict[str, Any] | None) -> ToolAnswer:
    try:
        reach.require(tool.role)
        arguments = read_arguments(tool.name, tool.arguments, given)
        answer = tool.run(reach, arguments)
    except Refused:
        reach.note(tool.name, None, "not_allowed", is_read=False)
        raise
    ref = getattr(answer, "ref", None) or getattr(arguments, "ref", None)
    outcome = "dry_run" if getattr(answer, "dry_run", False) else "done"
    reach.note(tool.name, ref, outcome, is_read=tool.role == "reader")
    return answer


def _failed(line: str) -> types.CallToolResult:
    return types.CallToolResult(content=[_text(" ".join(line.split()))], is_error=True)


def _text(text: str) -> types.TextContent:
    # a lone surrogate cannot be sent
    return types.TextContent(type="text", text=text.encode("utf-8", "replace").decode())
