"""A source is found once, and anew when anything has changed that it depends on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
import pytest

from stsnb.sources.source_cache import SourceCache, SourceKey
from stsnb.sources.web_identity import WebIdentitySource
from tests.scripted_sts import ScriptedSTS


@pytest.fixture
def cache(sts: ScriptedSTS) -> SourceCache:
    return SourceCache(lambda: dict(os.environ), lambda: boto3.DEFAULT_SESSION)


def test_a_source_is_found_once(cache: SourceCache) -> None:
    assert cache.find(SourceKey()) is cache.find(SourceKey())
    assert cache.find(SourceKey()) is not cache.find(SourceKey(region="eu-west-1"))


@pytest.mark.parametrize("change", ["environment", "file", "session", "forget", "clear"])
def test_a_change_finds_it_anew(
    cache: SourceCache, config: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    before: Any = cache.find(SourceKey())
    if change == "environment":
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    elif change == "file":
        (config / "config").write_text("[default]\nregion = eu-west-1\n")
    elif change == "session":
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session(region_name="eu-west-1"))
    elif change == "forget":
        cache.forget(SourceKey())
    else:
        cache.clear()
    assert cache.find(SourceKey()) is not before


def test_a_token_file_is_a_web_identity(cache: SourceCache, tmp_path: Path) -> None:
    assert isinstance(cache.find(SourceKey(token_file=str(tmp_path / "token"))), WebIdentitySource)


def test_the_profile_of_a_key_is_the_one_it_names_or_the_environments(
    cache: SourceCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.profile_of(SourceKey()) is None
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert cache.profile_of(SourceKey()) == "work"
    assert cache.profile_of(SourceKey(role_profile="deliveries")) == "deliveries"
    assert cache.profile_of(SourceKey("keys", "deliveries")) == "keys"
