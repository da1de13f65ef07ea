"""Run an operation for the command line: open the store, show progress, write the answer."""

import gc
import json
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any

import click
from pydantic import BaseModel, ValidationError

from memory.api.cli.tables import Writer
from memory.errors import InvalidInput, NoStore
from memory.memory import Memory
from memory.operations import Operation

Progress = Callable[[str, int, int], None]


def run_operation(operation: Operation, given: dict[str, Any], store: str | None, as_json: bool) -> int:
    """Run it and write what it answers: for people to stdout, problems to stderr; or one JSON document.

    Returns:
        The exit code: 1 for an answer that says of itself that it is not `ok`.
    """
    arguments = _asked(operation, _arguments(operation, given), store)
    if operation.unopened is not None:
        with _progress(operation.name) as tell:
            answer = operation.unopened(arguments, store, tell)
        if answer is not None:
            return _answer(operation, answer, arguments, as_json)
    with _opened(operation, arguments, store) as memory:
        if operation.is_stream:
            gc.enable()
            _run_stream(operation, memory, arguments, as_json)
            return 0
        if operation.text and not as_json and (pieces := operation.text(memory, arguments)) is not None:
            gc.enable()
            _write_as_it_is(pieces)
            return 0
        if operation.is_long:
            gc.enable()
            with _progress(operation.name) as tell:
                answer = operation.run(memory, arguments, tell)
        else:
            answer = operation.run(memory, arguments)
        return _answer(operation, answer, arguments, as_json)


def _run_stream(operation: Operation, memory: Memory, arguments: BaseModel, as_json: bool) -> None:
    """Write answers as they come, until a person or the system stops it; the progress of the first one is shown."""
    with _stopping() as stop:
        with _progress(operation.name) as tell:
            answers = operation.run(memory, arguments, stop, tell)
            first = next(answers)
        for answer in chain([first], answers):
            _answer(operation, answer, arguments, as_json)


def _answer(operation: Operation, answer: Any, arguments: BaseModel, as_json: bool) -> int:
    code = int(getattr(answer, "ok", True) is False)
    if as_json:
        click.echo(_json(answer))
        return code
    writer = Writer(sys.stdout)
    writer.write(operation.rows(answer, arguments))
    for line in operation.faults(answer):
        click.echo(f"hark: {writer.plain(' '.join(str(line).split()))}", err=True)
    return code


def _write_as_it_is(pieces: Generator[str, None, None]) -> None:
    """Write text byte for byte; on a terminal without what would control it."""
    writer = Writer(sys.stdout) if sys.stdout.isatty() else None
    sys.stdout.flush()
    # closed at once also when nobody reads on: what it reads from is closed behind it
    with closing(pieces):
        for piece in pieces:
            if writer is not None:
                click.echo(writer.plain(piece), nl=False)
            else:
                sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set an event when the process is asked to end; asked a second time, it ends at once."""
    event = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(number: int, _: object) -> None:
        event.set()
        signal.signal(number, before[signal.Signals(number)])

    try:
        for number in before:
            signal.signal(number, end)
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _arguments(operation: Operation, given: dict[str, Any]) -> BaseModel:
    values: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        is_list = isinstance(value, tuple)
        takes_list = "list" in str(operation.arguments.model_fields[name].annotation)
        values[name] = list(value) if is_list and takes_list else " ".join(value) if is_list else value
    try:
        return operation.arguments.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        flag = ".".join(map(str, first["loc"])).replace("_", "-")
        raise InvalidInput(f"--{flag}: {first['msg']}; see `hark {operation.name} --help`") from error


def _asked(operation: Operation, arguments: BaseModel, store: str | None) -> BaseModel:
    """Ask on a terminal what is to be asked; elsewhere the operation says what is missing."""
    if operation.question is None or not sys.stdin.isatty():
        return arguments
    with _present(store) as memory:
        asked = operation.question(memory, arguments)
    if asked is None:
        return arguments
    lines, question = asked
    Writer(sys.stderr).write(lines)
    if not click.confirm(question, err=True):
        raise click.Abort
    return operation.agreed(arguments)


@contextmanager
def _present(store: str | None) -> Iterator[Memory | None]:
    """Open the store that there is; None where there is none yet."""
    try:
        memory = Memory.open(store, create=False)
    except NoStore:
        yield None
        return
    with memory:
        yield memory


@contextmanager
def _opened(operation: Operation, arguments: BaseModel, store: str | None) -> Iterator[Memory]:
    prepare = operation.before
    path = prepare(arguments, store) if prepare else store
    with Memory.open(path, create=operation.creates) as memory:
        yield memory


@contextmanager
def _progress(name: str) -> Iterator[Progress | None]:
    """Show a bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)

        def tell(what: str, done: int, of: int) -> None:
            shown = what if len(what) <= 50 else f"…{what[-49:]}"
            bar.update(task, description=shown, completed=done, total=max(of, 1))

        yield tell


def _json(answer: Any) -> str:
    if isinstance(answer, BaseModel):
        return answer.model_dump_json()
    return json.dumps(answer, ensure_ascii=False, default=str)
