"""Libraries that keep the identity they saw first: what makes each let go of it."""

from __future__ import annotations

import logging
import sys

_log = logging.getLogger(__name__)


def let_go() -> None:
    """Make the libraries that are imported already ask for credentials anew at their next call.

    Objects that the user made keep the identity that they were made under.
    """
    for release in (_s3fs,):
        try:
            release()
        except Exception:  # noqa: BLE001 # the role is in force all the same; a library's fault must not undo it
            _log.debug("%s failed", release.__name__, exc_info=True)


def _s3fs() -> None:
    # pandas and dask open s3:// through an instance that fsspec keeps for the same arguments, whoever asks
    # (fsspec/s3fs#806).
    if (s3fs := sys.modules.get("s3fs")) is not None:
        s3fs.S3FileSystem.clear_instance_cache()
