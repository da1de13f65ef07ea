"""Look for texts in the bytes of files; run as a program of its own, with what to look for on its standard input.

A process that has a store open must not open the store's file by itself: closing it would drop SQLite's locks
(fcntl(2), "advisory record locking"). So the looking is done by a child, which needs the standard library alone.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

WINDOW_BYTES = 16 * 1024 * 1024
"""What is held of a file at a time. Untuned."""


def files_holding(directory: Path, probes: Sequence[bytes]) -> tuple[dict[str, int], int]:
    """Look for byte strings in every file below a directory.

    Returns:
        How many of them each file holds, by its path below the directory; how many bytes were looked through.

    Raises:
        OSError: The child could not be started, or could not read a file.
    """
    asked = json.dumps({"directory": str(directory), "probes": [probe.hex() for probe in probes]})
    child = subprocess.run(  # noqa: S603 - this very file
        [sys.executable, "-I", "-S", __file__], input=asked, capture_output=True, text=True, check=False
    )
    if child.returncode:
        said = child.stderr.strip().splitlines()
        raise OSError(f"the files of {directory} cannot be looked through ({said[-1] if said else 'no reason given'})")
    answer = json.loads(child.stdout)
    return answer["found"], answer["bytes"]


def _look(directory: Path, probes: Sequence[bytes]) -> tuple[dict[str, int], int]:
    found: dict[str, int] = {}
    looked = 0
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink():
            count, size = _held(path, probes)
            looked += size
            if count:
                found[str(path.relative_to(directory))] = count
    return found, looked


def _held(path: Path, probes: Sequence[bytes]) -> tuple[int, int]:
    longest, looked, before = max(map(len, probes), default=0), 0, b""
    held: set[bytes] = set()
    try:
        with path.open("rb") as file:
            while data := file.read(WINDOW_BYTES):
                looked += len(data)
                window = before + data
                held.update(probe for probe in probes if probe not in held and probe in window)
                before = window[-longest:]
    except FileNotFoundError:
        pass  # the index may drop files meanwhile
    return len(held), looked


if __name__ == "__main__":
    given = json.load(sys.stdin)
    in_files, size_bytes = _look(Path(given["directory"]), [bytes.fromhex(probe) for probe in given["probes"]])
    json.dump({"found": in_files, "bytes": size_bytes}, sys.stdout)
