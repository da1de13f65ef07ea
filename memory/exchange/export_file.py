"""A Harkback export as a file: its lines, and whether they are those that were written."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memory.errors import SourceFault, UnknownFormat
from memory.exchange.formats.harkback import VERSION, record_hash
from memory.store.exchange import EXPORT_MARK, Plain
from memory.store.schema import to_json
from memory.store.store import SCHEMA_VERSION

HEADER_BYTES = 1 << 20
"""Of the first line, at most."""
LINE_BYTES = 1 << 30
"""Of any other line, at most."""


@dataclass(slots=True)
class RecordLine:
    """One record of an export."""

    number: int
    """Of the line, counted from 1."""
    end: int
    """Bytes of the file up to the line's end."""
    kind: str
    record: Plain


class ExportFile:
    """An export that is open for reading; it is a context manager."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open it and read its first line.

        Raises:
            UnknownFormat: It is no export.
            SourceFault: It cannot be read, or a newer version wrote it.
        """
        self.path = Path(path).expanduser()
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise SourceFault(f"{self.path}: cannot be read ({error.strerror}); name a file that can") from error
        try:
            self.size_bytes = os.fstat(self._file.fileno()).st_size
            self._stamp = self._stamp_now()
            self.asked = self._read_header()
            self.claimed_sha256 = self._read_claim()
            """Of all lines but the last, as the last one says; "" where it does not. `lines` checks it."""
        except BaseException:
            self._file.close()
            raise

    def lines(self) -> Iterator[RecordLine]:
        """Yield the records.

        Raises:
            SourceFault: A line is not what was written, or lines are missing.
        """
        self._file.seek(0)
        raw = self._file.readline(HEADER_BYTES)
        digest, counts, number, end = hashlib.sha256(raw), Counter[str](), 1, len(raw)
        while raw := self._file.readline(LINE_BYTES):
            number, end = number + 1, end + len(raw)
            given = self._parsed(raw, number)
            if "counts" in given:
                self._check_end(given, number, counts, digest.hexdigest())
                return
            digest.update(raw)
            counts[str(given.get("kind"))] += 1
            yield self._record(given, number, end)
        raise self.fault(number, "the file ends here, but not with the line that an export ends with")

    def check_unchanged(self) -> None:
        """See that the file is the one that was checked.

        Raises:
            SourceFault: Somebody has written it since.
        """
        if self._stamp_now() != self._stamp:
            raise SourceFault(f"{self.path}: was changed while it was loaded; load it again")

    def fault(self, number: int, what: str) -> SourceFault:
        """Say what is wrong with a line."""
        return SourceFault(
            f"{self.path}: line {number}: {what}; nothing was loaded, take another copy or export it again"
        )

    def _stamp_now(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def _read_header(self) -> dict[str, Any]:
        try:
            header = json.loads(self._file.readline(HEADER_BYTES).decode())
        except (OSError, ValueError, RecursionError):
            header = None
        if not isinstance(header, dict) or EXPORT_MARK not in header:
            raise UnknownFormat(
                f"{self.path}: no Harkback export; `hark import {self.path}` reads histories of other programs"
            )
        version, schema = header[EXPORT_MARK], header.get("schema")
        if not isinstance(version, int) or not isinstance(schema, int):
            raise self.fault(1, "its version is no number")
        if version > VERSION or schema > SCHEMA_VERSION:
            raise SourceFault(
                f"{self.path}: line 1: written by a newer Harkback (format {version}, schema {schema}; this one knows"
                f" {VERSION} and {SCHEMA_VERSION}); update with `pip install --upgrade harkback`; nothing was loaded"
            )
        asked = header.get("selected")
        return asked if isinstance(asked, dict) else {}

    def _read_claim(self) -> str:
        self._file.seek(max(0, self.size_bytes - HEADER_BYTES))
        try:
            last = json.loads(self._file.read().rstrip(b"\n").rpartition(b"\n")[2].decode())
        except (OSError, ValueError, RecursionError):
            return ""
        return str(last.get("sha256", "")) if isinstance(last, dict) else ""

    def _parsed(self, raw: bytes, number: int) -> dict[str, Any]:
        if not raw.endswith(b"\n"):
            raise self.fault(number, "the line is cut off, or longer than 1 GB")
        try:
            given = json.loads(raw.decode())
        except (ValueError, RecursionError) as error:
            raise self.fault(number, f"not valid JSON ({error})") from error
        if not isinstance(given, dict):
            raise self.fault(number, "no JSON object")
        return given

    def _record(self, given: dict[str, Any], number: int, end: int) -> RecordLine:
        kind, record = given.get("kind"), given.get("record")
        if not isinstance(kind, str) or not isinstance(record, dict):
            raise self.fault(number, "a record has a kind, a record and a hash")
        if record_hash(to_json(record)) != given.get("hash"):
            raise self.fault(number, f"the {kind[:50]} is not what was exported, its hash differs")
        return RecordLine(number, end, kind, record)

    def _check_end(self, given: dict[str, Any], number: int, counts: Counter[str], sha256: str) -> None:
        if given["counts"] != dict(counts):
            raise self.fault(number, "the counts of the records are not those of the lines before: some are missing")
        if given.get("sha256") != sha256:
            raise self.fault(number, "the lines before are not those that were exported, the checksum differs")
        if self._file.readline(HEADER_BYTES):
            raise self.fault(number + 1, "something stands behind the last line")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
