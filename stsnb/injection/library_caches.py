"""Libraries that keep the identity they saw first: what makes each let go of it."""

from __future__ import annotations

import functools
import hashlib
import itertools
import logging
import sys
from typing import Any

_log = logging.getLogger(__name__)
_changes = itertools.count(1)


def clear() -> None:
    """Make the libraries that are imported already ask for credentials anew at their next call.

    Objects that the user made keep the identity that they were made under. Those that are not here (boto3, aioboto3,
    pyarrow, deltalake, duckdb, awswrangler) ask anew by themselves.
    """
    for release in (_s3fs, _polars):
        try:
            release()
        except Exception:  # noqa: BLE001 # the role is in force all the same; a library's fault must not undo it
            _log.debug("%s failed", release.__name__, exc_info=True)


def _s3fs() -> None:
    # pandas and dask open s3:// through an instance that fsspec keeps for the same arguments, whoever asks
    # (fsspec/s3fs#806).
    if (s3fs := sys.modules.get("s3fs")) is not None:
        s3fs.S3FileSystem.clear_instance_cache()


def _polars() -> None:
    # polars keeps a connection, with its credentials in it, for each key of what it was asked for; the key of
    # "auto" says nothing about who asks, and there is no public call that empties either of the two caches
    # behind it. With another key at each change it makes another connection, and in time drops the old one.
    builder: Any = sys.modules.get("polars.io.cloud.credential_provider._builder")
    if builder is None or not hasattr(builder.AutoInit, "get_cache_key_impl"):
        return
    key_of = builder.AutoInit.get_cache_key_impl
    key_of = getattr(key_of, "__wrapped__", key_of)
    change = f"stsnb {next(_changes)}".encode()

    @functools.wraps(key_of)
    def get_cache_key_impl(self: object) -> bytes:
        return hashlib.sha256(key_of(self) + change).digest()[:16]

    builder.AutoInit.get_cache_key_impl = get_cache_key_impl
