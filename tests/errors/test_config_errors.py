"""Configuration files and values that are wrong: which file, which profile, which key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.errors.why import (
    KEYS,
    SSO_SESSION,
    why,
)
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS


def test_a_profile_that_is_not_there(sts: ScriptedSTS) -> None:
    error = why(profile="missing")
    assert error.happened == "There is no profile 'missing'."
    assert "aws configure list-profiles" in error.advice


def test_a_profile_of_the_environment_that_is_not_there(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "missing")
    assert why().happened == "There is no profile 'missing'."


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_of_the_environment_that_is_empty(
    variable: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "")
    error = why()
    assert error.happened == f"{variable} is empty."
    assert f"del os.environ['{variable}']" in error.advice


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_file_that_cannot_be_parsed_is_named(name: str, sts: ScriptedSTS, config: Path) -> None:
    (config / name).write_text(f"aws_secret_access_key is {SECRET_MARK}\n")
    error = why()
    assert error.happened == f"The file {config / name} has no section before line 1."
    assert "[profile NAME]" in error.advice


@pytest.mark.parametrize(
    ("profiles", "names"),
    [
        (f"role_arn = {ROLE}\nsource_profile = hop\n[profile hop]\nrole_arn = {ROLE}\nsource_profile = work\n", ["loop", "hop"]),
        (f"role_arn = {ROLE}\nsource_profile = missing\n", ["missing"]),
        (f"role_arn = {ROLE}\nsource_profile = hop\n[profile hop]\nregion = eu-west-1\n", ["hop"]),
        (f"role_arn = {ROLE}\ncredential_source = Nonsense\n", ["Nonsense"]),
        (f"role_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n", ["Ec2InstanceMetadata"]),
        (f"role_arn = {ROLE}\n", ["work"]),
        (f"role_arn = {ROLE}\nsource_profile = hop\ncredential_source = Environment\n[profile hop]\n{KEYS}", ["work"]),
    ],
    ids=["loop", "missing source", "source without keys", "unknown source", "no instance", "no source", "two sources"],
)  # fmt: skip
def test_a_profile_whose_role_has_no_source(
    profiles: str, names: list[str], sts: ScriptedSTS, config: Path
) -> None:
    (config / "config").write_text(f"[profile work]\n{profiles}")
    error = why(profile="work")
    assert "work" in str(error)
    for name in names:
        assert name in str(error)
    assert sts.requests == []


def test_an_sso_profile_whose_session_is_not_there(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text(SSO_SESSION.partition("[sso-session")[0])
    error = why(profile="work")
    assert "profile work" in error.happened
    assert "stsnb-test" in error.happened
    assert "~/.aws/config" in error.advice


# --- files ----------------------------------------------------------------------------------------------------

FILES = {
    "two sections": (
        b"[default]\nregion = x\n[default]\nregion = y\n",
        "has two sections [default] (line 3)",
    ),
    "a name twice": (
        b"[default]\nregion = x\nregion = y\n",
        "has region twice in section [default] (line 3)",
    ),
    "a byte order mark": (b"\xef\xbb\xbf[default]\nregion = x\n", "begins with a byte order mark (BOM)"),
    "UTF-16": ("[default]\nregion = x\n".encode("utf-16"), "is encoded in UTF-16"),
    "UTF-16 without a mark": ("[default]\nregion = x\n".encode("utf-16-le"), "is encoded in UTF-16"),
    "UTF-16, big end first": ("[default]\nregion = x\n".encode("utf-16-be"), "is encoded in UTF-16"),
    "Latin-1": (b"[default]\n# \xe9\nregion = x\n", "is not UTF-8 text"),
    "no section": (
        f"# keys\naws_secret_access_key = {SECRET_MARK}\n".encode(),
        "has no section before line 2",
    ),
    "no value": (
        f"[default]\n{SECRET_MARK}\n".encode(),
        "can't be parsed: line 2 is neither a [section] nor name = value",
    ),
    "an open bracket": (
        b"[default]\n[profile work\n",
        "can't be parsed: line 2 is neither a [section] nor name = value",
    ),
    "no value below a name": (
        f"[default]\ns3 =\n  {SECRET_MARK}\n".encode(),
        "can't be parsed: an indented line is not name = value",
    ),
}


@pytest.mark.parametrize("name", ["config", "credentials"])
@pytest.mark.parametrize(("content", "fault"), FILES.values(), ids=FILES)
def test_a_file_that_botocore_cannot_parse(
    content: bytes, fault: str, name: str, sts: ScriptedSTS, config: Path
) -> None:
    (config / name).write_bytes(content)
    assert why().happened == f"The file {config / name} {fault}."
    assert sts.requests == []


SECTION = "There is no profile prod: ~/.aws/config has a section [prod], but no [profile prod]."


@pytest.mark.parametrize(
    "ask",
    [
        {"profile": "prod"},
        {"role": "prod"},
        {"role": "other"},
        {"AWS_PROFILE": "prod"},
        {"boto3": "prod"},
    ],
    ids=str,
)
def test_a_section_that_is_not_called_a_profile(
    ask: dict[str, str], sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config / "config").write_text(
        f"[prod]\nrole_arn = {ROLE}\n[profile other]\nrole_arn = {ROLE}\nsource_profile = prod\n"
    )
    if "AWS_PROFILE" in ask:
        monkeypatch.setenv("AWS_PROFILE", ask.pop("AWS_PROFILE"))
    if "boto3" in ask:
        ask = {"profile": ask["boto3"]}
    error = why(**ask)
    assert error.happened == SECTION
    assert error.advice == "Rename the section to [profile prod]."


# --- values ---------------------------------------------------------------------------------------------------

VARIABLES = [
    ("AWS_MAX_ATTEMPTS", "", "AWS_MAX_ATTEMPTS is empty.", "a whole number"),
    ("AWS_MAX_ATTEMPTS", "many", "Invalid AWS_MAX_ATTEMPTS: 'many'.", "a whole number"),
    ("AWS_MAX_ATTEMPTS", "0", "Invalid AWS_MAX_ATTEMPTS: '0'.", "1 or more"),
    ("AWS_METADATA_SERVICE_TIMEOUT", "", "AWS_METADATA_SERVICE_TIMEOUT is empty.", "a whole number"),
    ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "x", "Invalid AWS_METADATA_SERVICE_NUM_ATTEMPTS: 'x'.", "a whole number"),
    ("AWS_RETRY_MODE", "nonsense", "Invalid AWS_RETRY_MODE: 'nonsense'.", "legacy, standard or adaptive"),
    ("AWS_DEFAULTS_MODE", "nonsense", "Invalid AWS_DEFAULTS_MODE: 'nonsense'.", "in-region"),
    ("AWS_STS_REGIONAL_ENDPOINTS", "x", "Invalid AWS_STS_REGIONAL_ENDPOINTS: 'x'.", "regional or legacy"),
    ("AWS_REQUEST_CHECKSUM_CALCULATION", "x", "Invalid AWS_REQUEST_CHECKSUM_CALCULATION: 'x'.", "when_required"),
    ("AWS_RESPONSE_CHECKSUM_VALIDATION", "x", "Invalid AWS_RESPONSE_CHECKSUM_VALIDATION: 'x'.", "when_required"),
    ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "x", "Invalid AWS_ACCOUNT_ID_ENDPOINT_MODE: 'x'.", "or unset it"),
    ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "x", "Invalid AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES: 'x'.", "or unset it"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "fault", "remedy"), VARIABLES, ids=[f"{row[0]}={row[1]}" for row in VARIABLES]
)
def test_a_variable_that_botocore_cannot_use_is_named(
    variable: str, value: str, fault: str, remedy: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    error = why()
    assert error.happened == fault
    assert remedy in error.advice
    assert sts.requests == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("max_attempts = many", "Invalid max_attempts of profile work: 'many'."),
        ("max_attempts =", "The max_attempts of profile work is empty."),
        ("retry_mode = nonsense", "Invalid retry_mode of profile work: 'nonsense'."),
        ("defaults_mode = nonsense", "Invalid defaults_mode of profile work: 'nonsense'."),
        ("s3 =\n  addressing_style = x", "Invalid addressing_style (s3) of profile work: 'x'."),
        ("request_checksum_calculation = x", "Invalid request_checksum_calculation of profile work: 'x'."),
    ],
)
def test_a_key_of_a_profile_that_botocore_cannot_use_is_named(
    line: str, fault: str, sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    (config / "config").write_text(f"[profile work]\n{line}\n")
    (config / "credentials").write_text(f"[work]\n{KEYS}")
    assert why(profile="work").happened == fault


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "x", "Invalid AWS_EC2_METADATA_SERVICE_ENDPOINT: 'x'."),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "x", "Invalid AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'x'."),
    ],
)  # fmt: skip
def test_a_variable_of_the_instances_metadata_is_named(
    variable: str, value: str, fault: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv(variable, value)
    assert why().happened == fault


@pytest.mark.parametrize("named_by", ["AWS_CA_BUNDLE", "ca_bundle of profile work"])
def test_a_file_of_certificates_that_is_not_there_is_named(
    named_by: str, sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint_url.replace("http:", "https:"))
    (config / "config").write_text("[profile work]\nca_bundle = /stsnb/ca.pem\n")
    (config / "credentials").write_text(f"[work]\n{KEYS}")
    if named_by == "AWS_CA_BUNDLE":
        monkeypatch.setenv("AWS_CA_BUNDLE", "/stsnb/ca.pem")
    error = why(profile=None if named_by == "AWS_CA_BUNDLE" else "work")
    assert "/stsnb/ca.pem" in error.happened
    assert named_by in error.happened


def test_a_file_of_certificates_without_any_is_named(
    sts: ScriptedSTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint_url.replace("http:", "https:"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    assert why().happened == f"AWS_CA_BUNDLE is {bundle}, which contains no certificate."
