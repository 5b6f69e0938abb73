"""Asking the user for a secret, and where no one can answer."""

from __future__ import annotations

import getpass
import io
import threading
import warnings

import pytest

from stsnb.sources.prompt import NobodyToAskError, ask


def test_the_input_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt: (asked.append(prompt), "123456")[1])
    assert ask("MFA code: ") == "123456"
    assert asked == ["MFA code: "]


def test_a_background_thread_never_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: "123456")
    refused: list[Exception] = []

    def run() -> None:
        try:
            ask("MFA code: ")
        except NobodyToAskError as error:
            refused.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert refused


@pytest.mark.parametrize("error", [EOFError, NotImplementedError, OSError])
def test_an_input_that_is_closed_answers_nothing(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_prompt: str) -> str:
        raise error

    monkeypatch.setattr(getpass, "getpass", fail)
    with pytest.raises(NobodyToAskError):
        ask("MFA code: ")


def test_an_input_that_would_echo_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(_prompt: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return "echoed"

    monkeypatch.setattr(getpass, "getpass", warn)
    monkeypatch.setattr("sys.stdin", io.StringIO("123456\n"))
    with pytest.raises(NobodyToAskError):
        ask("MFA code: ")


def test_an_interrupt_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(getpass, "getpass", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ask("MFA code: ")
