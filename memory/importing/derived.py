"""What is drawn from what was said and done, and may be switched off kind by kind."""

from memory.errors import SettingsFault

DERIVED = (
    "files", "commits", "pull_requests", "tests", "links", "sessions", "recalled",
    "decisions", "gotchas", "preferences", "facts",
)  # fmt: skip
"""Arrows to files read and changed, commits, pull requests, tests, links cited, sessions continued, forked and spawned,
and what was recalled; and learnings of four categories."""
OF_TYPE = {
    "session_file": "files",
    "session_commit": "commits",
    "session_pull_request": "pull_requests",
    "session_test": "tests",
    "session_url": "links",
    "spawned": "sessions",
    "forked": "sessions",
    "continued": "sessions",
    "session_recalled": "recalled",
}
"""What kind a relationship's type is of; one of another type is always kept."""


def wanted(setting: str) -> frozenset[str]:
    """Read the setting `derived`: `all`, `none`, or kinds with commas between; one with `-` before it is left out of all.

    Raises:
        SettingsFault: There is no such kind.
    """
    names = [name.strip() for name in setting.split(",") if name.strip()]
    if names in (["all"], ["none"]):
        return frozenset(DERIVED if names == ["all"] else ())
    if unknown := [name for name in names if name.removeprefix("-") not in DERIVED]:
        raise SettingsFault(f"derived names {', '.join(unknown)}; there are: {', '.join(DERIVED)}, all and none")
    left_out = {name[1:] for name in names if name.startswith("-")}
    chosen = {name for name in names if not name.startswith("-")}
    return frozenset((chosen or set(DERIVED)) - left_out)
