"""Portal: a scripted portal of IAM Identity Center, and the cache where `aws sso login` leaves its token."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler

from tests.scripted_sts import SECRET_MARK, ScriptedSTS

#: The keys of a profile that signs in there, in both ways of writing it.
PORTAL = {
    "session": "sso_session = ours\nsso_account_id = 123456789012\nsso_role_name = Analyst\n"
    "[sso-session ours]\nsso_region = eu-west-1\nsso_start_url = https://ours.awsapps.com/start\n",
    "legacy": "sso_start_url = https://ours.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = Analyst\n",
}
#: The access key that it gives.
ACCESS_KEY = "ASIASSO"


class Portal:
    """The portal, at the server of a ScriptedSTS.

    Parameters
    ----------
    sts : ScriptedSTS
        Whose server it shares; AWS_ENDPOINT_URL_SSO names it.
    folder : Path
        The cache of tokens.
    monkeypatch : pytest.MonkeyPatch
        Undone at the test's end.
    """

    def __init__(self, sts: ScriptedSTS, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, str]] = []
        self._folder = folder
        for provider in (SSOProvider, SSOTokenProvider):
            # The home folder's, which botocore reads when it is imported.
            monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(folder))
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", sts.endpoint_url)
        make = WSGIRequestHandler.make_environ

        def make_environ(handler: WSGIRequestHandler) -> dict[str, Any]:
            # werkzeug leaves headers with an underscore out.
            return {**make(handler), "sso_token": handler.headers.get("x-amz-sso_bearer_token")}

        monkeypatch.setattr(WSGIRequestHandler, "make_environ", make_environ)
        sts.server.expect_request("/federation/credentials").respond_with_handler(self._answer)

    def log_in(self, *, hours: float = 8, token: str = f"sso{SECRET_MARK}") -> None:
        """Write a token into the cache, as `aws sso login` does."""
        write_token(self._folder, hours=hours, token=token)

    def _answer(self, request: Request) -> Response:
        self.asked.append(dict(request.args))
        if request.environ["sso_token"] != f"sso{SECRET_MARK}":
            headers = {"x-amzn-errortype": "UnauthorizedException"}
            return Response('{"message": "Session token not found or invalid"}', 401, headers)
        ends = datetime.now(timezone.utc) + timedelta(hours=1)
        keys = {"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_MARK, "sessionToken": SECRET_MARK}
        return Response(json.dumps({"roleCredentials": {**keys, "expiration": int(ends.timestamp() * 1000)}}))


def write_token(folder: Path, *, hours: float = 8, token: str = f"sso{SECRET_MARK}") -> None:
    """Write the token of a login into a cache, as `aws sso login` does."""
    ends = datetime.now(timezone.utc) + timedelta(hours=hours)
    content = {"accessToken": token, "expiresAt": f"{ends:%Y-%m-%dT%H:%M:%SZ}", "region": "eu-west-1"}
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("ours", "https://ours.awsapps.com/start"):
        (folder / f"{sha1(name.encode()).hexdigest()}.json").write_text(json.dumps(content))
