"""`hark serve`: the service as a command. The web framework is read when it is called, not before."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from memory.errors import InvalidInput, MemoryFault

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORT = 8470
MOST_FILES = 65_536
"""Open files that are asked of the system."""
NEEDED = ("fastapi", "uvicorn", "limits", "prometheus_client", "jinja2", "markdown_it", "nh3", "pygments")
"""Packages of the extra `server`; those of MCP are asked for when somebody speaks it."""
NOTE = "service.json"
"""In the store's directory while a service runs: where it is. Hooks look there."""


def serve_command() -> click.Command:
    """Make the command."""
    params: list[click.Parameter] = [
        click.Option(
            ["--host"],
            default="127.0.0.1",
            show_default=True,
            help="The address; any other than this machine's needs tokens.",
        ),
        click.Option(
            ["--port"],
            type=click.IntRange(0, 65535),
            default=PORT,
            show_default=True,
            help="The port; 0 for a free one.",
        ),
        click.Option(["--store"], metavar="DIR", help="The store; else HARK_STORE, else your data directory."),
        click.Option(["--json", "as_json"], is_flag=True, help="Say where it is as one JSON document."),
    ]

    def callback(host: str, port: int, store: str | None, as_json: bool) -> None:
        context = click.get_current_context()
        outer = (context.parent.params if context.parent else {}).get("store")
        serve(host, port, store or outer, as_json)

    return click.Command(
        "serve", params=params, callback=callback, help="Serve the page, REST, live events and MCP until stopped."
    )


def serve(host: str, port: int, store: str | None, as_json: bool) -> None:
    """Run the service until it is stopped.

    Raises:
        MemoryFault: The web framework is not installed, the port is taken, or others could come in without a token.
    """
    needed(*NEEDED)
    import uvicorn

    from memory.api.rest.app import make_app
    from memory.api.rest.guard import Rules
    from memory.care.access import Tokens
    from memory.memory import Memory

    with Memory.open(store) as memory:
        settings = memory.options
        is_open = host not in LOOPBACK
        needs_token = settings.token_required or is_open
        alive = [token for token in Tokens(memory.store).all() if token.counts and token.session_id is None]
        if needs_token and not alive:
            raise InvalidInput(
                f"{host} can be reached by others, so a token is needed; make one first: `hark token add NAME --role writer`"
            )
        hosts = (*LOOPBACK, *settings.allowed_hosts, *([host] if is_open and host not in ("0.0.0.0", "::") else []))  # noqa: S104
        rules = Rules(hosts, tuple(settings.allowed_origins), needs_token)
        _allow_many_files()
        listening = _listening(host, port)
        url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
        app = make_app(memory, rules)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=64 * 1024,
        )
        server = _server(config, app.service.end_feeds)
        with _noted(memory.store.directory, url):
            _say(url, str(memory.store.directory), as_json)
            server.run(sockets=[listening])


def _allow_many_files() -> None:
    """Let this process have as many open connections as the system allows it; a stream of events is one each."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def needed(*packages: str) -> None:
    """See that the packages of an extra are installed.

    Raises:
        MemoryFault: One is not.
    """
    if missing := [package for package in packages if find_spec(package) is None]:
        raise MemoryFault(f"{', '.join(missing)} is not installed; install it with `pip install 'harkback[server]'`")


def _server(config: Any, at_exit: Callable[[], None]) -> Any:
    """Make a server that ends when it is asked to, and lets what stands around it end, too."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            # streams of events end by themselves, so that nobody has to wait for them
            at_exit()
            super().handle_exit(sig, frame)

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn raises the signal again behind its end, which would leave the store open
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    return Server(config)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        # from here on who calls waits, and is not sent away, until the service answers
        found.listen(2048)
    except OSError as error:
        raise MemoryFault(
            f"{host}:{port}: cannot be listened on ({error.strerror}); another service may be there, name another --port"
        ) from error
    return found


def _say(url: str, store: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"url": url, "store": store, "pid": os.getpid()}))
    else:
        click.echo(f"{url}  serves {store}; Ctrl-C stops it")
    sys.stdout.flush()


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(0)


@contextmanager
def _noted(directory: Path, url: str) -> Iterator[None]:
    """Leave word of where the service is."""
    note = directory / NOTE
    said: dict[str, Any] = {"url": url, "pid": os.getpid()}
    handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(said, file)
    # asked to end before the server listens to signals, the word must not stay behind
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        try:
            if json.loads(note.read_text(encoding="utf-8")) == said:
                note.unlink()
        except (OSError, ValueError):
            pass  # another service has left its own word
