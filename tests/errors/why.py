"""What the tests of error messages share: why a role could not be assumed, and servers and profiles that fail."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from werkzeug import Request, Response

import stsnb
import stsnb.sources.source
from stsnb import AssumeRoleError
from tests.scripted_sts import ROLE, SECRET_MARK, XMLNS, ScriptedSTS

OVER_MAXIMUM = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
DEVICE = "arn:aws:iam::123456789012:mfa/myid"
KEYS = f"aws_access_key_id = AKIAPROFILE\naws_secret_access_key = profile{SECRET_MARK}secret\n"


@contextmanager
def unchanged() -> Iterator[None]:
    """The environment, the default session and the active role are what they were, to the last variable."""
    environment, session, role = dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()
    yield
    assert dict(os.environ) == environment
    assert boto3.DEFAULT_SESSION is session
    assert stsnb.current_role() is role


def why(
    role: str = ROLE, ask: Callable[..., object] = stsnb.assume_role, **parameters: Any
) -> AssumeRoleError:
    """The error of a call that fails; it shows no secret, and nothing has changed."""
    with unchanged(), pytest.raises(AssumeRoleError) as raised:
        ask(role, "RoleSession1", **parameters)
    error = raised.value
    shown = [str(error), repr(error), *error._render_traceback_(), *traceback.format_exception(error)]
    assert SECRET_MARK not in "\n".join(shown)
    assert str(error).startswith(f"{error.happened} {error.advice}".replace(" \n", "\n"))
    assert (error.said is None) == ("The answer was" not in str(error))
    for sentence in (error.happened, *error.advice.strip().removeprefix("- ").split("\n- ")):
        assert sentence.endswith((".", "`.")), sentence
        assert sentence[0].isupper() or sentence[0] in "`'" or sentence.startswith("role-for-"), sentence
        assert "None" not in sentence
        assert "  " not in sentence
    return error


def address(sts: ScriptedSTS) -> str:
    return f"STS at {sts.endpoint_url} (from AWS_ENDPOINT_URL_STS)"


def unused_url(scheme: str = "http") -> str:
    """The URL of a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"{scheme}://127.0.0.1:{server.getsockname()[1]}"


def pasted(error: AssumeRoleError) -> dict[str, Any]:
    """The statement that a user would copy out of the text."""
    found = re.search(r"^\{$.*^\}$", str(error), re.DOTALL | re.MULTILINE)
    assert found is not None, str(error)
    statement = json.loads(found[0])
    assert statement == error.statement
    assert isinstance(statement, dict)
    return statement


@contextmanager
def nameless(sts: ScriptedSTS) -> Iterator[None]:
    """STS does not name the caller."""
    sts.server.clear_all_handlers()

    def handle(request: Request) -> Response:
        if "GetCallerIdentity" in request.get_data(as_text=True):
            return Response("<Error><Code>MethodNotAllowed</Code></Error>", 405, content_type="text/xml")
        return sts._handle(request)

    sts.server.expect_request("/", method="POST").respond_with_handler(handle)
    yield


def process(program: str) -> str:
    """A profile whose credentials a program prints."""
    return f'[profile work]\ncredential_process = "{sys.executable}" -c "{program}"\n'


def told(**credentials: str) -> str:
    return (
        f"print({{'Version': 1, **{credentials!r}}})".replace("print(", "import json; print(json.dumps(")
        + ")"
    )


HALF = (
    f'<AssumeRoleResponse xmlns="{XMLNS}"><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>'
    f"<SecretAccessKey>{SECRET_MARK}</SecretAccessKey>"
)
END = "</Credentials></AssumeRoleResult></AssumeRoleResponse>"


SSO_SESSION = (
    "[profile work]\nsso_session = stsnb-test\nsso_account_id = 123456789012\nsso_role_name = Analyst\n"
    "[sso-session stsnb-test]\nsso_region = eu-west-1\nsso_start_url = https://stsnb.awsapps.com/start\n"
    "sso_registration_scopes = sso:account:access\n"
)
SSO_OF_OLD = (
    "[profile work]\nsso_start_url = https://stsnb.awsapps.com/start\nsso_region = eu-west-1\n"
    "sso_account_id = 123456789012\nsso_role_name = Analyst\n"
)
