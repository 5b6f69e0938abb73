"""Whose keys call STS: those that boto3 uses with the same profile and environment, also next to a web identity."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

import stsnb
from stsnb.config import settings
from tests.scripted_sts import ROLE, MFADevice, ScriptedSTS
from tests.sso_portal import PORTAL, Portal

POD = "arn:aws:iam::123456789012:role/pod"
#: For each kind of profile its keys, in addition to those of the profile `base`.
KINDS = {
    "keys": "aws_access_key_id = AKIAKEYS\naws_secret_access_key = x\n",
    "process": "credential_process = PROCESS\n",
    "sso": PORTAL["session"],
    "legacy_sso": PORTAL["legacy"],
    "role": "role_arn = arn:aws:iam::123456789012:role/hop\nrole_session_name = hop\nsource_profile = base\n",
    "role_of_process": "role_arn = arn:aws:iam::123456789012:role/hop\nrole_session_name = hop\nsource_profile = process\n",
    "role_of_environment": "role_arn = arn:aws:iam::123456789012:role/hop\nrole_session_name = hop\ncredential_source = Environment\n",
    "web_identity": "role_arn = arn:aws:iam::123456789012:role/own\nrole_session_name = own\nweb_identity_token_file = TOKEN\n",
}
Calls = list[tuple[str, str, str]]


pytestmark = pytest.mark.usefixtures("models_read_once")


@pytest.fixture
def pod(sts: ScriptedSTS, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedSTS:
    """A pod with a web identity in its environment, as on EKS, and a profile of each kind in its files."""
    token = tmp_path / "token"
    token.write_text("the token")
    monkeypatch.setenv("AWS_ROLE_ARN", POD)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    process = tmp_path / "process.py"
    keys = {"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "x"}
    process.write_text(f"print({json.dumps(json.dumps(keys))})")
    text = "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = x\n"
    text += "".join(f"[profile {name}]\n{keys}" for name, keys in KINDS.items() if name != "legacy_sso")
    text += f"[profile legacy_sso]\n{KINDS['legacy_sso']}"
    text = text.replace("PROCESS", f"{sys.executable} -S -E {process}").replace("TOKEN", str(token))
    (config / "config").write_text(text)
    Portal(sts, tmp_path / "sso", monkeypatch).log_in()
    return sts


def calls(sts: ScriptedSTS, call: Callable[[], object]) -> Calls:
    """Return what was called meanwhile: each operation, its role, and as whom: an access key or a role."""
    before = len(sts.requests)
    call()
    given = {f"ASIA{n:016d}": request["RoleArn"] for n, request in enumerate(sts.requests, 1)}
    return [
        (request["Action"], request["RoleArn"], given.get(caller, caller))
        for caller, request in zip(sts.callers[before:], sts.requests[before:], strict=True)
    ]


def by_boto3(profile: str | None, **parameters: str) -> None:
    boto3.Session(profile_name=profile).client("sts").assume_role(
        RoleArn=ROLE, RoleSessionName="RoleSession1", **parameters
    )


def as_option(profile: str) -> None:
    stsnb.assume_role(ROLE, "RoleSession1", profile=profile)


def as_alias(profile: str) -> None:
    settings.put(settings.Settings(roles={"team": {"role_arn": ROLE, "profile": profile}}))
    stsnb.assume_role("team", "RoleSession1")


def as_default_session(profile: str) -> None:
    boto3.setup_default_session(profile_name=profile)
    stsnb.assume_role(ROLE, "RoleSession1")


@pytest.mark.parametrize("keys", [True, False], ids=["keys_in_environment", "no_keys_in_environment"])
@pytest.mark.parametrize("name", [as_option, as_alias, as_default_session])
@pytest.mark.parametrize("kind", KINDS)
def test_a_named_profile_calls_sts_in_a_pod(
    kind: str, name: Callable[[str], None], keys: bool, pod: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not keys and kind != "role_of_environment":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    expected = calls(pod, lambda: by_boto3(kind))
    assert calls(pod, lambda: name(kind)) == expected
    assert POD not in {role for _, role, _ in expected}
    role = stsnb.current_role()
    assert role
    # A renewal, under the active role: its own session is the only other identity that could be used.
    assert calls(pod, role.refresh)[-1] == expected[-1]


@pytest.mark.parametrize("variable", ["AWS_PROFILE", None])
@pytest.mark.parametrize("keys", [True, False], ids=["keys_in_environment", "no_keys_in_environment"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_of_the_environment_is_used_where_boto3_uses_it(
    kind: str, keys: bool, variable: str | None, pod: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not keys:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    if variable:
        monkeypatch.setenv(variable, kind)
    if (kind, keys) == ("role_of_environment", False):
        return  # neither has credentials
    assert calls(pod, lambda: stsnb.assume_role(ROLE, "RoleSession1")) == calls(pod, lambda: by_boto3_anew())


def by_boto3_anew() -> None:
    """Call STS as the user does without a role."""
    stsnb.drop_role()
    by_boto3(None)


@pytest.mark.parametrize("kind", ["keys", "process", "sso", "legacy_sso", "web_identity"])
def test_the_profiles_credentials_use_the_mfa_code_in_a_pod(kind: str, pod: ScriptedSTS) -> None:
    pod.device = device = MFADevice()
    by_boto3(kind, SerialNumber=device.serial_number, TokenCode=device.code)
    expected = pod.callers[-1]
    pod.requests.clear(), pod.callers.clear()
    code = device.shows_next()
    stsnb.assume_role(ROLE, profile=kind, serial_number=device.serial_number, token_code=code)
    with_code = [
        caller
        for caller, request in zip(pod.callers, pod.requests, strict=True)
        if request.get("TokenCode") == code
    ]
    if kind == "web_identity":  # a session of the profile's own role, as boto3 has another one of it
        assert expected.startswith("ASIA")
        assert [request.get("RoleArn") for request in pod.requests] == [
            "arn:aws:iam::123456789012:role/own",
            ROLE,
        ]
    else:
        assert with_code == [expected]
    assert POD not in {request.get("RoleArn") for request in pod.requests}


@pytest.mark.parametrize("kind", ["keys", "process", "sso", "web_identity"])
def test_a_role_profile_is_assumed_with_its_source_in_a_pod(
    kind: str, pod: ScriptedSTS, config: Path
) -> None:
    with (config / "config").open("a") as file:
        file.write(
            f"[profile named]\nrole_arn = {ROLE}\nrole_session_name = RoleSession1\nsource_profile = {kind}\n"
        )
    expected = calls(
        pod, lambda: boto3.Session(profile_name="named").get_credentials().get_frozen_credentials()
    )
    assert calls(pod, lambda: stsnb.assume_role("named")) == expected
