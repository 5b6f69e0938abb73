"""What shows more than a person should see: botocore's records of a call to STS, and where an interrupt hit it."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_asking = threading.local()


class _NoSecrets(logging.Filter):
    """Keeps what this thread asks of STS out of botocore's DEBUG records: their bodies carry the secrets."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return not getattr(_asking, "now", False)


# These three log headers (with the caller's session token) and bodies (with the role's credentials).
for _name in ("botocore.endpoint", "botocore.auth", "botocore.parsers"):
    logging.getLogger(_name).addFilter(_NoSecrets())


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
