"""The messages of widgets to the browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ipywidgets
import pytest

from tests.scripted_sts import SECRET_MARK


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What widgets send to the browser, in order; no secret is in it."""
    messages: list[dict[str, Any]] = []

    def send(_widget: ipywidgets.Widget, message: dict[str, Any], buffers: object = None) -> None:
        messages.append(message)

    monkeypatch.setattr(ipywidgets.Widget, "_send", send)
    yield messages
    assert SECRET_MARK not in json.dumps(messages)
