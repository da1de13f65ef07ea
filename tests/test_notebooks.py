"""Every notebook runs from its first cell to its last, on any machine, and shows what it promises."""

import base64
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NEEDED = ("ipykernel", "nbclient", "altair", "pandas")
# in a process of its own: what Jupyter warns of concerns Jupyter, and its event loops end with it
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=30, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""

pytestmark = pytest.mark.slow


def outputs(notebook: Path, place: Path) -> list[dict[str, Any]]:
    """Run a notebook in an empty folder, and give all that its cells put out."""
    done = place / notebook.name
    given = os.environ | {
        "PYTHONWARNINGS": "ignore",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(notebook), str(done)],
        cwd=place,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    cells = json.loads(done.read_text(encoding="utf-8"))["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.name, scope="module")
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a notebook shows."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed; `pip install harkback[dev]` brings them")
    return outputs(request.param, tmp_path_factory.mktemp("notebook"))


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_a_notebook_shows_a_table(shown):
    assert any("<table" in "".join(output.get("data", {}).get("text/html", "")) for output in shown)


def test_a_notebook_shows_a_picture(shown):
    assert any(
        "vegaEmbed" in "".join(output.get("data", {}).get("text/html", ""))
        or "vegalite" in " ".join(output.get("data", {}))
        for output in shown
    )


def test_nothing_goes_wrong_in_a_notebook(shown):
    faults = [output for output in shown if output.get("name") == "stderr" or output["output_type"] == "error"]

    assert faults == []


def kept(notebook: Path) -> list[dict[str, Any]]:
    """Give the outputs that a notebook is kept with."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("execution_count") for cell in cells)
    return [output for cell in cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_what_a_notebook_is_kept_with_is_shown_by_a_code_host(notebook):
    outputs = kept(notebook)

    assert not [output for output in outputs if output["output_type"] in ("error", "stream")]
    assert not [output for output in outputs if "<script" in "".join(output["data"].get("text/html", ""))]


def test_the_map_is_kept_with_its_pictures(tmp_path):
    pictures = [
        output["data"]["image/png"]
        for output in kept(FOLDER / "02-map-of-a-history.ipynb")
        if "image/png" in output["data"]
    ]

    assert len(pictures) == 5
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)


def test_the_map_can_be_drawn_of_the_samples_alone(tmp_path):
    """The cells that read a store know nothing of the invented history."""
    notebook = json.loads((FOLDER / "02-map-of-a-history.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = ["".join(cell["source"]).replace("    invent()\n", "").removesuffix("\n    invent()")]
    (tmp_path / "samples.ipynb").write_text(json.dumps(notebook), encoding="utf-8")

    assert outputs(tmp_path / "samples.ipynb", tmp_path)
