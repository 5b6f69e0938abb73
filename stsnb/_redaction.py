"""Keeps secrets out of botocore's log records, tracebacks of interrupts, and quoted messages."""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_call = threading.local()


class _NoSecrets(logging.Filter):
    """Drops botocore's DEBUG records of this thread's calls: they contain secrets."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return not getattr(_call, "active", False)


# These log headers (with the caller's session token), bodies (with the role's credentials), responses of container
# endpoints, and tracebacks that quote the output of a credential_process or an invalid header.
for _name in ("endpoint", "auth", "parsers", "httpsession", "utils", "credentials", "tokens"):
    logging.getLogger(f"botocore.{_name}").addFilter(_NoSecrets())


@contextmanager
def no_secrets_logged() -> Iterator[None]:
    """Keep the calling thread's calls of STS, within a ``with``, out of all logs."""
    before = getattr(_call, "active", False)
    _call.active = True
    try:
        yield
    finally:
        _call.active = before


def bare_interrupt(function: F) -> F:
    """Remove the frames below a function from the traceback of an interrupt.

    IPython's verbose tracebacks show the values of variables, which in botocore's frames are keys and MFA codes.

    Parameters
    ----------
    function : callable
        A function that calls STS in the foreground.

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
    """Return a URL without its user, password and query.

    A password may contain any character, also ``@``, ``/`` and ``?``: in doubt more is left out.

    Parameters
    ----------
    url : str
        The URL, valid or not.

    Returns
    -------
    str
    """
    scheme, slashes, rest = url.partition("//") if "//" in url else ("", "", url)
    head, mark, query = re.split(r"([?#])", rest, maxsplit=1) if re.search(r"[?#]", rest) else (rest, "", "")
    if "@" in query:  # from a password with a question mark, or from a query's value
        return f"{scheme}{slashes}…"
    return f"{scheme}{slashes}{head.rpartition('@')[2]}{f'{mark}…' if mark else ''}"


def quoted(text: str, secrets: Iterable[str] = (), most: int = 400) -> str:
    """Return the message of a server or a library on one line, shortened, without secrets.

    Parameters
    ----------
    text : str
        The message.
    secrets : iterable of str
        Values to leave out, in addition to the passwords of URLs.
    most : int
        The most characters to return.

    Returns
    -------
    str
        Without a full stop at the end.
    """
    for secret in secrets:
        for shown in (secret, repr(secret)[1:-1]):
            text = text.replace(shown, "…")
    text = re.sub(r"\b\w+://[^\s\"'<>]+", lambda url: without_password(url[0]), text)
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= most else text[: most - 1] + "…"
