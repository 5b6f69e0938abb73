"""ScriptedSTS: a real HTTP server that answers AssumeRole as a test says, and counts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

ROLE = "arn:aws:iam::123456789012:role/role-for-s3-fileserver"
XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/"
USER = "arn:aws:iam::123456789012:user/myid"
#: Marks every secret of this server, so that a test can look for it in whatever was written or shown.
SECRET_MARK = "TOPSECRET"


@dataclass
class ScriptedSTS:
    """What the server answers next, and what it was asked."""

    server: HTTPServer
    seconds: int = 3600
    packed_policy_size: int | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    respond: Callable[[dict[str, str]], Response] | None = None

    def __post_init__(self) -> None:
        self._number = itertools.count(1)
        self.server.expect_request("/", method="POST").respond_with_handler(self._handle)

    @property
    def endpoint_url(self) -> str:
        return self.server.url_for("").rstrip("/")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": f"source{SECRET_MARK}secret",
            "AWS_DEFAULT_REGION": "ap-northeast-2",
            "AWS_ENDPOINT_URL_STS": self.endpoint_url,
            "AWS_MAX_ATTEMPTS": "1",
        }

    @property
    def calls(self) -> int:
        """How many AssumeRole calls came."""
        return sum(request["Action"] == "AssumeRole" for request in self.requests)

    def fails(
        self, code: str, message: str = "", status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        """Answer AssumeRole with an error as AWS writes it."""
        body = (
            f'<ErrorResponse xmlns="{XMLNS}"><Error><Type>Sender</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        )
        self.answers(body, status, headers)

    def answers(self, body: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer AssumeRole with any body."""
        self.respond = lambda _: Response(body, status, headers, content_type="text/xml")

    def recovers(self) -> None:
        """Answer with credentials again."""
        self.respond = None

    def _handle(self, request: Request) -> Response:
        asked = dict(parse_qsl(request.get_data(as_text=True), keep_blank_values=True))
        self.requests.append(asked)
        if asked["Action"] == "GetCallerIdentity":
            return Response(
                f'<GetCallerIdentityResponse xmlns="{XMLNS}"><GetCallerIdentityResult><Arn>{USER}</Arn>'
                "<UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
                "</GetCallerIdentityResponse>",
                content_type="text/xml",
            )
        return (self.respond or self.credentials)(asked)

    def credentials(self, asked: dict[str, str]) -> Response:
        """The answer that AWS gives: the n-th call's keys end in n."""
        n = next(self._number)
        role = asked["RoleArn"].rpartition("/")[2]
        packed = (
            ""
            if self.packed_policy_size is None
            else f"<PackedPolicySize>{self.packed_policy_size}</PackedPolicySize>"
        )
        ends = datetime.now(timezone.utc) + timedelta(seconds=int(asked.get("DurationSeconds", self.seconds)))
        return Response(
            f'<AssumeRoleResponse xmlns="{XMLNS}"><AssumeRoleResult>'
            f"<Credentials><AccessKeyId>ASIA{n:016d}</AccessKeyId>"
            f"<SecretAccessKey>role{SECRET_MARK}secret{n}</SecretAccessKey>"
            f"<SessionToken>role{SECRET_MARK}token{n}</SessionToken>"
            f"<Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
            f"<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:{asked['RoleSessionName']}</AssumedRoleId>"
            f"<Arn>arn:aws:sts::123456789012:assumed-role/{role}/{asked['RoleSessionName']}</Arn></AssumedRoleUser>"
            f"{packed}</AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>",
            content_type="text/xml",
        )
