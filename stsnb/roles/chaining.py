"""RoleSource: an assumed role as the source of another one, which AWS calls role chaining."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from botocore.credentials import Credentials

from stsnb.sources.source import Source
from stsnb.sts.arn import RoleArn
from stsnb.sts.fault import Fault
from stsnb.sts.limits import MAX_CHAINED_DURATION_SECONDS
from stsnb.sts.request import AssumeRoleRequest


class Chainable(Protocol):
    """What a chain needs of the role that it begins with."""

    @property
    def arn(self) -> str: ...  # noqa: D102
    @property
    def role_name(self) -> str: ...  # noqa: D102
    @property
    def region(self) -> str | None: ...  # noqa: D102
    @property
    def credentials(self) -> Credentials: ...  # noqa: D102
    @property
    def source(self) -> Source: ...  # noqa: D102


class RoleSource(Source):
    """Calls STS with the credentials and the settings of a role that this kernel has assumed.

    It holds that role for as long as it exists itself, so the role keeps its renewal: by the kernel's renewer or,
    once the role is dropped, whenever it has to sign.

    Parameters
    ----------
    role : AssumedRole
        The role whose credentials call STS.
    environ : callable
        Returns the environment without what stsnb has put into it.
    """

    def __init__(self, role: Chainable, environ: Callable[[], Mapping[str, str]]) -> None:
        session = role.source.session_with(role.credentials, environ, role.region)
        super().__init__(session, role.credentials, environ)
        self._role = role

    @property
    def origin(self) -> str:
        """The role, in words: ``role role-for-s3-fileserver``."""
        return f"role {self._role.role_name}"

    @property
    def role(self) -> str:
        """The same: the credentials of this source are certainly a role's."""
        return self.origin

    def identity(self, role_arn: RoleArn, region: str | None = None) -> str:  # noqa: ARG002 # it is known
        """Return the ARN of the role's session."""
        return self._role.arn


def duration_fault(request: AssumeRoleRequest, source: Source) -> list[tuple[str, Fault]]:
    """Check the duration that is requested with a role's credentials, for which AWS has a lower limit.

    Parameters
    ----------
    request : AssumeRoleRequest
        The request.
    source : Source
        Whose credentials call STS.

    Returns
    -------
    list of (str, Fault)
        One fault, as in `stsnb.sts.request.InvalidRequestError`, or none. A server without accounts is not AWS
        and may have other limits.
    """
    seconds = request.duration_seconds or 0
    if source.role is None or not request.role_arn.account_id or seconds <= MAX_CHAINED_DURATION_SECONDS:
        return []
    fault = Fault(
        f"Invalid duration for role chaining: {seconds} s.",
        f"A role that is assumed with another role ({source.role}) can have at most {MAX_CHAINED_DURATION_SECONDS} s.",
    )
    return [("duration_seconds", fault)]
