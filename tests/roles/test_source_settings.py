"""What a source's profile says about servers becomes variables, and a file only where these would not do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stsnb.roles.source_settings import SourceSettings, settings_of
from stsnb.sources.isolated_session import IsolatedSession

WORK = "[profile work]\naws_access_key_id = AKIA\naws_secret_access_key = x\nsource_profile = y\n"


def found(
    config: Path, text: str, region: str | None = None, environ: dict[str, str] | None = None
) -> SourceSettings:
    (config / "config").write_text(text)
    users = {**os.environ, **(environ or {})}
    return settings_of(IsolatedSession(lambda: users, "work", explicit=True), users, region)


def test_what_a_variable_can_say_is_a_variable(config: Path) -> None:
    settings = found(config, f"{WORK}region = eu-west-1\nuse_fips_endpoint = true\nendpoint_url = http://a\n")
    assert settings.variables == {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_ENDPOINT_URL": "http://a",
    }
    assert not settings.needs_file


def test_nothing_of_the_identity_is_among_them(config: Path) -> None:
    settings = found(config, f"{WORK}region = eu-west-1\nsso_session = s\n")
    assert settings.profile == {"region": "eu-west-1"}
    assert settings.name == "work"


def test_the_users_environment_goes_before_the_profile(config: Path) -> None:
    settings = found(config, f"{WORK}use_fips_endpoint = true\n", environ={"AWS_USE_FIPS_ENDPOINT": "false"})
    assert "AWS_USE_FIPS_ENDPOINT" not in settings.variables


def test_a_region_that_is_requested_goes_before_all(config: Path) -> None:
    settings = found(config, f"{WORK}region = eu-west-1\n", "sa-east-1", {"AWS_REGION": "us-east-1"})
    assert settings.variables == {"AWS_DEFAULT_REGION": "sa-east-1", "AWS_REGION": "sa-east-1"}


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        (f"{WORK}s3 =\n  addressing_style = path\n", True),
        (f"[default]\nendpoint_url = http://minio\n{WORK}", True),
        (f"[default]\nregion = us-east-1\n{WORK}", True),
        (f"[default]\nregion = us-east-1\n{WORK}region = us-east-1\n", False),
        (f"[default]\noutput = json\n{WORK}", False),
        (f"{WORK}cli_pager =\n", False),
        (f"[default]\nservices = a\n{WORK}services = b\n[services a]\ns3 =\n  endpoint_url = http://x\n[services b]\ns3 =\n  endpoint_url = http://x\n", False),
    ],
)  # fmt: skip
def test_a_file_is_needed_where_the_variables_would_not_do(config: Path, text: str, needs: bool) -> None:
    assert found(config, text).needs_file is needs
