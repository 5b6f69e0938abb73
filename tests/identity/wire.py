"""Wire: answers botocore's requests in this process, whatever their host, and notes what each says and where it goes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/"


@dataclass(frozen=True)
class Request:
    """What a server and a proxy see of a request.

    Parameters
    ----------
    url : str
        Where it goes.
    caller : str
        The access key that signed it, or ``call N`` for keys that the N-th request was answered with.
    token : bool
        Whether a session token is with it.
    region : str
        The region of its signature.
    parameters : dict
        What it asks for; a generated session name is ``invented``.
    attempts : str
        Which attempt it is, of how many.
    agent : tuple
        The parts of the user agent that settings change: retry mode, application.
    proxies, verify : object
        The proxies that it may go through, and the CA that it trusts.
    """

    url: str
    caller: str
    token: bool
    region: str
    parameters: dict[str, str]
    attempts: str
    agent: tuple[str, ...]
    proxies: object
    verify: object


class Wire:
    """What is sent while it is in place."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    @contextmanager
    def noting(self) -> Iterator[list[Request]]:
        """Note the requests in a ``with``, numbered from 1."""
        self.requests = []
        wire = self

        def send(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
            return wire._send(session, request)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(URLLib3Session, "send", send)
            yield self.requests

    def _send(self, session: Any, request: AWSPreparedRequest) -> AWSResponse:
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body = _text(request.body or b"")
        parameters = dict(parse_qsl(body)) if not body.startswith("{") else json.loads(body)
        parameters.pop("Version", None)
        name = parameters.get("RoleSessionName", "")
        if re.fullmatch(r"botocore-session-\d+|\d+|.*jupyter", name):
            parameters["RoleSessionName"] = "invented"
        key, _, region, *_ = [
            *headers.get("authorization", "").partition("Credential=")[2].split("/"),
            "",
            "",
        ]
        self.requests.append(
            Request(
                url=request.url,
                caller=f"call {int(key[4:])}" if key.startswith("ASIA0") else key,
                token="x-amz-security-token" in headers,
                region=region,
                parameters=parameters,
                attempts=re.sub(r"ttl=\w+; ", "", headers.get("amz-sdk-request", "")),
                agent=tuple(re.findall(r"(?:cfg/retry-mode#|app/)\S+", headers.get("user-agent", ""))),
                proxies=vars(session._proxy_config)["_proxies"],
                verify=session._verify,
            )
        )
        return self._answer(request, parameters)

    def _answer(self, request: AWSPreparedRequest, parameters: dict[str, str]) -> AWSResponse:
        n, path = len(self.requests), urlsplit(request.url).path
        ends = datetime.now(timezone.utc) + timedelta(hours=1)
        if path.endswith("/federation/credentials"):
            keys = {"accessKeyId": "ASIASSO", "secretAccessKey": "x", "sessionToken": "token"}
            given = {"roleCredentials": {**keys, "expiration": int(ends.timestamp() * 1000)}}
            return _response(request, json.dumps(given))
        if path.endswith("/container"):
            keys = {"AccessKeyId": "ASIACONTAINER", "SecretAccessKey": "x", "Token": "token"}
            return _response(request, json.dumps({**keys, "Expiration": ends.isoformat()}))
        action, role = parameters["Action"], parameters["RoleArn"].rpartition("/")[2]
        return _response(
            request,
            f'<{action}Response xmlns="{XMLNS}"><{action}Result><Credentials><AccessKeyId>ASIA{n:016d}</AccessKeyId>'
            f"<SecretAccessKey>secret of call {n}</SecretAccessKey><SessionToken>token of call {n}</SessionToken>"
            f"<Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>A:s"
            f"</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/{role}/s</Arn></AssumedRoleUser>"
            f"</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>",
        )


def differences(one: list[Request], other: list[Request]) -> list[dict[str, tuple[object, object]]]:
    """Return for each request what is not the same, for a test's message."""
    return [
        {name: (asdict(a)[name], asdict(b)[name]) for name in asdict(a) if asdict(a)[name] != asdict(b)[name]}
        for a, b in zip(one, other, strict=False)
    ]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _response(request: AWSPreparedRequest, body: str) -> AWSResponse:
    class Raw:
        def stream(self) -> Iterator[bytes]:
            yield body.encode()

    return AWSResponse(request.url, 200, {}, Raw())
