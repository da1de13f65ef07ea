"""Flags and arguments of a command, from the fields of an operation's arguments."""

import types
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo


def parameters_of(arguments: type[BaseModel]) -> list[click.Parameter]:
    """Make one parameter of each field: positional ones in order, the others as `--flag`."""
    positional = [name for name, field in arguments.model_fields.items() if is_positional(field)]
    found: list[click.Parameter] = []
    for name, field in arguments.model_fields.items():
        base = _base(field.annotation)
        if name in positional:
            # the last text takes all words that follow, so that they need no quotes
            takes_all = get_origin(base) is list or (name == positional[-1] and base is str and field.is_required())
            nargs = -1 if takes_all else 1
            found.append(click.Argument([name], nargs=nargs, required=field.is_required()))
        else:
            found.append(_option(name, field, base))
    return found


def is_positional(field: FieldInfo) -> bool:
    """Say whether a field is an argument and not a flag."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("positional"))


def _option(name: str, field: FieldInfo, base: Any) -> click.Option:
    flag = f"--{name.replace('_', '-')}"
    if base is bool and field.default is True:
        return click.Option([f"{flag}/--no-{flag[2:]}", name], default=None, help=field.description)
    if base is bool:
        return click.Option([flag, name], is_flag=True, default=None, help=field.description)
    if get_origin(base) is list:
        return click.Option([flag, name], multiple=True, help=field.description)
    if get_origin(base) is Literal:
        return click.Option(
            [flag, name], type=click.Choice([str(each) for each in get_args(base)]), help=field.description
        )
    kind = {int: click.INT, float: click.FLOAT}.get(base, click.STRING)
    required = field.is_required()
    return click.Option([flag, name], type=kind, required=required, help=field.description)


def _base(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
