"""What botocore logs of a call to STS at DEBUG holds secrets: kept out while it is ours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

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
