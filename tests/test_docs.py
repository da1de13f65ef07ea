"""The README and the pages of docs/ say what is so: every block is run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from serving import serving

from memory.importers import importers
from memory.operations import OPERATIONS
from memory.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    return [match[2] for match in BLOCK.finditer(page.read_text(encoding="utf-8")) if match[1] == language]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A home with agents' histories, and a folder with what the pages name."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "memory/samples/claude-code", home / ".claude/projects")
    shutil.copytree(ROOT / "memory/samples/codex", home / ".codex/sessions")
    shutil.copytree(ROOT / "tests/data/markdown", home / "notes")
    shutil.copy(ROOT / "tests/data/openai-chat/chats.jsonl", home / "chats.jsonl")
    shutil.copy(next((ROOT / "memory/samples/claude-code").rglob("*.jsonl")), home / "odd-file.txt")
    run(home, "hark --store demo-store demo")
    run(home, "hark import .claude")
    return home


@pytest.fixture(scope="module")
def service(place):
    """The service that the pages ask, at a port of its own."""
    with serving(place / "served") as running:
        yield running.url


def run(home, line):
    bin_ = Path(sys.executable).parent
    env = {"HOME": str(home), "PATH": f"{bin_}:{os.environ['PATH']}", "HARK_STORE": str(home / "store")}
    return subprocess.run(line, shell=True, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_does_what_it_says(page, place, request):
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            command = line.partition("  #")[0].strip()
            if command.startswith("make "):
                done = subprocess.run(
                    ["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True, check=False
                )
            elif command.startswith("hark "):
                done = run(place, command)
            elif command.startswith("curl "):
                url = request.getfixturevalue("service")
                done = run(
                    place, command.replace("http://127.0.0.1:8470", url).replace("curl ", "curl --fail-with-body ", 1)
                )
            elif found := re.search(r"python (benchmarks/\S+\.py)", command):
                # a script that trains needs torch, which tests do without: it must at least be Python
                trains = "import torch" in (ROOT / found[1]).read_text(encoding="utf-8")
                given = ["-m", "py_compile", found[1]] if trains else [found[1], "--help"]
                done = subprocess.run([sys.executable, *given], cwd=ROOT, capture_output=True, text=True, check=False)
            else:
                # `pip install .` is a step of .ci/run; what a model is trained from is installed by those who train anew
                is_training = page.name == "embedder.md" and command.startswith(("pip install ", "export "))
                assert command == "pip install ." or is_training, f"what runs {command!r}?"
                continue
            assert done.returncode == 0, f"{page.name}: {command}: {done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_answer_that_is_shown_is_the_answer(page, place):
    for block in blocks(page, "console"):
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, answer = shown.partition("\n")
            wanted = [line for line in answer.splitlines() if line.strip()]
            got = run(place, command).stdout.splitlines()
            assert got[: len(wanted)] == wanted, command


FRAMEWORKS = re.compile(
    r"^(?:from|import) (agents|anthropic|claude_agent_sdk|langchain_core|langgraph|llama_index|pydantic_ai)\b|"
    r"^from memory\.adapters\.(anthropic|langgraph)",
    re.MULTILINE,
)
README = list(zip(blocks(ROOT / "README.md", "python"), blocks(ROOT / "README.md", "text"), strict=False))
EXAMPLES = list(zip(*(blocks(ROOT / "docs/adapters.md", language) for language in ("python", "text")), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("code", "shown"), README + EXAMPLES, ids=range(len(README + EXAMPLES)))
def test_the_python_of_a_page_prints_what_is_shown(code, shown, tmp_path):
    if found := FRAMEWORKS.search(code):
        framework = next(each for each in found.groups() if each)
        pytest.importorskip(framework, reason=f"{framework} is not installed; needs `make frameworks`")
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=home, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout) == ("", shown)


def test_every_adapter_has_an_example():
    adapters = [path.stem for path in (ROOT / "memory/adapters").glob("*.py") if "Harkback" in path.read_text()]
    assert len(adapters) == len(EXAMPLES) == 7
    for name in adapters:
        assert any(f"from memory.adapters.{name} import" in code for code, _ in EXAMPLES), name


def test_every_command_and_format_is_documented():
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for operation in OPERATIONS:
        assert f"hark {operation.name}" in pages, operation.name
    for format_ in importers():
        assert f"`{format_}`" in pages, format_
    for setting in Settings.model_fields:
        assert f"HARK_{setting.upper()}" in pages, setting


def test_pages_and_code_hold_no_path_of_a_machine():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    home = re.compile("/" + "root/|/" + "work/")
    for name in names:
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".ipynb", ".json", ".jsonl", "") and path.is_file():
            assert not home.search(path.read_text(encoding="utf-8", errors="replace")), name
