"""How well secrets are found, what is wrongly taken for one, and how fast.

    python benchmarks/redaction.py [--seed N] [--path FOLDER] [--json FILE]

The sample (`redaction_sample.py`) is made up from the seed: keys of providers in a dozen surroundings, what only its
surroundings tell of, each also as an agent's log holds it, and texts that only look like it. The rules and the sample are
by the same hands, so expect somewhat less of other people's secrets.
  found     share of the planted secrets of which nothing is left
  wrongly   share of the look-alikes that were changed
`detect-secrets`, when it is installed, is asked about the same texts line by line, with all of its plugins and with those
alone that know a format. It reports and does not redact: found is what it reports a part of.
`--path` measures the speed on a folder of JSON lines, each parsed line one value, once cold and once warm.
"""

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from redaction_sample import Case, look_alikes, planted
from speed_table import header, machine

from memory.redaction import Redactor

Found = Callable[[Case], bool]
"""Whether a secret is gone, or a look-alike changed."""


def ours() -> Found:
    """Ask the redactor."""
    redactor = Redactor(b"the key of a store")

    def found(case: Case) -> bool:
        without = redactor.text(case.text)
        return not any(secret in without for secret in case.secrets) if case.secrets else without != case.text

    return found


def theirs(*, all_plugins: bool) -> Found | None:
    """Ask detect-secrets; None when it is not installed."""
    try:
        from detect_secrets.core.scan import scan_line
        from detect_secrets.settings import default_settings, transient_settings
    except ImportError:
        return None
    with default_settings() as chosen:
        names = [
            name for name in chosen.plugins if all_plugins or ("Entropy" not in name and name != "KeywordDetector")
        ]
    plugins = {"plugins_used": [{"name": name} for name in names]}

    def found(case: Case) -> bool:
        with transient_settings(plugins):
            held = {str(each.secret_value) for line in case.text.splitlines() for each in scan_line(line)}
        if not case.secrets or case.kind == "private key":
            # of a private key it reports the first line, and means all of it
            return bool(held)
        return any(part in secret or secret in part for part in held if part for secret in case.secrets)

    return found


def measure(cases: list[Case], found: Found) -> dict[str, Any]:
    """Count by kind, and see how long it takes."""
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for case in {case.kind: case for case in cases}.values():
        # what is made when it is first asked for is not measured
        found(case)
    started = time.perf_counter()
    for case in cases:
        counts[case.kind][found(case)] += 1
    seconds = time.perf_counter() - started
    size = sum(len(case.text.encode()) for case in cases)
    by_kind = {kind: {"texts": each.total(), "found": each[True]} for kind, each in counts.items()}
    return {"kinds": by_kind, "mb_a_second": size / seconds / 1e6, "bytes": size}


def measure_folder(folder: Path) -> dict[str, Any]:
    """Redact every parsed line of a folder's JSON lines, twice."""
    values, size = [], 0
    for path in sorted(folder.rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                values.append(json.loads(line))
                size += len(line)
            except ValueError:
                continue
    redactor, rates = Redactor(b"the key of a store"), []
    for _ in range(2):
        redactor.found.clear()
        started = time.perf_counter()
        for value in values:
            redactor.value(value)
        rates.append(size / (time.perf_counter() - started) / 1e6)
    return {"bytes": size, "cold_mb_a_second": rates[0], "warm_mb_a_second": rates[1], "found": dict(redactor.found)}


def totals(measured: dict[str, Any]) -> tuple[int, int]:
    """Give how many texts there were, and how many were found."""
    kinds = measured["kinds"].values()
    return sum(each["texts"] for each in kinds), sum(each["found"] for each in kinds)


def table(results: dict[str, dict[str, Any]]) -> Iterable[str]:
    """Lay it out: a line for each kind of secret, then for each kind of look-alike, then the sums."""
    names = list(results)
    yield "  ".join([f"{'':<24}", f"{'texts':>6}", *(f"{name:>24}" for name in names)])
    for part, title in (("planted", "found"), ("look_alikes", "wrongly")):
        yield f"{title}:"
        kinds = results[names[0]][part]["kinds"]
        for kind, first in kinds.items():
            shares = [results[name][part]["kinds"][kind]["found"] / first["texts"] for name in names]
            yield "  ".join([f"{kind:<24}", f"{first['texts']:>6}", *(f"{share:>24.1%}" for share in shares)])
        sums = [totals(results[name][part]) for name in names]
        yield "  ".join([f"{'all':<24}", f"{sums[0][0]:>6}", *(f"{found / of:>24.1%}" for of, found in sums)])
        rates = [results[name][part]["mb_a_second"] for name in names]
        yield "  ".join([f"{'MB/s':<24}", f"{'':>6}", *(f"{rate:>24.2f}" for rate in rates)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--path", type=Path, help="a folder of JSON lines to measure the speed on")
    parser.add_argument("--json", type=Path, help="write all that was measured to a file, too")
    given = parser.parse_args()
    ran_on = machine()
    print(header(ran_on), _others(), "", sep="\n")
    asked = {"hark": ours(), "detect-secrets": theirs(all_plugins=True), "its named plugins": theirs(all_plugins=False)}
    secrets, nothing = list(planted(given.seed)), list(look_alikes(given.seed))
    results = {
        name: {"planted": measure(secrets, found), "look_alikes": measure(nothing, found)}
        for name, found in asked.items()
        if found is not None
    }
    print("\n".join(table(results)))
    folder = measure_folder(given.path) if given.path else None
    if folder:
        cold, warm = folder["cold_mb_a_second"], folder["warm_mb_a_second"]
        print(
            f"\n{given.path.name}: {folder['bytes'] / 1e6:.0f} MB, {cold:.0f} MB/s cold, {warm:.0f} warm, {folder['found']}"
        )
    if given.json:
        measured = {"machine": ran_on, "seed": given.seed, "results": results, "folder": folder}
        given.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def _others() -> str:
    found = []
    for name in ("google-re2", "msgpack", "detect-secrets"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} is not installed")
    return ", ".join(found)


if __name__ == "__main__":
    main()
