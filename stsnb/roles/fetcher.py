"""AssumeRoleFetcher: calls STS for one role, the first time and at each renewal, with an MFA code where one is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from botocore.exceptions import ClientError

from stsnb.errors.explain import explain
from stsnb.roles.chaining import duration_fault
from stsnb.roles.credentials import RoleCredentials
from stsnb.sources.mfa import NEARLY_ENDED, MFASession, MFASessions, MFASource, NotOfferedError
from stsnb.sources.prompt import NobodyToAskError, ask
from stsnb.sources.source import Source
from stsnb.sts.fault import Fault
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError
from stsnb.sts.response import AssumeRoleResponse, is_refusal


class AssumeRoleFetcher:
    """Calls STS for one role, and keeps what a renewal needs to call it again.

    It belongs to an AssumedRole. `renew` runs in the foreground, where a user can be asked for an MFA code;
    `fetch` runs on any thread and asks nobody.

    Parameters
    ----------
    request : AssumeRoleRequest
        The request. It is kept without its MFA code.
    source : Source
        Whose credentials call STS.
    region : str, optional
        The region of STS; None for the source's.
    mfa_sessions : MFASessions
        The MFA sessions of this kernel.
    refresh : bool
        Whether the role is renewed.

    Raises
    ------
    stsnb.sts.request.InvalidRequestError
        If STS would refuse this request from this source.
    """

    def __init__(
        self,
        request: AssumeRoleRequest,
        source: Source,
        region: str | None,
        mfa_sessions: MFASessions,
        *,
        refresh: bool,
    ) -> None:
        if faults := duration_fault(request, source):
            raise InvalidRequestError(faults)
        self.request = replace(request, token_code=None)
        #: Whose credentials call STS: the given source, or an MFA session that its keys and a code have bought.
        self.source = self._base = source
        self._region = region
        self._mfa_sessions = mfa_sessions
        self._refresh = refresh
        self._mfa_session: MFASession | None = None
        self._mfa_refused = False
        self._code_each_time = False

    @property
    def renewable(self) -> bool:
        """Whether the role is renewed, and can be without a user."""
        return self._refresh and not self._code_each_time

    @property
    def needs_code(self) -> bool:
        """Whether only a new MFA code can renew the role.

        The last code was for one session of the role; or the MFA session that it bought has ended; or STS refuses
        that: a trust policy may limit its age (``aws:MultiFactorAuthAge``).
        """
        if self.request.serial_number is None:
            return False
        session = self._mfa_session
        return self._code_each_time or self._mfa_refused or session is None or not session.remaining

    def renew(
        self,
        credentials: RoleCredentials,
        token_code: str | None = None,
        *,
        new_code: bool = False,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        """Renew the role's credentials in the foreground, where a user can be asked for an MFA code.

        Parameters
        ----------
        credentials : RoleCredentials
            The role's credentials.
        token_code : str, optional
            A code of the MFA device. It is used only if one is needed: running a cell again needs none.
        new_code : bool
            Whether to use the code even if an MFA session is good.
        meanwhile : callable, optional
            As in `Source.assume_role`.

        Raises
        ------
        stsnb.AssumeRoleError
            With the credentials as they were.
        """
        with self._explained(self.request, self._base):
            code = self._code(token_code, new_code)

        def fetch() -> AssumeRoleResponse:
            if code is not None:
                response = self._fetch_with(code, new_code, meanwhile)
            else:
                try:
                    response = self.fetch(meanwhile)
                except Exception as refused:
                    if not (token_code and self._mfa_refused):
                        raise
                    response = self._fetch_anew(token_code, meanwhile, refused)
            credentials.renewable = self.renewable
            return response

        credentials.renew(fetch)

    def fetch(self, meanwhile: Callable[[], object] | None = None) -> AssumeRoleResponse:
        """Call STS without asking a user for anything.

        Parameters
        ----------
        meanwhile : callable, optional
            As in `Source.assume_role`.

        Returns
        -------
        AssumeRoleResponse

        Raises
        ------
        stsnb.AssumeRoleError
            If STS refuses, or a user would have to be asked.
        """
        with self._explained(self.request, self.source):
            if self._code_each_time:
                raise NobodyToAskError
            self.source = self.source.up_to_date()
        return self._send(self.request, self.source, meanwhile)

    def _code(self, given: str | None, new_code: bool) -> str | None:
        """Return the code to use; None if none is needed."""
        request = self.request
        if request.serial_number is None:
            if given is None:
                return None
            needless = Fault(
                f"{request.role_arn.name} was assumed without an MFA device.", "Leave out the code."
            )
            raise InvalidRequestError([("token_code", needless)])
        self._base = self._base.up_to_date()
        session = self._mfa_sessions.of(self._base, request.serial_number)
        if session is not None and session.remaining > NEARLY_ENDED and not new_code:
            self._sign_with(session)
            return None
        if given is None:
            given = ask(f"MFA code of {request.serial_number} for {request.role_arn.name}: ")
        return request.with_code(given).token_code

    def _fetch_with(
        self, code: str, new_code: bool, meanwhile: Callable[[], object] | None
    ) -> AssumeRoleResponse:
        request, base = self.request.with_code(code), self._base
        with self._explained(request, base):
            session = self._mfa_sessions.of(base, request.serial_number or "")
            if session is not None and session.offered:
                try:
                    session.start(base, request.role_arn, code, replace=new_code)
                except NotOfferedError:
                    pass
                else:
                    self._sign_with(session)
                    return self._send(self.request, self.source, meanwhile)
        response = self._send(request, base, meanwhile)
        if session is not None:
            session.offered = False  # or it would cost a call each time
        self.source, self._mfa_session = base, None
        self._mfa_refused, self._code_each_time = False, True
        return response

    def _fetch_anew(
        self, code: str, meanwhile: Callable[[], object] | None, refused: Exception
    ) -> AssumeRoleResponse:
        """Use a code that did not seem to be needed: the trust policy may limit the age of an MFA session."""
        try:
            return self._fetch_with(code, True, meanwhile)
        except Exception:  # noqa: BLE001 # the refusal of the role tells more
            raise refused from None

    def _sign_with(self, session: MFASession) -> None:
        self.source, self._mfa_session = MFASource(self._base, session), session
        self._mfa_refused = self._code_each_time = False

    def _send(
        self, request: AssumeRoleRequest, source: Source, meanwhile: Callable[[], object] | None
    ) -> AssumeRoleResponse:
        with self._explained(request, source):
            try:
                response = source.assume_role(request, self._region, meanwhile)
            except ClientError as error:
                self._mfa_refused = isinstance(source, MFASource) and is_refusal(error)
                raise
            self._mfa_refused = False
            return response

    @contextmanager
    def _explained(self, request: AssumeRoleRequest, source: Source) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 # whatever it is, the user gets sentences
            raise explain(
                error,
                request=request,
                source=source,
                region=self._region,
                profile=source.owner,
                environ=source.environ(),
            ) from None
