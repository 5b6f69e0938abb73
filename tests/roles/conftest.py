"""An STS with short sessions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stsnb.kernel import kernel
from stsnb.roles import credentials as rules
from tests.sandbox import wait_until
from tests.scripted_sts import ScriptedSTS


@pytest.fixture
def short(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedSTS]:
    """An STS whose sessions last 3 seconds, whatever the request; a renewal is due after 2."""
    sts.seconds = 3
    monkeypatch.setattr(rules, "RETRY_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(rules, "RETRY_AT_MOST_SECONDS", 0.2)
    yield sts
    kernel.reset()
    wait_until("the renewer has ended", lambda: not kernel._renewer.running)
