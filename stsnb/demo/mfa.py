"""MFA in the embedded AWS: codes that are accepted once, and the sessions of GetSessionToken.

moto 5.2.5 accepts any code and none, and returns keys from GetSessionToken that it then refuses. Here any six digits are
a code, since a demo has no device. The last code is refused if it is used again, and the calls of a session count as made
with MFA.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.credentials import Credentials
from moto.core.responses import ActionResult
from moto.iam import access_control
from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError
from moto.sts.models import STSBackend
from moto.sts.responses import TokenResponse
from moto.sts.utils import random_session_token
from moto.utilities.utils import get_partition

#: The condition key of trust policies.
PRESENT = "aws:MultiFactorAuthPresent"

#: The last code of each device; not all of them, so that a notebook can be run twice.
_last: dict[str, str] = {}


@dataclass
class UserSession:
    """A session from GetSessionToken: moto's `AccessKey` and a token."""

    owner: str
    access_key_id: str
    secret_access_key: str
    token: str


_sessions: dict[str, UserSession] = {}


class UserSessionKey(access_control.IAMUserAccessKey):
    """The key of a user's session, with the permissions of the user."""

    def __init__(self, account_id: str, partition: str, access_key_id: str, headers: dict[str, str]) -> None:
        self._session = _sessions[access_key_id]
        if headers.get("X-Amz-Security-Token") != self._session.token:
            raise access_control.CreateAccessKeyFailure(reason="InvalidToken")
        super().__init__(account_id, partition, self._session.owner, {})

    def create_credentials(self) -> Credentials:
        """Return the keys to check the signature with."""
        session = self._session
        return Credentials(session.access_key_id, session.secret_access_key, session.token)


def is_given(access_key: object, data: Mapping[str, object]) -> bool:
    """Return whether a request is made with MFA: with a session from GetSessionToken, or with a code."""
    return isinstance(access_key, UserSessionKey) or "TokenCode" in data


def install() -> None:
    """Change moto to behave so."""
    create_access_key = access_control.create_access_key
    assume_role, identity = TokenResponse.assume_role, STSBackend.get_caller_identity

    def create(account_id: str, partition: str, access_key_id: str, headers: dict[str, str]) -> Any:
        make = UserSessionKey if access_key_id in _sessions else create_access_key
        return make(account_id=account_id, partition=partition, access_key_id=access_key_id, headers=headers)

    def get_session_token(self: TokenResponse) -> ActionResult:
        _use_code(self)
        owner = self.get_access_key()
        if not owner.startswith("AKIA"):
            raise STSClientError("AccessDenied", "Cannot call GetSessionToken with session credentials")
        key = iam_backends[self.current_account][get_partition(self.region)].create_temp_access_key()
        session = UserSession(owner, key.access_key_id, key.secret_access_key, random_session_token())
        _sessions[session.access_key_id] = session
        ends = self.backend.get_session_token(
            duration=self._get_int_param("DurationSeconds", 43200)
        ).expiration
        return ActionResult(
            {
                "Credentials": {
                    "AccessKeyId": session.access_key_id,
                    "SecretAccessKey": session.secret_access_key,
                    "SessionToken": session.token,
                    "Expiration": ends,
                }
            }
        )

    def assume_role_with_code(self: TokenResponse) -> ActionResult:
        _use_code(self)
        return assume_role(self)

    def get_caller_identity(self: STSBackend, access_key_id: str, region: str) -> tuple[str, str, str]:
        session = _sessions.get(access_key_id)
        return identity(self, session.owner if session else access_key_id, region)

    access_control.create_access_key = create
    TokenResponse.get_session_token = get_session_token  # type: ignore[method-assign]
    TokenResponse.assume_role = assume_role_with_code  # type: ignore[method-assign]
    STSBackend.get_caller_identity = get_caller_identity  # type: ignore[method-assign]


def _use_code(response: TokenResponse) -> None:
    serial_number, code = response._get_param("SerialNumber"), response._get_param("TokenCode")
    if serial_number is None and code is None:
        return
    if not re.fullmatch(r"\d{6}", code or "") or _last.get(serial_number) == code:
        message = "MultiFactorAuthentication failed with invalid MFA one time pass code."
        raise STSClientError("AccessDenied", message)
    _last[serial_number] = code
