"""What an export can look like. One file a format; a file that has a `FORMAT` is one.

A format is a module with
  `FORMAT: str`                                    what it is called, such as "markdown"
  `pieces(content: Content) -> Iterator[str]`      the text of the export, piece by piece, in constant memory
  `HOLDS_ALL: bool`                                whether it can hold what is softly deleted, and is to be loaded, so that
                                                   what selected records refer to comes along; left out where not
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from memory.errors import InvalidInput

if TYPE_CHECKING:
    from memory.exchange.content import Content


class Format(Protocol):
    """What a module in this folder gives; `tests/contracts/test_export_formats.py` runs on each."""

    FORMAT: str

    def pieces(self, content: "Content") -> Iterator[str]: ...


@cache
def formats() -> Mapping[str, Format]:
    """Find every format, by name."""
    found: dict[str, Format] = {}
    for name in sorted(module.name for module in iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        if hasattr(module, "FORMAT"):
            found[module.FORMAT] = cast(Format, module)
    return MappingProxyType(found)


def format_named(name: str) -> Format:
    """Find a format.

    Raises:
        InvalidInput: There is no such format.
    """
    found = formats().get(name)
    if found is None:
        raise InvalidInput(f"there is no format {name!r} to export to; there are: {', '.join(formats())}")
    return found
