"""Run a notebook and keep what its cells show, pictures as PNG, so that a code host shows them.

    python notebooks/keep_pictures.py notebooks/02-map-of-a-history.ipynb

Needs `pip install .[dev] vl-convert-python`; Altair's own output is a script, which code hosts leave out.
"""

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient

BEFORE = 'import altair; altair.renderers.enable("png", scale_factor=1)'


def main() -> None:
    """Run each notebook in an empty folder of its own, and write it anew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    for path in parser.parse_args().notebooks:
        notebook = nbformat.read(path, as_version=4)
        about = notebook.metadata
        notebook.cells.insert(0, nbformat.v4.new_code_cell(BEFORE))
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
        notebook.cells.pop(0)
        notebook.metadata = {name: about[name] for name in ("kernelspec", "language_info")}
        notebook.metadata["language_info"] = {"name": "python"}
        for cell in notebook.cells:
            cell.metadata = {}
            if cell.cell_type == "code":
                cell.execution_count = None
                for output in cell.outputs:
                    _plain(output)
        path.write_text(nbformat.writes(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain(output: nbformat.NotebookNode) -> None:
    """Leave out what differs from run to run, and what says nothing beside a picture."""
    if "execution_count" in output:
        output.execution_count = None
    if "image/png" in output.get("data", {}):
        output.metadata = {}
        output.data = {"image/png": output.data["image/png"], "text/plain": "<a picture>"}


if __name__ == "__main__":
    main()
