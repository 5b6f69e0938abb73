"""AssumeRoleFetcher: what makes a role, asked of STS at first and at each renewal: what, by whom, and with which code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from stsnb.roles.chaining import RoleSource, duration_fault
from stsnb.roles.credentials import RoleCredentials
from stsnb.sources.mfa import NEARLY_ENDED, MFASession, MFASessions, MFASource, NotOfferedError
from stsnb.sources.prompt import NobodyToAskError, ask
from stsnb.sources.source import Source
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError
from stsnb.sts.response import AssumeRoleResponse, is_refusal

if TYPE_CHECKING:
    from stsnb.roles.assumed_role import AssumedRole


class AssumeRoleFetcher:
    """What is asked of STS for one role, and all that a renewal needs to ask it again.

    It belongs to an AssumedRole. `renew` is for the foreground, where a person can be asked for a code; `again`
    is for any thread and asks nobody.

    Parameters
    ----------
    request : AssumeRoleRequest
        What is asked; it is kept without the code that it may have.
    source : Source
        Who asks.
    region : str, optional
        The region of STS; None for the source's.
    mfa_sessions : MFASessions
        What codes have bought in this kernel.
    refresh : bool
        Whether the role is to be renewed.

    Raises
    ------
    stsnb.sts.request.InvalidRequestError
        If this source cannot ask that.
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
        #: Who asks: that of the constructor, or the MFA session that its keys and a code have bought.
        self.source = self._base = source
        self._region = region
        self._mfa_sessions = mfa_sessions
        self._refresh = refresh
        self._mfa_session: MFASession | None = None
        self._mfa_refused = False
        self._code_each_time = False

    @property
    def renewable(self) -> bool:
        """Whether it can and may be asked again without a person."""
        return self._refresh and not self._code_each_time

    @property
    def needs_code(self) -> bool:
        """Whether nothing but a new code would help.

        The last one was for one answer, or what it bought has ended, or is refused: a trust policy may want a
        code that is not old (``aws:MultiFactorAuthAge``).
        """
        if self.request.serial_number is None:
            return False
        session = self._mfa_session
        return self._code_each_time or self._mfa_refused or session is None or not session.remaining

    @property
    def link(self) -> AssumedRole | None:
        """The role that asks, if one does."""
        return self.source.link if isinstance(self.source, RoleSource) else None

    def renew(
        self,
        credentials: RoleCredentials,
        token_code: str | None = None,
        *,
        new_code: bool = False,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        """Renew a role's credentials in the foreground, where a person can be asked for a code.

        Parameters
        ----------
        credentials : RoleCredentials
            The role's.
        token_code : str, optional
            A code of the MFA device. It is used only if it is needed: running a cell again does not need one.
        new_code : bool
            Whether the code is to be used whatever has been bought already.
        meanwhile : callable, optional
            As of `Source.assume_role`.

        Raises
        ------
        stsnb.AssumeRoleError
            With everything as it was.
        """
        with self._in_words(self.request, self._base):
            code = self._code(token_code, new_code)

        def ask() -> AssumeRoleResponse:
            if code is not None:
                response = self._ask_with(code, new_code, meanwhile)
            else:
                try:
                    response = self.again(meanwhile)
                except Exception as refused:
                    if not (token_code and self._mfa_refused):
                        raise
                    response = self._ask_anew(token_code, meanwhile, refused)
            credentials.renewable = self.renewable
            return response

        credentials.renew(ask)

    def again(self, meanwhile: Callable[[], object] | None = None) -> AssumeRoleResponse:
        """Ask STS without a person.

        Parameters
        ----------
        meanwhile : callable, optional
            As of `Source.assume_role`.

        Returns
        -------
        AssumeRoleResponse

        Raises
        ------
        stsnb.AssumeRoleError
            If STS refuses, or a person would be needed.
        """
        with self._in_words(self.request, self.source):
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
            needless = f"{request.role_arn.name} was assumed without an MFA device: it needs no code."
            raise InvalidRequestError([("token_code", needless)])
        self._base = self._base.up_to_date()
        session = self._mfa_sessions.of(self._base, request.serial_number)
        if session is not None and session.remaining > NEARLY_ENDED and not new_code:
            self._sign_with(session)
            return None
        if given is None:
            given = ask(f"MFA code of {request.serial_number} for {request.role_arn.name}: ")
        return request.with_code(given).token_code

    def _ask_with(
        self, code: str, new_code: bool, meanwhile: Callable[[], object] | None
    ) -> AssumeRoleResponse:
        request, base = self.request.with_code(code), self._base
        with self._in_words(request, base):
            session = self._mfa_sessions.of(base, request.serial_number or "")
            if session is not None and session.offered:
                try:
                    session.buy(base, request.role_arn, code, replace=new_code)
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

    def _ask_anew(
        self, code: str, meanwhile: Callable[[], object] | None, refused: Exception
    ) -> AssumeRoleResponse:
        """Use a code that did not seem to be needed: the role may want one that is not old."""
        try:
            return self._ask_with(code, True, meanwhile)
        except Exception:  # noqa: BLE001 # what refused the role tells more
            raise refused from None

    def _sign_with(self, session: MFASession) -> None:
        self.source, self._mfa_session = MFASource(self._base, session), session
        self._mfa_refused = self._code_each_time = False

    def _send(
        self, request: AssumeRoleRequest, source: Source, meanwhile: Callable[[], object] | None
    ) -> AssumeRoleResponse:
        with self._in_words(request, source):
            try:
                response = source.assume_role(request, self._region, meanwhile)
            except ClientError as error:
                self._mfa_refused = isinstance(source, MFASource) and is_refusal(error)
                raise
            self._mfa_refused = False
            return response

    @contextmanager
    def _in_words(self, request: AssumeRoleRequest, source: Source) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 # whatever it is, the user gets sentences
            raise explained(error, request, source, self._region, source.owner) from None


def explained(
    error: Exception,
    request: AssumeRoleRequest,
    source: Source | None,
    region: str | None,
    profile: str | None,
) -> Exception:
    """Return what a person can use of an error; the parameters are those of `stsnb.errors.explain.explain`."""
    # Only a failure needs IPython's error class, whose import costs more than assuming a role.
    from stsnb.errors.explain import explain

    return explain(error, request=request, source=source, region=region, profile=profile)
