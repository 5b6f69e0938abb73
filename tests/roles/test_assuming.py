"""A role is made while STS answers, and a chain begins with the right role."""

from __future__ import annotations

import pytest

import stsnb
from stsnb.roles.assuming import chain_start
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError
from tests.scripted_sts import ROLE, ScriptedSTS

OTHER = f"{ROLE}-other"


def test_a_chain_begins_with_the_active_role_or_the_one_that_is_given(sts: ScriptedSTS) -> None:
    first, second = stsnb.assume_role(ROLE), stsnb.assume_role(OTHER, inject=False)
    request = AssumeRoleRequest.of(f"{ROLE}-third")
    assert chain_start(True, first, request) is first
    assert chain_start(second, first, request) is second


def test_a_chain_that_is_assumed_again_begins_where_it_began(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE)
    second = stsnb.assume_role(OTHER, chain=True)
    assert chain_start(True, second, AssumeRoleRequest.of(OTHER)) is first
    assert chain_start(True, second, AssumeRoleRequest.of(ROLE)) is second


def test_a_chain_needs_a_role() -> None:
    with pytest.raises(InvalidRequestError, match="No role is active to chain from"):
        chain_start(True, None, AssumeRoleRequest.of(ROLE))


def test_the_session_of_a_role_has_the_sources_settings(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE, region="eu-west-3", inject=False)
    assert role.session.region_name == "eu-west-3"
    assert role.client("sts").meta.endpoint_url == sts.endpoint_url
    assert role.settings.variables == {"AWS_DEFAULT_REGION": "eu-west-3", "AWS_REGION": "eu-west-3"}
