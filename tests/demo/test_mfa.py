"""MFA on the embedded AWS: a code is valid once, and starts a session."""

from __future__ import annotations

import boto3

from stsnb import demo
from stsnb.demo import EmbeddedAWS
from tests.demo.calls import assume, keys, refusal


class TestMFA:
    def start_session(self, code: str) -> boto3.Session:
        sts = boto3.Session().client("sts")
        answer = sts.get_session_token(SerialNumber=demo.MFA_SERIAL_NUMBER, TokenCode=code)["Credentials"]
        return boto3.Session(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    def test_a_role_that_requires_it_can_be_assumed_with_it_alone(self, aws: EmbeddedAWS) -> None:
        assert refusal(assume, demo.COSTS_ROLE_ARN) == "AccessDenied"
        with_code = {"SerialNumber": demo.MFA_SERIAL_NUMBER, "TokenCode": "111111"}
        assert keys(assume(demo.COSTS_ROLE_ARN, **with_code), demo.COSTS_BUCKET) == [demo.COSTS_KEY]
        session = self.start_session("222222")
        assert session.client("sts").get_caller_identity()["Arn"] == demo.USER_ARN
        assert keys(assume(demo.COSTS_ROLE_ARN, source=session), demo.COSTS_BUCKET) == [demo.COSTS_KEY]
        assert refusal(keys, session, demo.COSTS_BUCKET) == "AccessDenied"

    def test_a_code_is_valid_once_and_has_six_digits(self, aws: EmbeddedAWS) -> None:
        session = self.start_session("333333")
        for code in ("333333", "12345a"):
            assert refusal(self.start_session, code) == "AccessDenied"
        assert self.start_session("444444")
        assert refusal(session.client("sts").get_session_token) == "AccessDenied"
        own = session.get_credentials()
        assert own is not None
        forged = boto3.Session(own.access_key, own.secret_key, "not-the-token")
        assert refusal(assume, demo.ROLE_ARN, source=forged) == "InvalidClientTokenId"
