"""Web identity: a token from a file in place of AWS credentials, read anew at each renewal."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell

import stsnb
from stsnb import AssumeRoleError
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS


def token(n: int = 1, **claims: Any) -> str:
    """A JSON web token as EKS writes it, but for its signature."""
    said = {"iss": "https://oidc.eks.ap-northeast-2.amazonaws.com/id/EXAMPLE", "aud": ["sts.amazonaws.com"],
            "sub": "system:serviceaccount:hub:jupyter", **claims}  # fmt: skip
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "RS256"}, said)
    ]
    return ".".join([*parts, f"{SECRET_MARK}{n}"])


@pytest.fixture
def file(sts: ScriptedSTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a token, and no AWS credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    path = tmp_path / "token"
    path.write_text(token())
    return path


def why(file: Path | str, **parameters: Any) -> AssumeRoleError:
    before = dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()
    with pytest.raises(AssumeRoleError) as refused:
        stsnb.assume_role(ROLE, "RoleSession1", web_identity_token_file=file, **parameters)
    assert (dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()) == before
    assert SECRET_MARK not in f"{refused.value} {refused.value!r}"
    return refused.value


def test_a_token_takes_the_place_of_credentials(sts: ScriptedSTS, file: Path) -> None:
    role = stsnb.assume_role(
        ROLE,
        "RoleSession1",
        web_identity_token_file=file,
        duration_seconds=7200,
        policy={},
        minimum_session_token_size=2048,
    )
    asked = {name: value for name, value in sts.requests[-1].items() if name != "Version"}
    assert asked == {
        "Action": "AssumeRoleWithWebIdentity",
        "RoleArn": ROLE,
        "RoleSessionName": "RoleSession1",
        "DurationSeconds": "7200",
        "Policy": "{}",
        "MinimumSessionTokenSize": "2048",
        "WebIdentityToken": token(),
    }
    assert sts.callers == [""]
    assert (role.origin, role.renewable, role.region) == (
        f"the web identity in {file}",
        True,
        "ap-northeast-2",
    )
    assert os.environ["AWS_SESSION_TOKEN"] == role.response.session_token
    assert SECRET_MARK not in f"{role!r} {vars(role._fetcher)} {vars(role._fetcher.source)}"


def test_the_file_is_read_again_at_each_renewal(sts: ScriptedSTS, file: Path) -> None:
    role = stsnb.assume_role(ROLE, web_identity_token_file=str(file))
    file.write_text(token(2) + "\n")
    role.refresh()
    assert [request["WebIdentityToken"] for request in sts.requests] == [token(1), token(2)]
    file.unlink()
    kept = role.response
    with pytest.raises(AssumeRoleError, match="can't be read: No such file"):
        role.refresh()
    assert role.response is kept


def test_the_magic_and_a_profile_name_the_file_too(
    shell: InteractiveShell, sts: ScriptedSTS, file: Path, config: Path
) -> None:
    assert shell.run_cell(f"%assume_role {ROLE} me --web-identity-token-file '{file}'").success
    (config / "config").write_text(
        f"[profile eks]\nrole_arn = {ROLE}\nweb_identity_token_file = {file}\nrole_session_name = hub\n"
        "external_id = passed-over\nmfa_serial = passed-over\nduration_seconds = 7200\nregion = eu-west-1\n"
        "[profile keys]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = x\n"
    )
    os.environ.pop("AWS_DEFAULT_REGION")
    stsnb.drop_role()
    role = stsnb.assume_role("eks")
    assert [request["Action"] for request in sts.requests] == ["AssumeRoleWithWebIdentity"] * 2
    assert set(sts.requests[-1]) == {"Action", "Version", "RoleArn", "RoleSessionName", "WebIdentityToken"}
    assert (role.session_name, role.region) == ("hub", "eu-west-1")
    assert stsnb.assume_role("eks", duration_seconds=900, session_name="me").session_name == "me"
    assert sts.requests[-1]["DurationSeconds"] == "900"


def test_with_another_source_the_other_keys_of_such_a_profile_count(
    sts: ScriptedSTS, file: Path, config: Path
) -> None:
    (config / "config").write_text(
        f"[profile eks]\nrole_arn = {ROLE}\nweb_identity_token_file = {file}\nexternal_id = ext-1\n"
        "[profile keys]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = x\n"
    )
    stsnb.assume_role("eks", profile="keys")
    assert (sts.requests[-1]["Action"], sts.requests[-1]["ExternalId"]) == ("AssumeRole", "ext-1")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"abc", "has 3 characters: a token has 4 to 20000"),
        (b"x" * 20001, "has more than 20000 characters: a token has 4 to 20000"),
        (b"\x00\xff", "is not text"),
    ],
)
def test_a_file_without_a_token_gets_a_sentence(
    content: bytes | None, told: str, sts: ScriptedSTS, file: Path
) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    error = why(file)
    assert told in error.happened
    assert str(file) in error.happened
    assert sts.requests == []


def test_a_folder_is_no_file(sts: ScriptedSTS, file: Path) -> None:
    assert "can't be read" in why(file.parent).happened


def test_parameters_that_a_web_identity_does_not_take_are_refused_before_the_call(
    sts: ScriptedSTS, file: Path
) -> None:
    error = why(file, external_id="ext-1", serial_number="arn:aws:iam::123456789012:mfa/me", tags={"a": "b"})
    for what in ("no external id", "no MFA device", "no session tags"):
        assert what in error.advice
    assert sts.requests == []


@pytest.mark.parametrize(
    ("code", "message", "happened", "advice"),
    [
        ("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider", "Invalid token of the web identity", "identity provider of the role's account"),
        ("ExpiredTokenException", "Token expired: current date/time 1 must be before the expiration date/time 0", "has expired", "kubelet"),
        ("IDPRejectedClaim", "The identity provider rejected it", "rejected the token", "have a new one written"),
        ("IDPCommunicationError", "", "could not reach the identity provider", "Wait a moment"),
    ],
)  # fmt: skip
def test_an_error_of_sts_about_a_token_is_explained(
    code: str, message: str, happened: str, advice: str, sts: ScriptedSTS, file: Path
) -> None:
    sts.fails(code, f"{message} {token()}")
    error = why(file)
    assert happened in error.happened
    assert str(file) in error.happened
    assert advice in error.advice
    assert error.code == code


def test_a_role_that_does_not_trust_the_identity_gets_the_statement(sts: ScriptedSTS, file: Path) -> None:
    sts.fails("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    issuer = "oidc.eks.ap-northeast-2.amazonaws.com/id/EXAMPLE"
    assert why(file).statement == {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{issuer}:aud": ["sts.amazonaws.com"],
                f"{issuer}:sub": "system:serviceaccount:hub:jupyter",
            }
        },
    }
    file.write_text("no JSON web token")
    assert "SUBJECT OF THE TOKEN" in json.dumps(why(file).statement)


def test_a_role_got_with_a_token_chains(sts: ScriptedSTS, file: Path) -> None:
    first = stsnb.assume_role(ROLE, web_identity_token_file=file)
    stsnb.assume_role("arn:aws:iam::123456789012:role/second", chain=True)
    assert sts.callers == ["", first.response.access_key_id]
