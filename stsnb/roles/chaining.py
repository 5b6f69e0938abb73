"""RoleSource: a role as the source of another one. AWS calls this role chaining."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stsnb.sources.source import Source
from stsnb.sts.arn import RoleArn
from stsnb.sts.limits import MAX_CHAINED_DURATION_SECONDS
from stsnb.sts.request import AssumeRoleRequest

if TYPE_CHECKING:
    from stsnb.roles.assumed_role import AssumedRole


class RoleSource(Source):
    """Asks with the credentials of a role that this kernel has assumed, and with that role's settings.

    It holds the role for as long as it is held itself: the role's own renewal goes on, by the kernel's keeper or,
    once the role is dropped, whenever it has to sign.

    Parameters
    ----------
    link : AssumedRole
        The role that asks.
    environ : mapping
        The environment without what stsnb put in.
    """

    def __init__(self, link: AssumedRole, environ: Mapping[str, str]) -> None:
        session = link.question.source.session_with(link.credentials, lambda: environ, link.region)
        super().__init__(session, link.credentials, environ)
        self.link = link

    @property
    def origin(self) -> str:
        """The role, in words: ``role role-for-s3-fileserver``."""
        return f"role {self.link.role_name}"

    @property
    def role(self) -> str:
        """The same: this source is a role for certain."""
        return self.origin

    def identity(self, role_arn: RoleArn, region: str | None = None) -> str:  # noqa: ARG002 # it is known
        """Return the ARN of the role's session."""
        return self.link.arn


def duration_fault(request: AssumeRoleRequest, source: Source) -> list[tuple[str, str]]:
    """Return a fault if a request asks of a role's session for more than AWS grants it.

    Parameters
    ----------
    request : AssumeRoleRequest
        What is asked.
    source : Source
        Who asks.

    Returns
    -------
    list of (str, str)
        As of `stsnb.sts.request.InvalidRequestError`; empty where other rules may hold: a server without accounts
        is not AWS.
    """
    seconds = request.duration_seconds or 0
    if source.role is None or not request.role_arn.account_id or seconds <= MAX_CHAINED_DURATION_SECONDS:
        return []
    sentence = (
        f"The duration is {seconds} seconds, but {request.role_arn.name} is asked for with {source.role}, and a role that"
        f" is assumed with another's session lasts at most {MAX_CHAINED_DURATION_SECONDS} (role chaining): leave it out."
    )
    return [("duration_seconds", sentence)]
