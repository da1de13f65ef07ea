"""What a directory on this machine tells of the git repository it is in; git itself is not run."""

import configparser
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

_WORKTREE = re.compile(r"(?<=.)[/\\]\.(?:worktrees|claude[/\\]worktrees)[/\\].*$")
"""Where agents and people put worktrees inside a checkout, also one that is on another machine."""
_SCP = re.compile(r"^(?:[\w.+-]+@)?([\w.-]+\.[\w.-]+|localhost):(?!//)(.+)$")


def checkout_of(directory: str) -> str:
    """Give the main directory of the git checkout that a directory on this machine is in; else the directory itself."""
    directory = _WORKTREE.sub("", directory)
    here = Path(os.path.normpath(Path(directory).expanduser()))
    if str(here) != directory and not directory.startswith("~"):
        return directory
    for above in (here, *here.parents):
        git = above / ".git"
        try:
            if git.is_dir():
                return str(above)
            if git.is_file():
                return _main_checkout(git) or str(above)
        except OSError:
            return str(here)
    return str(here)


def _main_checkout(git: Path) -> str | None:
    """Read where a worktree's repository is: `gitdir: …/.git/worktrees/NAME`."""
    text = git.read_text(encoding="utf-8", errors="replace").strip()
    common, worktrees, _ = text.removeprefix("gitdir: ").rpartition("/.git/worktrees/")
    return common if worktrees else None


def remote_of(root: str) -> str | None:
    """Give the name of a checkout's remote: that called `origin`, else the first; None where there is none."""
    git = Path(root, ".git")
    try:
        if not git.is_dir():
            return None
        text = (git / "config").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=",))
    try:
        # git indents the values of a section, which this parser would take for lines that go on
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
    except configparser.Error:
        return None
    remotes = [section for section in parser.sections() if section.startswith('remote "')]
    chosen = 'remote "origin"' if 'remote "origin"' in remotes else next(iter(remotes), None)
    address = parser.get(chosen, "url", fallback=None) if chosen else None
    return remote_name(address) if address else None


def remote_name(address: str) -> str | None:
    """Name a remote alike however it is written: without scheme, user, password, port and `.git`; None for a path.

    >>> remote_name("git@github.com:ada/kettle.git"), remote_name("https://ada:pw@GitHub.com/ada/kettle")
    ('github.com/ada/kettle', 'github.com/ada/kettle')
    """
    text = address.strip()
    if (match := _SCP.match(text)) and "://" not in text:
        host, path = match[1], match[2]
    else:
        try:
            parts = urlsplit(text)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return None
    path = path.strip("/").removesuffix(".git").strip("/")
    return f"{host.lower()}/{path}" if host and path else None
