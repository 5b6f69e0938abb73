"""ScriptedSTS: a real HTTP server that answers as STS does, or as a test says, and notes what it was asked."""

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
CHAINED = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
INVALID_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code."
#: The context provider of IAM Identity Center.
IDENTITY_CENTER = "arn:aws:iam::aws:contextProvider/IdentityCenter"
#: Marks every secret of this server, so that a test can look for it in whatever was written or shown.
SECRET_MARK = "TOPSECRET"


@dataclass
class MFADevice:
    """A user's device: what it shows is good once."""

    serial_number: str = "arn:aws:iam::123456789012:mfa/myid"
    code: str = "493817"
    used: set[str] = field(default_factory=set)

    def shows_next(self) -> str:
        """Let it show another code, and return that."""
        self.code = f"{(int(self.code) + 271_828) % 1_000_000:06d}"
        return self.code

    def takes(self, asked: dict[str, str]) -> bool:
        good = (asked.get("SerialNumber"), asked.get("TokenCode")) == (self.serial_number, self.code)
        if not good or self.code in self.used:
            return False
        self.used.add(self.code)
        return True


@dataclass
class ScriptedSTS:
    """What the server answers next, and what it was asked.

    With a `device` a role needs its code, or a session that was started with one. Of whom it gave keys itself it
    knows until when they are good, and whether they are a role's: a chained role gets an hour at most.
    """

    server: HTTPServer
    seconds: int = 3600
    packed_policy_size: int | None = None
    session_token_size: int | None = None
    session_token_utilization: int | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    #: The access key that signed each request; empty for none.
    callers: list[str] = field(default_factory=list)
    #: The region that each signature is for.
    regions: list[str] = field(default_factory=list)
    respond: Callable[[dict[str, str]], Response] | None = None
    device: MFADevice | None = None
    mfa_seconds: int | None = None

    def __post_init__(self) -> None:
        self._number = itertools.count(1)
        self._given: dict[str, tuple[str, datetime]] = {}
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
        return self.count("AssumeRole")

    def count(self, action: str) -> int:
        """How many calls of an operation came."""
        return sum(request["Action"] == action for request in self.requests)

    def fails(
        self, code: str, message: str = "", status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        """Answer all but GetCallerIdentity with an error as AWS writes it."""
        self.respond = lambda _: error(code, message, status, headers)

    def answers(self, body: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer AssumeRole with any body."""
        self.respond = lambda _: Response(body, status, headers, content_type="text/xml")

    def recovers(self) -> None:
        """Answer with credentials again."""
        self.respond = None

    def _handle(self, request: Request) -> Response:
        asked = dict(parse_qsl(request.get_data(as_text=True), keep_blank_values=True))
        _, _, signed = request.headers.get("Authorization", "").partition("Credential=")
        caller, _, region, *_ = [*signed.split("/"), "", ""]
        self.requests.append(asked)
        self.callers.append(caller)
        self.regions.append(region)
        kind, until = self._given.get(caller, ("", None))
        if until is not None and until <= datetime.now(timezone.utc):
            return error("ExpiredToken", "The security token included in the request is expired", 403)
        if asked["Action"] == "GetCallerIdentity":
            return Response(
                f'<GetCallerIdentityResponse xmlns="{XMLNS}"><GetCallerIdentityResult><Arn>{USER}</Arn>'
                "<UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
                "</GetCallerIdentityResponse>",
                content_type="text/xml",
            )
        if self.respond is not None:
            return self.respond(asked)
        return self.refusal(asked, kind) or self.credentials(asked)

    def refusal(self, asked: dict[str, str], caller: str) -> Response | None:
        """What AWS refuses; `caller` is the operation that gave its keys, empty for long-lived ones."""
        action = asked["Action"]
        if action == "GetSessionToken" and caller:
            return error("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
        if (
            action == "AssumeRole"
            and caller.startswith("AssumeRole")
            and int(asked.get("DurationSeconds", 0)) > 3600
        ):
            return error("ValidationError", CHAINED, 400)
        if self.device is None or action == "AssumeRoleWithWebIdentity" or caller == "GetSessionToken":
            return None
        if "TokenCode" in asked:
            return None if self.device.takes(asked) else error("AccessDenied", INVALID_CODE, 403)
        return (
            None if action != "AssumeRole" else error("AccessDenied", f"User: {USER} is not authorized", 403)
        )

    def credentials(self, asked: dict[str, str]) -> Response:
        """The answer that AWS gives: the n-th call's keys end in n."""
        n, action = next(self._number), asked["Action"]
        seconds = int(asked.get("DurationSeconds", self.seconds))
        if action == "GetSessionToken":
            seconds = seconds if self.mfa_seconds is None else self.mfa_seconds
        ends = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        self._given[f"ASIA{n:016d}"] = action, ends
        user = ""
        if action != "GetSessionToken":
            role = asked["RoleArn"].rpartition("/")[2]
            user = (
                f"<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:{asked['RoleSessionName']}</AssumedRoleId>"
                f"<Arn>arn:aws:sts::123456789012:assumed-role/{role}/{asked['RoleSessionName']}</Arn>"
                "</AssumedRoleUser>"
            )
            for name, size in (
                ("PackedPolicySize", self.packed_policy_size),
                ("SessionTokenSize", self.session_token_size),
                ("SessionTokenUtilization", self.session_token_utilization),
            ):
                if size is not None:
                    user += f"<{name}>{size}</{name}>"
        return Response(
            f'<{action}Response xmlns="{XMLNS}"><{action}Result>'
            f"<Credentials><AccessKeyId>ASIA{n:016d}</AccessKeyId>"
            f"<SecretAccessKey>role{SECRET_MARK}secret{n}</SecretAccessKey>"
            f"<SessionToken>role{SECRET_MARK}token{n}</SessionToken>"
            f"<Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>{user}"
            f"</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>",
            content_type="text/xml",
        )


def error(code: str, message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """An error as AWS writes it."""
    body = (
        f'<ErrorResponse xmlns="{XMLNS}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
    return Response(body, status, headers, content_type="text/xml")
