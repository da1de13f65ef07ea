"""`hark`: every operation as a command. What an operation takes gives the flags; what it answers goes to stdout."""

import gc
import os
import sys
from typing import Any

import click

from indexers.errors import IndexerError
from memory.errors import Conflict, InvalidInput, MemoryFault, UnknownRecord
from memory.operations import OPERATIONS, Operation, operation

VERSION_TEXT = "Harkback remembers what people and their agents said, did and learned, and finds it again."


OWN = {
    "serve": "Serve REST, live events and MCP until stopped.",
    "mcp": "Serve MCP on standard input and output.",
    "connect": "Write this memory into an agent's configuration.",
}
"""Commands that are ways in themselves, and no operations."""


class Commands(click.Group):
    """The operations; only the one that is asked for is read."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the list of operations, and then those that run until they are stopped."""
        return [*(each.name for each in OPERATIONS), *OWN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make a command."""
        if cmd_name in OWN:
            return own_command(cmd_name)
        found = operation(cmd_name)
        return None if found is None else command_of(found)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without reading their modules."""
        with formatter.section("Commands"):
            formatter.write_dl([*((each.name, each.summary) for each in OPERATIONS), *OWN.items()])


def own_command(name: str) -> click.Command:
    """Make the command of a way in; its packages are read when it runs."""
    if name == "mcp":
        from memory.api.cli.mcp_ import mcp_command

        return mcp_command()
    if name == "connect":
        from memory.api.cli.connect_ import connect_command

        return connect_command()
    from memory.api.cli.service import serve_command

    return serve_command()


def command_of(found: Operation) -> click.Command:
    """Make the command of an operation."""
    from memory.api.cli.parameters import parameters_of

    params = [
        *parameters_of(found.arguments),
        click.Option(["--store"], metavar="DIR", help="The store; else HARK_STORE, else your data directory."),
        click.Option(["--json", "as_json"], is_flag=True, help="Answer with one JSON document."),
    ]

    def callback(store: str | None, as_json: bool, **given: Any) -> int:
        from memory.api.cli.running import run_operation

        context = click.get_current_context()
        outer = (context.parent.params if context.parent else {}).get("store")
        return run_operation(found, given, store or outer, as_json)

    return click.Command(found.name, params=params, callback=callback, help=found.summary, no_args_is_help=False)


@click.group(cls=Commands, invoke_without_command=True, help=VERSION_TEXT)
@click.option("--store", metavar="DIR", help="The store; else HARK_STORE, else your data directory.")
@click.option("--version", is_flag=True, help="Show the version.")
@click.pass_context
def hark(context: click.Context, store: str | None, version: bool) -> None:
    """Take what holds for every command."""
    if version:
        from memory import __version__

        click.echo(f"hark {__version__}")
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 could not, 2 asked wrong."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    given = sys.argv[1:] if arguments is None else arguments
    # what is made at the start stays to the end, so looking for garbage in it only costs time
    gc.disable()
    try:
        code = _run(given)
    finally:
        gc.enable()
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    try:
        outcome = hark.main(args=arguments, prog_name="hark", standalone_mode=False)
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        return _say(f"{error.format_message().rstrip('.')}; see `{_help(error)}`", 2)
    except (click.Abort, KeyboardInterrupt):
        return _say("stopped; what was done before is kept, the same command goes on from there", 1)
    except BrokenPipeError:
        # whoever read the answer has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MemoryFault, IndexerError, click.ClickException, OSError) as error:
        asked_wrong = isinstance(error, InvalidInput) and not isinstance(error, UnknownRecord | Conflict)
        return _say(_words(error), 2 if asked_wrong else 1)
    except Exception as error:
        from memory.settings import is_debugging

        if is_debugging():
            raise
        return _say(f"a fault in hark itself ({type(error).__name__}: {error}); HARK_DEBUG=1 shows where", 1)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _say(message: str, code: int) -> int:
    line = " ".join(message.split())
    click.echo(f"hark: {line}", err=True)
    return code


def _help(error: click.UsageError) -> str:
    return f"{error.ctx.command_path} --help" if error.ctx else "hark --help"
