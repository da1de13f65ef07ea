"""`hark mcp` as a command. The protocol's packages are read when it is called, not before."""

import click

from memory.api.cli.service import needed


def mcp_command() -> click.Command:
    """Make the command."""
    store = click.Option(["--store"], metavar="DIR", help="The store; else HARK_STORE, else your data directory.")
    # every command takes it; this one answers in JSON anyway
    json = click.Option(["--json"], is_flag=True, expose_value=False, hidden=True)

    def callback(store: str | None) -> None:
        needed("mcp")
        from memory.api.mcp.stdio import serve

        context = click.get_current_context()
        serve(store or (context.parent.params if context.parent else {}).get("store"))

    return click.Command(
        "mcp",
        params=[store, json],
        callback=callback,
        help="Serve MCP on standard input and output until the input ends.",
    )
