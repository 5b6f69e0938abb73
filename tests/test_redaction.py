"""What messages quote holds no password, no secret, and is short."""

from __future__ import annotations

import pytest

from stsnb._redaction import quoted, without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:1/path", "http://localhost:1/path"),
        ("http://user:pass@localhost:1", "http://localhost:1"),
        ("http://user:a@b@localhost", "http://localhost"),
        ("http://user:a/b@localhost", "http://localhost"),
        ("http://user:a?b@localhost", "http://…"),
        ("http://user:a#b@localhost", "http://…"),
        ("http://localhost/?token=secret", "http://localhost/?…"),
        ("http://localhost/?token=a@secret", "http://…"),
        ("user:pass@localhost:8000", "localhost:8000"),
        ("nonsense", "nonsense"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_words_are_quoted_on_one_line_without_secrets() -> None:
    text = "it said\n  secret and 'sec\\nret' to http://me:pass@host/x."
    assert quoted(text, ["secret", "sec\nret"]) == "it said … and '…' to http://host/x"
    assert quoted("x" * 1000) == "x" * 399 + "…"
