"""The house's floors, held by import-linter."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_imports_go_down_only():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", "pyproject.toml", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_third_party_package_lives_in_one_room():
    rooms = {
        "tantivy": "indexers/",
        "apsw": "memory/store/",
        "click": "memory/api/cli/",
        "fastapi": "memory/api/rest/",
        "mcp": "memory/api/mcp/",
        "mcp_types": "memory/api/mcp/",
        "jinja2": "memory/api/web/",
        "markdown_it": "memory/api/web/",
        "nh3": "memory/api/web/",
        "pygments": "memory/api/web/",
        "agents": "memory/adapters/openai_agents.py",
        "anthropic": "memory/adapters/anthropic_memory.py",
        "claude_agent_sdk": "memory/adapters/claude_agent_sdk.py",
        "langchain_core": "memory/adapters/langchain.py",
        "langgraph": "memory/adapters/langgraph.py",
        "llama_index": "memory/adapters/llama_index.py",
        "pydantic_ai": "memory/adapters/pydantic_ai.py",
    }
    for package, room in rooms.items():
        for path in [*ROOT.glob("memory/**/*.py"), *ROOT.glob("indexers/**/*.py")]:
            lines = path.read_text(encoding="utf-8").splitlines()
            if any(
                (line.strip() + "\n").startswith(
                    (f"import {package}\n", f"import {package}.", f"from {package} ", f"from {package}.")
                )
                for line in lines
            ):
                assert path.relative_to(ROOT).as_posix().startswith(room), f"{package} in {path}"


def test_sql_lives_in_the_store_and_the_indexers_alone():
    sql = re.compile(r"\"(?:select|insert into|update \w+ set|delete from|create table)\s", re.IGNORECASE)
    for path in ROOT.glob("memory/**/*.py"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("memory/store/"):
            text = path.read_text(encoding="utf-8")
            assert "database.row" not in text, name
            assert "execute_many" not in text, name
            # an importer asks other programs' databases, in those programs' tables
            may_ask = name.startswith(("memory/kinds/", "memory/importers/"))
            assert may_ask or not sql.search(text), name


def test_nothing_below_the_ways_in_prints_and_settings_alone_read_the_environment():
    for path in [*ROOT.glob("memory/**/*.py"), *ROOT.glob("indexers/**/*.py")]:
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        assert name == "memory/settings.py" or "os.environ" not in text, name
        if not name.startswith("memory/api/"):
            calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
            assert not [call for call in calls if getattr(call.func, "id", "") == "print"], name
