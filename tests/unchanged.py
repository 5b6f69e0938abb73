"""What every failure leaves as it was: the environment, boto3's default session, the active role."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

import stsnb


@contextmanager
def unchanged() -> Iterator[None]:
    """Check that the environment, boto3's default session and the active role are afterwards as before.

    An exception of the block goes on after the check.
    """
    environment, session, role = dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()
    try:
        yield
    finally:
        assert dict(os.environ) == environment
        assert boto3.DEFAULT_SESSION is session
        assert stsnb.current_role() is role
