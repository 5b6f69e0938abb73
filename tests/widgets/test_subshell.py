"""A widget's messages go to the subshell that the front end addresses. tests/browser clicks while a cell runs."""

from __future__ import annotations

import ipywidgets
import pytest
from ipykernel.comm.comm import BaseComm

from stsnb.widgets.badge import Badge
from stsnb.widgets.form import Fields
from stsnb.widgets.subshell import SubshellWidget


@pytest.mark.parametrize("addressed", [None, "subshell-1"])
def test_an_open_widget_goes_by_the_addressed_subshell(addressed: str | None) -> None:
    comm = SubshellWidget().comm
    assert comm._reply_subshell_for({"method": "custom"}, addressed) == addressed


@pytest.mark.skipif(not hasattr(BaseComm, "_reply_subshell_for"), reason="ipykernel before 7.4")
def test_the_comm_has_the_hook_of_ipykernel() -> None:
    assert "_reply_subshell_for" in vars(SubshellWidget().comm)


def test_a_widget_without_a_comm_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipywidgets.Widget, "open", lambda self: None)
    assert SubshellWidget().comm is None


@pytest.mark.parametrize("widget", [Badge, Fields])
def test_the_widgets_with_messages_are_such(widget: type) -> None:
    assert issubclass(widget, SubshellWidget)
