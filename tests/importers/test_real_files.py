"""The importers against an independent count of real files; they run where `HARK_DATA` names the folder of these."""

import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from memory.importers import importer_of, importers
from memory.importers.reading.records import MessageRecord, Problem, SessionRecord
from memory.importers.reading.source import Sample, Source

DATA = Path(os.environ.get("HARK_DATA", "/nowhere"))
real = pytest.mark.skipif(not DATA.is_dir(), reason="HARK_DATA names no folder of real transcripts")


def _script(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def counting() -> ModuleType:
    return _script("count_transcripts")


@pytest.fixture(scope="module")
def counting_others() -> ModuleType:
    return _script("count_other_transcripts")


def _row(path: Path) -> dict[str, int]:
    importer = importer_of(Sample(path))
    assert importer is not None
    items = list(importer.read(Source(path)))
    roles = {item.key: item.role for item in items if isinstance(item, MessageRecord)}
    counts = Counter(roles.values())
    sessions = {item.key for item in items if isinstance(item, SessionRecord)}
    broken = sum(isinstance(item, Problem) and "JSON" in item.what for item in items)
    named = {role: counts[role] for role in ("user", "assistant", "system", "tool")}
    return {"sessions": len(sessions), "messages": len(roles), **named, "problems": broken}


def test_the_importers_agree_with_the_count_on_the_samples(counting: ModuleType) -> None:
    for count in counting.count_folder(Path(__file__).parent.parent / "data"):
        assert _row(count.path).items() <= count.row().items(), count.path


@real
@pytest.mark.parametrize("folder", ["transcripts/claude-code", "transcripts/codex", "transcripts-large"])
@pytest.mark.slow
def test_the_importers_agree_with_the_count_on_real_files(folder: str, counting: ModuleType) -> None:
    counts = counting.count_folder(DATA / folder)

    assert counts
    for count in counts:
        assert _row(count.path).items() <= count.row().items(), count.path


@real
def test_each_real_file_is_recognised_as_what_it_is() -> None:
    files = [path for path in (DATA / "transcripts").rglob("*") if path.is_file() and path.name != "LICENSE"]
    lines = {path: path.relative_to(DATA / "transcripts").as_posix() for path in files}
    for path, name in lines.items():
        found = [label for label, importer in importers().items() if importer.recognises(Sample(path))]
        if name.endswith(".jsonl") and ("/agents/claude/" in name or name.startswith("claude-code/")):
            assert found == ["claude-code"], name
        elif name.endswith(".jsonl") and ("/agents/codex/" in name or name.startswith("codex/")):
            assert found == ["codex"], name
        else:
            assert not {"claude-code", "codex"} & set(found) or "/codex_" in name, name


@real
@pytest.mark.slow
def test_the_other_importers_agree_with_their_count_on_real_files(counting_others: ModuleType) -> None:
    seen = set()
    for name, path, count, found in counting_others.compare([DATA / "transcripts"]):
        seen.add(name)
        # in one fixture all ids were cut out and are the same
        if not path.match("copilot/small.jsonl"):
            assert counting_others.agrees(name, count, found), (path, count.row(), found.row())
    assert len(seen) == 11
