"""Roles for completion, in a configuration and in a profile file."""

from __future__ import annotations

from pathlib import Path

import pytest

from stsnb.config import settings as configuration
from tests.ipython.completion import CONFIG
from tests.scripted_sts import ROLE


@pytest.fixture
def known_roles(config: Path) -> None:
    (config / "config").write_text(CONFIG)
    configuration.put(configuration.Settings(roles={"s3": {"role_arn": ROLE, "session_name": "of-alias"}}))
