"""The endpoint in an error, and the setting that it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

import stsnb
import stsnb.sources.source
from tests.errors.why import (
    KEYS,
    unused_url,
    why,
)
from tests.scripted_sts import ROLE, ScriptedSTS


def test_the_setting_is_the_variable_for_all_services(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = unused_url()
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert why().happened.startswith(f"STS at {url} (from AWS_ENDPOINT_URL) ")


def test_the_variable_for_sts_goes_before_that_for_all(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = unused_url()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", sts.endpoint_url)
    assert why().happened.startswith(f"STS at {url} (from AWS_ENDPOINT_URL_STS) ")


@pytest.mark.parametrize("named_by", ["argument", "AWS_PROFILE"])
@pytest.mark.parametrize(
    ("profile", "setting"),
    [
        ("endpoint_url = URL\n", "endpoint_url of profile work"),
        ("services = lab\n[services lab]\nsts =\n  endpoint_url = URL\n", "services of profile work"),
        (
            "endpoint_url = http://other.invalid\nservices = lab\n[services lab]\nsts =\n  endpoint_url = URL\n",
            "services of profile work",
        ),
        (
            "endpoint_url = URL\nservices = lab\n[services lab]\ns3 =\n  endpoint_url = http://other.invalid\n",
            "endpoint_url of profile work",
        ),
    ],
)
def test_the_setting_is_the_profiles(
    profile: str, setting: str, named_by: str, sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = unused_url()
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    (config / "config").write_text(f"[profile work]\n{profile.replace('URL', url)}")
    (config / "credentials").write_text(f"[work]\n{KEYS}")
    if named_by == "AWS_PROFILE":
        monkeypatch.setenv("AWS_PROFILE", "work")
        error = why()
    else:
        error = why(profile="work")
    assert error.happened.startswith(f"STS at {url} (from {setting}) ")


def test_the_setting_is_the_region(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    assert why().happened.startswith(
        "STS at https://sts.ap-northeast-2.amazonaws.com (from region ap-northeast-2) "
    )
    error = why(region="eu-west-1")
    assert error.happened.startswith("STS at https://sts.eu-west-1.amazonaws.com (from region eu-west-1) ")


def test_the_setting_is_the_region_where_endpoints_are_to_be_ignored(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert why().happened.startswith(
        "STS at https://sts.ap-northeast-2.amazonaws.com (from region ap-northeast-2) "
    )


def test_without_a_region_the_partition_decides_which_sts_is_called(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "https://sts.amazonaws.com (from the default, since no region is set) " in why().happened
    assert ".amazonaws.com.cn (from " in why(ROLE.replace("arn:aws:", "arn:aws-cn:")).happened


def test_another_address_needs_no_region(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert stsnb.assume_role(ROLE).region is None
    assert sts.calls == 1


@pytest.fixture
def two_profiles(
    sts: ScriptedSTS, other_sts: ScriptedSTS, no_keys: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Profile work asks the one STS, profile lab the other."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (config / "config").write_text(
        f"[profile work]\nregion = eu-west-1\nendpoint_url = {sts.endpoint_url}\n"
        f"[profile lab]\nregion = eu-west-2\nendpoint_url = {other_sts.endpoint_url}\n"
    )
    (config / "credentials").write_text(f"[work]\n{KEYS}[lab]\n{KEYS}")


@pytest.mark.usefixtures("two_profiles")
def test_an_active_role_does_not_change_the_sts_of_another_profile(
    sts: ScriptedSTS, other_sts: ScriptedSTS
) -> None:
    stsnb.assume_role(ROLE, profile="work")
    other_sts.fails("Throttling", "Rate exceeded")
    error = why(profile="lab")
    assert error.happened.startswith(f"STS at {other_sts.endpoint_url} (from endpoint_url of profile lab) ")
    assert (sts.calls, other_sts.calls) == (1, 1)


@pytest.mark.usefixtures("two_profiles")
def test_a_active_role_does_not_change_the_setting_that_is_named(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, profile="work")
    sts.fails("Throttling", "Rate exceeded")
    error = why(profile="work")
    assert error.happened.startswith(f"STS at {sts.endpoint_url} (from endpoint_url of profile work) ")


@pytest.mark.usefixtures("two_profiles")
def test_a_active_role_does_not_change_the_region_of_the_next() -> None:
    assert stsnb.assume_role(ROLE, profile="work", region="us-west-2").region == "us-west-2"
    assert stsnb.assume_role(ROLE, profile="work").region == "eu-west-1"
    assert stsnb.assume_role(ROLE, profile="lab").region == "eu-west-2"
