"""The table of test results for libraries, and its place in the libraries notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat

from tests.reach.observe import COLUMNS, Seen
from tests.reach.readers import READERS

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "libraries.ipynb"
#: The first words of the cell that holds it.
HEADING = "## Test results"
_NAMES = {"cli": "AWS CLI v1", "javascript": "AWS SDK for JavaScript v3"}


def made(seen: Seen) -> str:
    """Return the table in Markdown; the reason of a fault is not in it."""
    rows = [("", *COLUMNS), ("---",) * (1 + len(COLUMNS))]
    for name in (*READERS, *_NAMES):
        cells = [seen.get(name, {}).get(column, "not tried") for column in COLUMNS]
        title = READERS[name].name if name in READERS else _NAMES[name]
        rows.append((title, *(cell if cell in ("yes", "made anew", "not tried") else "no" for cell in cells)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def written() -> str:
    """Return the table of the notebook."""
    return "\n".join(line for line in _cell(_notebook()).source.splitlines() if line.startswith("|"))


def write(seen: Seen) -> None:
    """Replace the table of the notebook."""
    notebook = _notebook()
    cell = _cell(notebook)
    before, after = cell.source.split("|", 1)[0], cell.source.rsplit("|\n", 1)[-1]
    cell.source = f"{before}{made(seen)}\n{after}"
    nbformat.write(notebook, NOTEBOOK)


def _notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def _cell(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if cell.source.startswith(HEADING))
