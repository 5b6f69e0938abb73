"""The widgets' JavaScript and CSS are files, which a browser gets as one text for each widget."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stsnb.widgets import assets
from stsnb.widgets.badge import Badge
from stsnb.widgets.form import Fields

FOLDER = Path(assets.__file__).parent


def test_files_are_joined_in_the_given_order() -> None:
    common, badge = (FOLDER / name for name in ("common.css", "badge.css"))
    text = assets.text_of(common.name, badge.name)
    assert text == f"{common.read_text(encoding='utf-8')}\n{badge.read_text(encoding='utf-8')}"


def test_a_file_that_is_missing_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        assets.text_of("common.js", "missing.js")


@pytest.mark.parametrize("suffix", ["js", "css"])
def test_each_file_is_part_of_a_widget(suffix: str) -> None:
    attribute = {"js": "_esm", "css": "_css"}[suffix]
    used = "\n".join(str(getattr(widget, attribute)) for widget in (Badge, Fields))
    files = sorted(FOLDER.glob(f"*.{suffix}"))
    assert files
    for file in files:
        assert file.read_text(encoding="utf-8") in used, file.name


@pytest.mark.parametrize("widget", [Badge, Fields])
def test_a_widget_loads_nothing_from_the_network(widget: type) -> None:
    esm, css = str(widget._esm), str(widget._css)  # type: ignore[attr-defined]
    assert len(re.findall(r"^export default", esm, re.MULTILINE)) == 1
    assert not re.search(r"^\s*import\b|\bimport\(", esm, re.MULTILINE)
    assert not re.search(r"@import|url\(", css)
