"""Anthropic: the memory tool of Claude, whose files are messages that can be searched.

All files of one tool are one session; each is a message of the assistant, which wrote it. What a file said before an edit
is kept as a version of its message. A directory is there while something is in it.

    client.beta.messages.run_tools(tools=[HarkbackMemoryTool(Memory.open())], …)
"""

import asyncio
import posixpath
from collections.abc import Callable
from typing import Any

from memory.adapters.file_texts import File, ambiguous, is_directory, numbered, numbered_line, shown_directory
from memory.adapters.items import ITEM, ItemLog
from memory.collections.sessions import SessionWithMessages
from memory.errors import InvalidInput
from memory.memory import Memory
from memory.store.schema import whole

try:
    from anthropic.lib.tools import BetaAbstractMemoryTool, BetaAsyncAbstractMemoryTool, ToolError
    from anthropic.types.beta import (
        BetaMemoryTool20250818CreateCommand,
        BetaMemoryTool20250818DeleteCommand,
        BetaMemoryTool20250818InsertCommand,
        BetaMemoryTool20250818RenameCommand,
        BetaMemoryTool20250818StrReplaceCommand,
        BetaMemoryTool20250818ViewCommand,
    )
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("Anthropic's SDK is not installed; `pip install anthropic`") from error

FRAMEWORK = "anthropic-memory"
ROOT = "/memories"
MOST_LINES = 999_999
"""Lines of the longest file that is shown. Source: the tool's reference implementation."""


class HarkbackMemoryTool(BetaAbstractMemoryTool):
    """Keeps the files of Claude's memory tool; safe to use from many threads and processes."""

    def __init__(self, memory: Memory, *, name: str = "memories", project: str | None = None, **options: Any) -> None:
        """Keep files in a memory.

        Args:
            memory: Where they are kept.
            name: Of the set of files; tools with the same name share it, others see nothing of it.
            project: The body of work that they belong to.
            options: As the SDK has them: `cache_control`.
        """
        super().__init__(**options)
        self._memory = memory
        self._log = ItemLog(memory, FRAMEWORK, [name], title=f"Memory files of Claude: {name}", project=project)

    def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        """Show a file with numbered lines, or what a directory holds."""
        path, files = self._path(command.path), self._files()
        if path in files:
            if files[path].text.count("\n") >= MOST_LINES:
                raise ToolError(f"File {command.path} exceeds maximum line limit of 999,999 lines.")
            return numbered(command.path, files[path].text, command.view_range)
        if path != ROOT and not is_directory(path, files):
            raise ToolError(f"The path {command.path} does not exist. Please provide a valid path.")
        return shown_directory(path, command.path, files)

    def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        """Write a new file."""

        def write() -> str:
            path, files = self._path(command.path), self._files()
            if path in files or path == ROOT or is_directory(path, files):
                raise ToolError(f"File {command.path} already exists")
            _refuse_below_file(path, files)
            if not isinstance(command.file_text, str):
                raise ToolError(f"`file_text` is {command.file_text!r}; it must be a text")
            self._log.ensure()
            fields = {"parts": [_named(path)], "metadata": _metadata(path)}
            self._memory.messages.append(self._log.session_id, role="assistant", content=command.file_text, **fields)
            return f"File created successfully at: {command.path}"

        return self._written(write)

    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        """Put a text in the place of one that stands once in a file."""

        def write() -> str:
            file = self._file(command.path)
            count = file.text.count(command.old_str) if command.old_str else 0
            said = (
                f"No replacement was performed, old_str `{command.old_str}` did not appear verbatim in {command.path}."
            )
            if count == 0:
                raise ToolError(said)
            if count > 1:
                raise ToolError(ambiguous(command.old_str, file.text))
            before = file.text.partition(command.old_str)[0].count("\n")
            text = file.text.replace(command.old_str, command.new_str)
            self._memory.messages.update(file.id, content=text)
            lines = text.split("\n")
            shown = [numbered_line(at + 1, lines[at]) for at in range(max(0, before - 2), min(len(lines), before + 3))]
            told = "The memory file has been edited. Here is the snippet showing the change (with line numbers):"
            return "\n".join([told, *shown])

        return self._written(write)

    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        """Put lines behind a line of a file."""

        def write() -> str:
            file = self._file(command.path)
            lines = file.text.split("\n")
            if lines[-1] == "":
                lines.pop()
            if not 0 <= command.insert_line <= len(lines):
                raise ToolError(
                    f"Invalid `insert_line` parameter: {command.insert_line}. "
                    f"It should be within the range [0, {len(lines)}]."
                )
            lines.insert(command.insert_line, command.insert_text.rstrip("\n"))
            text = "\n".join(lines)
            self._memory.messages.update(file.id, content=text if text.endswith("\n") else text + "\n")
            return f"The file {command.path} has been edited."

        return self._written(write)

    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        """Delete a file, or a directory with all in it, for good."""

        def write() -> str:
            path = self._path(command.path)
            if path == ROOT:
                raise ToolError("Cannot delete the /memories directory itself")
            for file in self._at(path, command.path):
                self._memory.messages.delete(file.id, hard=True)
            return f"Successfully deleted {command.path}"

        return self._written(write)

    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        """Give a file or a directory another path."""

        def write() -> str:
            old, new, files = self._path(command.old_path), self._path(command.new_path), self._files()
            if old == ROOT:
                raise ToolError("Cannot rename the /memories directory itself")
            if new in files or new == ROOT or is_directory(new, files):
                raise ToolError(f"The destination {command.new_path} already exists")
            moved = self._at(old, command.old_path)
            if new.startswith(f"{old}/"):
                raise ToolError(f"Cannot move {command.old_path} into itself")
            _refuse_below_file(new, files)
            for file in moved:
                path = new + file.path.removeprefix(old)
                fields = {"parts": [_named(path)], "metadata": _metadata(path)}
                self._memory.messages.update(file.id, content=file.text, **fields)
            return f"Successfully renamed {command.old_path} to {command.new_path}"

        return self._written(write)

    def clear_all_memory(self) -> str:
        """Delete all files for good."""
        self._log.clear()
        return "All memory cleared"

    def _path(self, path: str) -> str:
        """Give a path as it is kept: without detours, secrets and lone surrogates."""
        return whole(str(self._memory.saver.redactor.value(_normal(path))))

    def _files(self) -> dict[str, File]:
        session = self._memory.sessions.get(self._log.session_id, messages=True)
        messages = session.messages if isinstance(session, SessionWithMessages) else []
        found = {}
        for message in messages:
            item = message.metadata.get(ITEM) or {}
            if item.get("of") == FRAMEWORK:
                path = item["value"]["path"]
                found[path] = File(message.id, path, self._memory.messages.text(message.id))
        return found

    def _file(self, path: str) -> File:
        files, normal = self._files(), self._path(path)
        if normal in files:
            return files[normal]
        if normal == ROOT or is_directory(normal, files):
            raise ToolError(f"The path {path} is not a file.")
        raise ToolError(f"The path {path} does not exist. Please provide a valid path.")

    def _at(self, path: str, told: str) -> list[File]:
        found = [file for file in self._files().values() if file.path == path or file.path.startswith(f"{path}/")]
        if not found:
            raise ToolError(f"The path {told} does not exist")
        return found

    def _written(self, write: Callable[[], str]) -> str:
        try:
            with self._memory.store.transaction():
                return write()
        except InvalidInput as error:
            raise ToolError(str(error)) from error


