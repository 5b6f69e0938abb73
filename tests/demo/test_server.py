"""The embedded AWS reads trust policies as AWS does, whatever moto does by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stsnb import demo
from stsnb.demo import EmbeddedAWS
from tests.demo.calls import assume, refusal


class TestTrustPolicies:
    @pytest.fixture
    def role_that_trusts(self, aws: EmbeddedAWS) -> Iterator[Callable[..., str]]:
        iam = aws.client("iam")
        made: list[str] = []

        def make(*statements: dict[str, Any]) -> str:
            document = {"Version": "2012-10-17", "Statement": [statement("*") | each for each in statements]}
            name = f"test-{len(made)}"
            role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
            made.append(name)
            return str(role["Role"]["Arn"])

        def statement(principal: str) -> dict[str, Any]:
            return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}

        yield make
        for name in made:
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            iam.delete_role(RoleName=name)

    @pytest.mark.parametrize(
        "principal",
        [
            {"AWS": demo.USER_ARN},
            {"AWS": [f"{demo.USER_ARN}-2", demo.USER_ARN]},
            {"AWS": f"arn:aws:iam::{demo.ACCOUNT_ID}:root"},
            {"AWS": demo.ACCOUNT_ID},
            {"AWS": "*"},
            "*",
        ],
    )
    def test_the_user_is_named_in_any_of_the_ways_that_aws_knows(
        self, role_that_trusts: Callable[..., str], principal: object
    ) -> None:
        assert assume(role_that_trusts({"Principal": principal}))

    @pytest.mark.parametrize(
        "principal",
        [{"AWS": f"{demo.USER_ARN}-2"}, {"AWS": "210987654321"}, {"Service": "s3.amazonaws.com"}],
    )
    def test_a_caller_that_is_not_named_is_refused(
        self, role_that_trusts: Callable[..., str], principal: object
    ) -> None:
        assert refusal(assume, role_that_trusts({"Principal": principal})) == "AccessDenied"

    def test_one_statement_that_denies_outweighs_those_that_allow(
        self, role_that_trusts: Callable[..., str]
    ) -> None:
        role = role_that_trusts({}, {"Effect": "Deny", "Principal": {"AWS": demo.USER_ARN}})

        assert refusal(assume, role) == "AccessDenied"

    def test_an_external_id_must_be_given_and_right(self, role_that_trusts: Callable[..., str]) -> None:
        role = role_that_trusts({"Condition": {"StringEquals": {"sts:ExternalId": "warehouse-7"}}})

        assert assume(role, ExternalId="warehouse-7")
        assert refusal(assume, role, ExternalId="warehouse-8") == "AccessDenied"
        assert refusal(assume, role) == "AccessDenied"

    def test_a_role_may_be_trusted_by_another_role(
        self, aws: EmbeddedAWS, role_that_trusts: Callable[..., str]
    ) -> None:
        first = role_that_trusts({"Principal": {"AWS": demo.USER_ARN}})
        second = role_that_trusts({"Principal": {"AWS": first}})
        may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": second}
        aws.client("iam").put_role_policy(
            RoleName=first.rpartition("/")[2],
            PolicyName="chain",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
        )

        assert assume(second, source=assume(first))
        assert refusal(assume, second) == "AccessDenied"
        assert refusal(assume, second, source=assume(demo.ROLE_ARN)) == "AccessDenied"
