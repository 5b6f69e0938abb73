"""Keeps secrets out of botocore's log records, an interrupt's traceback, and what messages quote."""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_asking = threading.local()


class _NoSecrets(logging.Filter):
    """Keeps what this thread asks of STS out of botocore's DEBUG records: their bodies carry the secrets."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return not getattr(_asking, "now", False)


# These log headers (with the caller's session token), bodies (with the role's credentials), what a container's endpoint
# answered, and the tracebacks of what a credential_process printed or a header could not hold.
for _name in ("endpoint", "auth", "parsers", "httpsession", "utils", "credentials", "tokens"):
    logging.getLogger(f"botocore.{_name}").addFilter(_NoSecrets())


@contextmanager
def no_secrets_logged() -> Iterator[None]:
    """Keep what the calling thread asks of STS in a ``with`` out of all logs."""
    before = getattr(_asking, "now", False)
    _asking.now = True
    try:
        yield
    finally:
        _asking.now = before


def bare_interrupt(function: F) -> F:
    """Let an interrupt of a function show none of the frames below it.

    IPython's verbose tracebacks show the values of variables, and in botocore's frames these are keys and codes.

    Parameters
    ----------
    function : callable
        What asks STS in the foreground.

    Returns
    -------
    callable
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt:
            del args, kwargs
        raise KeyboardInterrupt

    return cast(F, call)


def without_password(url: str) -> str:
    """Return an address without the user, the password and the query that it may hold.

    A password may contain any character, ``@``, ``/`` and ``?`` among them: in doubt more is left out.

    Parameters
    ----------
    url : str
        The address, or what was configured as one.

    Returns
    -------
    str
    """
    scheme, slashes, rest = url.partition("//") if "//" in url else ("", "", url)
    head, mark, query = re.split(r"([?#])", rest, maxsplit=1) if re.search(r"[?#]", rest) else (rest, "", "")
    if "@" in query:  # of a password with a question mark in it, or of a query's value
        return f"{scheme}{slashes}…"
    return f"{scheme}{slashes}{head.rpartition('@')[2]}{f'{mark}…' if mark else ''}"


def quoted(text: str, secrets: Iterable[str] = (), most: int = 400) -> str:
    """Return the words of a server or a library on one line, shortened, without secrets.

    Parameters
    ----------
    text : str
        The words.
    secrets : iterable of str
        What to leave out, beside the passwords of addresses.
    most : int
        How many characters to return.

    Returns
    -------
    str
        Without a full stop at its end.
    """
    for secret in secrets:
        for shown in (secret, repr(secret)[1:-1]):
            text = text.replace(shown, "…")
    text = re.sub(r"\b\w+://[^\s\"'<>]+", lambda url: without_password(url[0]), text)
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= most else text[: most - 1] + "…"
