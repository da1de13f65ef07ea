"""Every record of every file went somewhere, or is named with the reason why not."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("HARK_DATA", "/nowhere"))
QUICK = (
    "multi-agent", "chatgpt", "claude-ai", "gemini-cli", "claude-code/entire-cli", "claude-code/spotter",
)  # fmt: skip


@pytest.fixture(scope="module")
def accounting() -> ModuleType:
    path = ROOT / "benchmarks" / "account_transcripts.py"
    spec = importlib.util.spec_from_file_location("account_transcripts", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["account_transcripts"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unexplained(accounting: ModuleType, folder: Path) -> dict[str, dict[str, str]]:
    accounts = accounting.account_folders([folder])
    assert sum(account.records for account in accounts.values()) > 0
    return {name: account.examples for name, account in accounts.items() if account.unexplained}


def test_no_record_of_the_samples_is_unexplained(accounting: ModuleType) -> None:
    assert unexplained(accounting, ROOT / "tests" / "data") == {}


@pytest.mark.skipif(not DATA.is_dir(), reason="HARK_DATA names no folder of real transcripts")
@pytest.mark.parametrize("folder", QUICK)
def test_no_record_of_real_files_is_unexplained(folder: str, accounting: ModuleType) -> None:
    assert unexplained(accounting, DATA / "transcripts" / folder) == {}


def test_what_an_importer_drops_is_noticed(
    accounting: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memory.importers import gemini_cli

    sample = next((ROOT / "tests" / "data" / "gemini-cli").rglob("*.jsonl"))
    (tmp_path / "session.jsonl").write_bytes(sample.read_bytes())
    monkeypatch.setattr(gemini_cli, "_thoughts", lambda given: [])

    assert any("thoughts" in where for where in unexplained(accounting, tmp_path)["gemini-cli"])
