"""Notebooks to execute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


@pytest.fixture
def notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write a notebook of code cells, and of Markdown ones where the text begins with #."""

    def write(*sources: str) -> Path:
        cells = [(new_markdown_cell if each[0] == "#" else new_code_cell)(each) for each in sources]  # type: ignore[no-untyped-call]
        path = tmp_path / "notebook.ipynb"
        nbformat.write(new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]
        return path

    return write
