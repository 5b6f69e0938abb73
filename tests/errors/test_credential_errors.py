"""Credentials that can't be had: keys, processes, endpoints, logins."""

from __future__ import annotations

import json
from hashlib import sha1
from importlib.util import find_spec
from pathlib import Path

import pytest
from botocore.utils import ContainerMetadataFetcher

from tests.errors.why import (
    KEYS,
    SSO_OF_OLD,
    SSO_SESSION,
    process,
    told,
    why,
)
from tests.scripted_sts import ROLE, SECRET_MARK, USER, ScriptedSTS


@pytest.mark.usefixtures("no_keys")
def test_no_credentials_at_all(sts: ScriptedSTS) -> None:
    error = why()
    assert error.happened == "No AWS credentials found."
    assert "aws configure" in error.advice
    assert "--profile NAME" in error.advice
    assert sts.requests == []


def test_a_profile_without_credentials(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text("[profile work]\nregion = eu-west-1\n")
    assert why(profile="work").happened == "Profile work has no credentials."


def test_half_of_the_keys_in_the_environment(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = why()
    assert "AWS_SECRET_ACCESS_KEY is missing" in error.happened
    assert "Set it" in error.advice


def test_half_of_the_keys_in_a_profile(sts: ScriptedSTS, config: Path) -> None:
    (config / "credentials").write_text("[work]\naws_access_key_id = AKIAPROFILE\n")
    assert "aws_secret_access_key is missing" in why(profile="work").happened


@pytest.mark.usefixtures("no_keys", "sso_cache")
@pytest.mark.parametrize("profile", [SSO_SESSION, SSO_OF_OLD], ids=["session", "of old"])
@pytest.mark.parametrize("named_by", ["argument", "AWS_PROFILE"])
def test_an_sso_profile_without_a_login_names_the_command(
    profile: str, named_by: str, sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config / "config").write_text(profile)
    if named_by == "AWS_PROFILE":
        monkeypatch.setenv("AWS_PROFILE", "work")
        error = why()
    else:
        error = why(profile="work")
    assert "Profile work has no valid SSO login" in error.happened
    assert "`aws sso login --profile work`" in error.advice
    assert sts.requests == []


@pytest.mark.parametrize(
    ("profile", "cached_under"),
    [(SSO_SESSION, "stsnb-test"), (SSO_OF_OLD, "https://stsnb.awsapps.com/start")],
    ids=["session", "of old"],
)
def test_an_sso_login_that_has_ended_names_the_command(
    profile: str, cached_under: str, sts: ScriptedSTS, config: Path, sso_cache: Path
) -> None:
    (config / "config").write_text(profile)
    token = {"accessToken": SECRET_MARK, "expiresAt": "2020-01-01T00:00:00Z"}
    (sso_cache / f"{sha1(cached_under.encode()).hexdigest()}.json").write_text(json.dumps(token))
    error = why(profile="work")
    assert error.happened == "Profile work has no valid SSO login."
    assert "`aws sso login --profile work`" in error.advice


@pytest.mark.usefixtures("no_keys", "sso_cache")
def test_the_default_profiles_login_needs_no_name(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text(SSO_SESSION.replace("profile work", "default"))
    assert "`aws sso login`" in why().advice


PROCESSES = {
    "fails": (process("import sys; sys.exit('vault is locked')"), "failed with exit code 1"),
    "fails with a code": (process("import sys; print('{}'); sys.exit(3)"), "failed with exit code 3"),
    "breaks": (process("print(1 / 0)"), "failed with exit code 1"),
    "prints a secret and fails": (
        process(f"import sys; sys.exit('{SECRET_MARK}')"),
        "failed with exit code 1",
    ),
    "prints half": (process(told(SecretAccessKey=SECRET_MARK)), "printed no AccessKeyId"),
    "prints another version": (
        process(told(AccessKeyId="AKIA", SecretAccessKey=SECRET_MARK).replace("1,", "2,")),
        "printed an unsupported Version",
    ),
    "prints no version": (process("print('{}')"), "printed an unsupported Version"),
    "prints no JSON": (process(f"print('{SECRET_MARK}')"), "printed no JSON"),
    "prints a list": (process("print([])"), "printed no JSON object"),
    "prints bytes": (process("import sys; sys.stdout.buffer.write(bytes([255]))"), "printed no JSON object"),
    "prints nothing": (process("pass"), "printed nothing"),
    "prints an expiration that is none": (
        process(told(AccessKeyId="A", SecretAccessKey=SECRET_MARK, Expiration="soon")),
        "printed an Expiration that is not a time",
    ),
    "is not there": (
        "[profile work]\ncredential_process = /stsnb/missing --now\n",
        "can't be run: /stsnb/missing: No such file or directory",
    ),
    "is a folder": ("[profile work]\ncredential_process = /tmp\n", "can't be run: /tmp: Permission denied"),
    "is empty": ("[profile work]\ncredential_process =\n", "is empty"),
    "has an open quotation": (
        "[profile work]\ncredential_process = /bin/true 'x\n",
        "is not a command line: a quotation mark is not closed",
    ),
}


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("named_by", ["profile", "source_profile"])
@pytest.mark.parametrize(("profile", "fault"), PROCESSES.values(), ids=PROCESSES)
def test_a_credential_process_that_gives_no_credentials(
    profile: str, fault: str, named_by: str, sts: ScriptedSTS, config: Path
) -> None:
    role = f"[profile role]\nrole_arn = {ROLE}\nsource_profile = work\n"
    (config / "config").write_text(profile + role)
    error = why(profile="work" if named_by == "profile" else "role")
    assert error.happened == f"The credential_process of profile work {fault}."
    assert "vault" not in str(error), "what a program prints may be a secret"
    assert error.said is None, "no server was called"
    assert sts.requests == []


@pytest.mark.usefixtures("no_keys")
def test_a_credential_process_that_prints_null_for_the_keys(sts: ScriptedSTS, config: Path) -> None:
    nulls = "print(chr(123) + chr(34) + 'Version' + chr(34) + ': 1, ' + ', '.join(chr(34) + n + chr(34) + ': null' for n in ('AccessKeyId', 'SecretAccessKey')) + chr(125))"
    (config / "config").write_text(process(nulls))
    error = why(profile="work")
    assert error.happened == "The access key id of profile work is missing."
    assert "must print AccessKeyId" in error.advice


@pytest.mark.usefixtures("no_keys")
def test_a_credential_process_that_prints_expired_credentials(sts: ScriptedSTS, config: Path) -> None:
    expired = told(
        AccessKeyId="ASIA",
        SecretAccessKey=SECRET_MARK,
        SessionToken=SECRET_MARK,
        Expiration="2020-01-01T00:00:00Z",
    )
    (config / "config").write_text(process(expired))
    assert (
        why(profile="work").happened == "The credential_process of profile work printed expired credentials."
    )


def test_a_refused_role_of_a_profile_is_distinguished_from_the_requested_role(
    sts: ScriptedSTS, config: Path
) -> None:
    hop = "arn:aws:iam::123456789012:role/hop"
    (config / "config").write_text(
        f"[profile work]\nrole_arn = {hop}\nsource_profile = base\n[profile base]\n{KEYS}"
    )
    sts.fails(
        "AccessDenied", f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {hop}", 403
    )
    error = why(profile="work")
    assert {asked["RoleArn"] for asked in sts.requests if asked["Action"] == "AssumeRole"} == {hop}
    assert "Profile work" in str(error)
    assert "assume role-for-s3-fileserver" not in str(error), "it was not even asked"


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("named_by", ["profile", "variables"])
def test_a_web_identity_whose_token_is_not_there(
    named_by: str, sts: ScriptedSTS, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "missing-token"
    if named_by == "variables":
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        error = why()
    else:
        (config / "config").write_text(
            f"[profile work]\nrole_arn = {ROLE}\nweb_identity_token_file = {token}\n"
        )
        error = why(profile="work")
    assert str(token) in str(error)
    assert sts.requests == []


# --- keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("AWS_ACCESS_KEY_ID", "AKIA\nX", "a line break"),
        ("AWS_SESSION_TOKEN", f"{SECRET_MARK}\r\n", "a line break"),
        ("AWS_SECURITY_TOKEN", f"{SECRET_MARK}\n", "a line break"),
        ("AWS_SESSION_TOKEN", f"{SECRET_MARK}\x07", "a control character"),
        ("AWS_SESSION_TOKEN", f"{SECRET_MARK}\udcff", "a character that is not ASCII"),
        ("AWS_SECRET_ACCESS_KEY", f"{SECRET_MARK}\udcff", "a character that is not ASCII"),
    ],
)
def test_a_key_of_the_environment_that_no_request_can_carry(
    variable: str, value: str, fault: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    sts.fails("SignatureDoesNotMatch", "The request signature we calculated does not match", 403)
    error = why()
    assert error.happened == f"{variable} contains {fault}."
    assert error.advice == f"Set {variable} again without it."


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidClientTokenId"])
@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("AWS_SECRET_ACCESS_KEY", f"{SECRET_MARK}\n", "a line break"),
        ("AWS_SECRET_ACCESS_KEY", f"{SECRET_MARK} ", "a space"),
        ("AWS_ACCESS_KEY_ID", "AKIA\u200bX", "a character that is not ASCII"),
    ],
)
def test_a_key_that_aws_refuses_for_a_character_that_cannot_be_seen(
    name: str, value: str, fault: str, code: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    sts.fails(code, "The key is wrong", 403)
    assert why().happened == f"{name} contains {fault}."


@pytest.mark.usefixtures("no_keys")
def test_a_token_of_a_profile_on_two_lines(sts: ScriptedSTS, config: Path) -> None:
    (config / "credentials").write_text(f"[work]\n{KEYS}aws_session_token = {SECRET_MARK}\n  {SECRET_MARK}\n")
    assert why(profile="work").happened == "The aws_session_token of profile work contains a line break."


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("2020-01-01T00:00:00Z", "The credentials of the environment expired at 2020-01-01 00:00:00 UTC (AWS_CREDENTIAL_EXPIRATION)."),
        ("soon", "AWS_CREDENTIAL_EXPIRATION is not a time."),
        ("9" * 40, "AWS_CREDENTIAL_EXPIRATION is not a time."),
        ("2020-01-01T00:00:00", "AWS_CREDENTIAL_EXPIRATION has no time zone."),
    ],
)  # fmt: skip
def test_an_expiration_in_the_environment(
    value: str, fault: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", value)
    assert why().happened == fault
    assert sts.requests == []


# --- container credential endpoints --------------------------------------------------------------------------

FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore tries an endpoint three times, a second apart."""
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)


@pytest.mark.usefixtures("no_keys", "no_pause")
@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("http://example.com/creds", f"{FULL_URI} names the host example.com, which is not allowed."),
        ("", f"{FULL_URI} names no host."),
        ("http://127.0.0.1:1/", f"The container credential endpoint ({FULL_URI}) can't be reached."),
    ],
)
def test_the_address_of_a_container_endpoint(
    uri: str, fault: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FULL_URI, uri)
    assert why().happened == fault


@pytest.mark.usefixtures("no_keys", "no_pause")
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (f"{SECRET_MARK}\n", "The authorization token in FILE contains a line break."),
        (f"{SECRET_MARK}\u200b", "The authorization token in FILE contains a character that no token has."),
        (None, "The file FILE can't be read: No such file or directory."),
    ],
)
def test_the_token_file_of_a_container_endpoint(
    content: str | None, fault: str, sts: ScriptedSTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    monkeypatch.setenv(FULL_URI, "http://127.0.0.1:1/")
    monkeypatch.setenv(TOKEN_FILE, str(file))
    assert why().happened == fault.replace("FILE", str(file))


@pytest.mark.usefixtures("no_keys", "no_pause")
@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        (SECRET_MARK, 403, "answered with HTTP status 403."),
        (SECRET_MARK, 200, "gave an answer without credentials."),
        (json.dumps({"AccessKeyId": "A", "SecretAccessKey": SECRET_MARK}), 200, "returned no Token."),
        (json.dumps([SECRET_MARK]), 200, "gave an answer without credentials."),
    ],
)
def test_the_answer_of_a_container_endpoint(
    body: str, status: int, fault: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts.server.expect_request("/creds").respond_with_data(body, status)
    monkeypatch.setenv(FULL_URI, f"{sts.endpoint_url.replace('localhost', '127.0.0.1')}/creds")
    assert why().happened == f"The container credential endpoint ({FULL_URI}) {fault}"


# --- logins --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_keys")
@pytest.mark.skipif(find_spec("awscrt") is not None, reason="the AWS CRT is installed")
def test_a_login_session_without_the_crt_names_the_command_that_installs_it(
    sts: ScriptedSTS, config: Path
) -> None:
    (config / "config").write_text("[profile work]\nlogin_session = arn:aws:iam::123456789012:user/myid\n")
    error = why(profile="work")
    assert (
        error.happened
        == "Profile work has a login_session, which needs the AWS CRT, and that is not installed."
    )
    assert '`pip install "botocore[crt]"`' in error.advice


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize(
    "content",
    ["", '{"accessToken": "TOPSECRET"', '{"accessToken": "TOPSECRET", "expiresAt": "2999-01-01T00:00:00"}'],
)
def test_a_file_of_an_sso_login_that_cannot_be_read(
    content: str, sts: ScriptedSTS, config: Path, sso_cache: Path
) -> None:
    (config / "config").write_text(SSO_SESSION)
    (sso_cache / f"{sha1(b'stsnb-test').hexdigest()}.json").write_text(content)
    error = why(profile="work")
    assert "SSO login" in error.happened
    assert "`aws sso login --profile work`" in error.advice