class HarkbackAsyncMemoryTool(BetaAsyncAbstractMemoryTool):
    """Does what `HarkbackMemoryTool` does, in threads."""

    def __init__(self, memory: Memory, *, name: str = "memories", project: str | None = None, **options: Any) -> None:
        """Keep files in a memory; see `HarkbackMemoryTool`."""
        super().__init__(**options)
        self._tool = HarkbackMemoryTool(memory, name=name, project=project)

    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return await asyncio.to_thread(self._tool.view, command)

    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return await asyncio.to_thread(self._tool.create, command)

    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return await asyncio.to_thread(self._tool.str_replace, command)

    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return await asyncio.to_thread(self._tool.insert, command)

    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return await asyncio.to_thread(self._tool.delete, command)

    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return await asyncio.to_thread(self._tool.rename, command)

    async def clear_all_memory(self) -> str:
        return await asyncio.to_thread(self._tool.clear_all_memory)


def _normal(path: str) -> str:
    if not isinstance(path, str):
        raise ToolError(f"Path must be a text, got: {path!r}")
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        raise ToolError(f"Path must start with /memories, got: {path}")
    found = posixpath.normpath(path)
    if found != ROOT and not found.startswith(f"{ROOT}/"):
        raise ToolError(f"Path {path} would escape /memories directory")
    return found


def _metadata(path: str) -> dict[str, Any]:
    return {ITEM: {"of": FRAMEWORK, "value": {"path": path}}}


def _named(path: str) -> dict[str, Any]:
    """Give the part by which a file is found by its name."""
    return {"type": "file", "id": "path", "text": path}


def _refuse_below_file(path: str, files: dict[str, File]) -> None:
    above = posixpath.dirname(path)
    while above != ROOT:
        if above in files:
            raise ToolError(f"The path {above} is not a directory.")
        above = posixpath.dirname(above)
