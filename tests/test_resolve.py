"""Arguments, an alias, a profile and the configuration make one request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import stsnb
from stsnb.config import settings
from stsnb.resolve import ResolvedRequest, resolve
from stsnb.sources.profile_errors import ProfileError
from stsnb.sts.request import InvalidRequestError
from tests.scripted_sts import ROLE, ScriptedSTS

OTHER = "arn:aws:iam::123456789012:role/other"
TOKEN_FILE = {"web_identity_token_file": "token"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment that names files of its own, and not those of this process."""
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }


@pytest.fixture
def hop(environ: dict[str, str]) -> dict[str, str]:
    """The environment, with a profile ``hop`` that names a role."""
    Path(environ["AWS_CONFIG_FILE"]).write_text(
        f"[profile hop]\nrole_arn = {ROLE}\nsource_profile = base\nrole_session_name = of-hop\n"
        "external_id = of-hop\nduration_seconds = 1800\nregion = eu-west-3\n"
        "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n"
    )
    return environ


def configure(**settings_: Any) -> None:
    settings.put(settings.Settings(**settings_))


def faults(role: str, given: dict[str, Any], environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as refused:
        resolve(role, given, environ)
    return {name: str(fault) for name, fault in refused.value.faults}


def test_an_arn_alone_is_a_request_with_the_defaults(environ: dict[str, str]) -> None:
    resolved = resolve(ROLE, {"session_name": "me"}, environ)
    assert resolved == ResolvedRequest(
        resolved.request, profile=None, role_profile=None, chain=None, region=None, refresh=True, live=False
    )
    parameters = resolved.request.parameters()
    assert (parameters["RoleArn"], parameters["RoleSessionName"]) == (ROLE, "me")
    assert set(parameters) == {"RoleArn", "RoleSessionName"}


def test_given_parameters_override_an_alias_a_profile_and_the_configuration(hop: dict[str, str]) -> None:
    general = {"session_name": "of-general", "duration_seconds": 900, "region": "us-east-1"}
    alias = {"role_arn": "hop", "session_name": "of-alias", "external_id": "of-alias"}

    def session_duration_id(role: str, **given: Any) -> tuple[str, int | None, str | None]:
        request = resolve(role, given, hop).request
        return request.session_name, request.duration_seconds, request.external_id

    configure(general=general, roles={"s3": alias})
    assert session_duration_id(OTHER) == ("of-general", 900, None)
    assert session_duration_id("hop") == ("of-hop", 1800, "of-hop")
    assert session_duration_id("s3") == ("of-alias", 1800, "of-alias")
    assert session_duration_id("s3", session_name="given", duration_seconds=3600) == (
        "given",
        3600,
        "of-alias",
    )


def test_a_parameter_that_is_none_was_not_given(environ: dict[str, str]) -> None:
    configure(general={"session_name": "of-general"})
    assert resolve(ROLE, {"session_name": None, "tags": None}, environ).request.session_name == "of-general"


def test_refresh_and_live_are_not_parameters_of_the_request(environ: dict[str, str]) -> None:
    resolved = resolve(ROLE, {"refresh": False, "live": True}, environ)
    assert (resolved.refresh, resolved.live) == (False, True)


def test_the_files_are_those_of_the_given_environment(hop: dict[str, str]) -> None:
    assert resolve("hop", {}, hop).request.role_arn.name == "role-for-s3-fileserver"
    with pytest.raises(ProfileError):
        resolve("hop", {}, {"AWS_CONFIG_FILE": f"{hop['AWS_CONFIG_FILE']}-2"})


def test_a_profile_names_the_role_and_its_source_uses_its_region(hop: dict[str, str]) -> None:
    configure(general={"region": "us-east-1"})
    resolved = resolve("hop", {}, hop)
    assert (resolved.role_profile, resolved.profile, resolved.region) == ("hop", None, None)
    assert resolve("hop", {"region": "eu-west-1"}, hop).region == "eu-west-1"
    assert resolve("hop", {"chain": True}, hop).region == "eu-west-3"  # its source is not used


def test_a_web_identity_takes_no_parameter_of_a_profile_that_sts_refuses_with_it(hop: dict[str, str]) -> None:
    resolved = resolve("hop", TOKEN_FILE, hop)
    assert (resolved.request.external_id, resolved.request.duration_seconds) == (None, 1800)


@pytest.mark.parametrize("given", [{"profile": "base"}, {"chain": True}, TOKEN_FILE])
def test_given_source_credentials_replace_all_of_an_alias(hop: dict[str, str], given: dict[str, Any]) -> None:
    for of_alias in ({"profile": "work"}, {"chain": True}, TOKEN_FILE):
        configure(roles={"s3": {"role_arn": ROLE, **of_alias}})
        resolved = resolve("s3", given, hop)
        found = resolved.profile, resolved.chain, resolved.request.web_identity_token_file is not None
        assert found == (given.get("profile"), given.get("chain"), given is TOKEN_FILE)


def test_a_configured_duration_is_shortened_to_what_a_chained_role_can_have(environ: dict[str, str]) -> None:
    configure(general={"duration_seconds": 7200})
    assert resolve(ROLE, {}, environ).request.duration_seconds == 7200
    assert resolve(ROLE, {"chain": True}, environ).request.duration_seconds == 3600
    given = resolve(ROLE, {"chain": True, "duration_seconds": 7200}, environ)
    assert given.request.duration_seconds == 7200  # and STS's limit is an error


def test_a_fault_that_comes_from_a_profile_names_its_key(hop: dict[str, str]) -> None:
    config = Path(hop["AWS_CONFIG_FILE"])
    config.write_text(
        config.read_text().replace("1800", "60").replace("external_id = of-hop", "external_id = x")
    )
    found = faults("hop", {"session_name": "!"}, hop)
    assert set(found) == {"duration_seconds", "external_id", "session_name"}
    assert "duration_seconds of profile hop" in found["duration_seconds"]
    assert "external_id of profile hop" in found["external_id"]
    assert "of profile" not in found["session_name"]
    assert "of profile" not in faults("hop", {"duration_seconds": 60}, hop)["duration_seconds"]


@pytest.mark.parametrize("given", [{"profile": "base"}, TOKEN_FILE])
def test_two_source_credentials_are_a_fault(hop: dict[str, str], given: dict[str, Any]) -> None:
    assert next(iter(given)) in faults(ROLE, {"chain": True, **given}, hop)["chain"]


def test_chain_is_a_role_or_true(sts: ScriptedSTS, environ: dict[str, str]) -> None:
    role = stsnb.assume_role(ROLE, inject=False)
    assert resolve(OTHER, {"chain": role}, environ).chain is role
    assert "'yes'" in faults(OTHER, {"chain": "yes"}, environ)["chain"]


@pytest.mark.parametrize("role", [None, 5, "", "arn:", ["x"], b"x", {}])
def test_what_is_no_role_is_a_fault(environ: dict[str, str], role: Any) -> None:
    with pytest.raises((InvalidRequestError, ProfileError)):
        resolve(role, {}, environ)
