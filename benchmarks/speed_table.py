"""The table of `speed.py`: rows against targets, and what it all ran on."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

Limits = dict[int, float]
"""Number of messages → limit; a smaller store is held to the limit of the next larger one."""


@dataclass(frozen=True)
class Row:
    """One line: what was measured at which size, and whether that is enough."""

    messages: int
    what: str
    measured: str
    target: str = "–"
    met: bool | None = None

    def as_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return asdict(self)


def limit_at(limits: Limits, messages: int) -> float:
    """Give the limit for a size."""
    return next((limit for size, limit in sorted(limits.items()) if messages <= size), limits[max(limits)])


def percentile(values: Iterable[float], share: float) -> float:
    """Give the value that so large a share of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Iterable[float]) -> float:
    """Give the middle value."""
    return percentile(values, 0.5)


def spread(values: Sequence[float]) -> str:
    """Say p50 and p95 in milliseconds."""
    return f"p50 {median(values):.2f}, p95 {percentile(values, 0.95):.2f} ms"


def table(rows: Iterable[Row]) -> str:
    """Lay rows out under headings, a block for each size."""
    lines: list[tuple[str, ...]] = [("messages", "what", "measured", "target", "met")]
    for row in rows:
        met = {True: "yes", False: "NO", None: ""}[row.met]
        lines.append((f"{row.messages:,}", row.what, row.measured, row.target, met))
    widths = [max(len(line[at]) for line in lines) for at in range(5)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def machine() -> dict[str, object]:
    """Say what this runs on."""
    import apsw

    load = ", ".join(f"{each:.1f}" for each in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        "sqlite": apsw.sqlite_lib_version(),
        "packages": {name: version(name) for name in ("apsw", "tantivy", "sqlite-vec", "numpy", "pydantic")},
        "load": load,
    }


def header(found: dict[str, object]) -> str:
    """Put what this ran on into lines."""
    packages = found["packages"]
    assert isinstance(packages, dict)
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['system']}; Python {found['python']}, SQLite {found['sqlite']},"
        f" {', '.join(f'{name} {number}' for name, number in packages.items())}\n"
        f"load average at the start {found['load']}: with others on the machine ratios are firmer than milliseconds"
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    return (models[0] if models else platform.machine()) + (" with AVX-512" if "avx512_vpopcntdq" in flags else "")
