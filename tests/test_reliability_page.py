"""docs/reliability.md names every bad input and fault once, and only tests that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[^`]+?::[^`]+)`", PAGE)))


@cache
def names_in(path: str) -> frozenset[str]:
    """Give the tests of a file as pytest names them, without its path."""
    found: set[str] = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        before = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {before + each.name for each in inside if isinstance(each, ast.FunctionDef)}
    return frozenset(found)


def test_every_fault_stands_there_once_and_in_order():
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == list(range(1, 115))


def test_every_fault_has_a_test_or_says_why_not():
    for row in re.findall(r"^\| \d+ \|.*$", PAGE, re.MULTILINE):
        assert re.search(r"\| (`tests/|service \||no test: )", row), row


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_is_there(name):
    path, _, test = name.partition("::")
    assert test in names_in(path)
