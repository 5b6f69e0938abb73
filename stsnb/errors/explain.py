"""What went wrong on the way to a role, in words: what happened and what to do."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from stsnb.errors import AssumeRoleError
from stsnb.errors.sts_errors import Attempt, answered, not_sts, scrubbed, without_password
from stsnb.sources.mfa import MFASessionEndedError
from stsnb.sources.profile_errors import ProfileError
from stsnb.sources.prompt import NobodyToAskError
from stsnb.sources.source import AddressError, Source, SourceError
from stsnb.sources.web_identity import WebIdentityTokenError
from stsnb.sts.arn import shorten
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError
from stsnb.sts.response import InvalidResponseError, OtherRoleError


def explain(
    error: Exception,
    *,
    request: AssumeRoleRequest | None = None,
    source: Source | None = None,
    region: str | None = None,
    profile: str | None = None,
) -> AssumeRoleError:
    """Turn what went wrong into what a person can use.

    Parameters
    ----------
    error : Exception
        What was raised on the way to the role.
    request : AssumeRoleRequest, optional
        What was asked; None if it did not get as far.
    source : Source, optional
        Who asked; None if it could not be found.
    region, profile : str, optional
        The region and the source profile that the user named.

    Returns
    -------
    AssumeRoleError
        Without a secret in it: neither the source's nor the role's, not even where a server quotes them.
    """
    if isinstance(error, AssumeRoleError):
        return error
    asked = Attempt(request, source, region, profile)
    if isinstance(error, InvalidRequestError):
        faults = [fault for _, fault in error.faults]
        if len(faults) == 1:
            return AssumeRoleError(faults[0].happened, faults[0].advice)
        return AssumeRoleError(
            f"{len(faults)} values are invalid.", "".join(f"\n- {fault}" for fault in faults)
        )
    if isinstance(error, boto.ClientError):
        return answered(error, asked)
    own = error.cause if isinstance(error, SourceError) else error
    if isinstance(own, AssumeRoleError):  # the role's that this one is chained from
        happened = (
            f"{asked.role} is asked for with {asked.origin}, which has no credentials for it: {own.happened}"
        )
        return AssumeRoleError(happened, own.advice, code=own.code, said=own.said, statement=own.statement)
    if isinstance(own, ProfileError):
        return AssumeRoleError(own.happened, own.advice)
    for kind, advise in _ADVICE.items():
        if isinstance(own, kind):
            return AssumeRoleError(*advise(own, asked))
    if source is None or own is not error:
        return AssumeRoleError(*_retrieval(own, asked))
    return AssumeRoleError(
        f"{asked.role} could not be assumed with {asked.endpoint} and the credentials of {asked.origin}.",
        "Check both settings.",
        said=f"{type(error).__name__}: {scrubbed(str(error), source)}",
    )


def ended(
    request: AssumeRoleRequest, when: datetime, error: Exception | None, *, needs_code: bool = False
) -> AssumeRoleError:
    """Say that a session has ended, and why it was not renewed.

    Parameters
    ----------
    request : AssumeRoleRequest
        What the session was got with.
    when : datetime
        When it ended.
    error : Exception or None
        What the last attempt to renew it met; None if it was not to be renewed.
    needs_code : bool
        Whether it goes on with a new MFA code alone.

    Returns
    -------
    AssumeRoleError
    """
    happened = f"The session of {request.role_arn.name} ended at {when:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(error, AssumeRoleError):
        return AssumeRoleError(
            f"{happened} and cannot be renewed: {error.happened}",
            error.advice,
            code=error.code,
            said=error.said,
            statement=error.statement,
        )
    if needs_code:
        return AssumeRoleError(f"{happened}; it was got with an MFA code.", _NEW_CODE)
    return AssumeRoleError(f"{happened}; it was not to be renewed.", "Assume the role again.")


_NEW_CODE = (
    "Assume the role again with a new code, or give one to the role: its refresh(token_code=…) takes it."
)


def _no_credentials(_error: Exception, asked: Attempt) -> tuple[str, str]:
    where = f"Profile {asked.profile} has" if asked.profile else "This kernel has"
    return (
        f"{where} no AWS credentials to ask STS with.",
        "Run `aws configure` (keys) or `aws configure sso` and `aws sso login` in a terminal, or name the profile that has them: --profile NAME.",
    )


def _partial(error: Any, asked: Attempt) -> tuple[str, str]:
    missing = error.kwargs.get("cred_var")
    if error.kwargs.get("provider") == "assume-role":
        return (
            f"{asked.owner} has a role_arn, but no {missing}.",
            "Add source_profile = NAME (or credential_source) to it in ~/.aws/config, or name another profile: --profile NAME.",
        )
    return (
        f"The credentials of {_PROVIDERS.get(error.kwargs.get('provider'), asked.owner)} are incomplete: {missing} is missing.",
        "Set it beside the other keys, or take those away.",
    )


_PROVIDERS = {"env": "the environment", "explicit": "boto3's default session"}


def _no_profile(error: Any, _asked: Attempt) -> tuple[str, str]:
    name = error.kwargs.get("profile", "")
    if not name:
        variable = "AWS_DEFAULT_PROFILE" if os.environ.get("AWS_DEFAULT_PROFILE") == "" else "AWS_PROFILE"
        return (
            f"{variable} is set but empty, which names no profile.",
            f"Take it away (`del os.environ['{variable}']`) or name one; `aws configure list-profiles` lists them.",
        )
    return (
        f"There is no profile {shorten(name)} in your AWS configuration.",
        f"`aws configure list-profiles` lists those that are there; `aws configure --profile {shlex.quote(name)}` makes it.",
    )


def _sso(_error: Exception, asked: Attempt) -> tuple[str, str]:
    login = asked.login()
    return (
        f"{asked.owner} has no SSO login that is still good.",
        f"Run `{login}` in a terminal, then run the cell again.",
    )


def _login(error: Exception, asked: Attempt) -> tuple[str, str]:
    return (
        f"The AWS login has ended ({_bare(error)}).",
        f"Run `{asked.login().replace('sso ', '')}`, then run the cell again.",
    )


def _unparsable(error: Any, _asked: Attempt) -> tuple[str, str]:
    return (
        f"The AWS configuration file {error.kwargs.get('path')} cannot be parsed.",
        "Mend it: sections in brackets, then lines of `name = value`.",
    )


def _configuration(error: Exception, asked: Attempt) -> tuple[str, str]:
    return (
        f"The AWS configuration of {f'profile {asked.profile}' if asked.profile else 'the source'} cannot be used: {_bare(error)}.",
        "Mend it in ~/.aws/config, or name another profile: --profile NAME.",
    )


def _retrieval(error: Exception, asked: Attempt) -> tuple[str, str]:
    if isinstance(error, (ValueError, KeyError)):
        why = "what provides them did not tell credentials"  # what it told instead may be a secret
    else:
        why = f"{_bare(error) or type(error).__name__}"
    return (
        f"{asked.owner} could not get the credentials to ask STS with: {why}.",
        "Mend what provides them (credential_process, a web identity token, container or instance metadata, a role of its own), or name another profile: --profile NAME.",
    )


def _needs_mfa(_error: Exception, asked: Attempt) -> tuple[str, str]:
    return (
        f"The source profile{f' {asked.profile}' if asked.profile else ''} needs an MFA code of its own.",
        "Ask with a source that has credentials already, and give --serial-number and --token-code for the role.",
    )


def _nobody_to_ask(_error: Exception, asked: Attempt) -> tuple[str, str]:
    device = asked.request.serial_number if asked.request else None
    return (
        f"{asked.role} needs the code of the MFA device {device}, and nobody can be asked for it here.",
        'Give it: --token-code 123456 on the line, token_code="123456" from Python.',
    )


def _mfa_session_ended(error: Any, asked: Attempt) -> tuple[str, str]:
    return (
        f"The MFA session of {error.serial_number}, with which {asked.role} is renewed, ended at {error.when:%Y-%m-%d %H:%M:%S} UTC.",
        _NEW_CODE,
    )


def _no_token(error: Exception, _asked: Attempt) -> tuple[str, str]:
    return (
        str(error),
        "Name the file that holds a token now; on EKS the variable AWS_WEB_IDENTITY_TOKEN_FILE names it.",
    )


def _no_connection(_error: Exception, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} could not be reached.",
        "Check the network, the VPN and the host's name, or that setting.",
    )


def _timed_out(_error: Exception, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} did not answer in time.",
        "Try again; if it stays so, check the network, a firewall, or that setting.",
    )


def _proxy(error: Any, _asked: Attempt) -> tuple[str, str]:
    proxy = without_password(str(error.kwargs.get("proxy_url", "?")))
    return (
        f"The proxy {proxy} could not be reached.",
        "Check the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
    )


def _tls(error: Exception, asked: Attempt) -> tuple[str, str]:
    if "WRONG_VERSION_NUMBER" in str(error):
        return (
            f"{asked.endpoint} does not speak https.",
            "Check that setting: it may have to begin with http://.",
        )
    reason = re.search(r"\[SSL: (\w+)\][^(]*", str(error))
    return (
        f"{asked.endpoint} did not show a certificate that can be trusted{f' ({reason[0].strip()})' if reason else ''}.",
        "If it is behind a proxy or an internal CA, set AWS_CA_BUNDLE (or ca_bundle in the profile) to the CA's file.",
    )


def _closed(_error: Exception, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} closed the connection without an answer.",
        "Try again; if it stays so, check that setting: it may be http for https, or no STS.",
    )


def _no_region(_error: Exception, _asked: Attempt) -> tuple[str, str]:
    return (
        "There is no region to ask STS in.",
        "Name one: --region ap-northeast-2, or AWS_DEFAULT_REGION, or region in the profile.",
    )


def _bad_region(error: Any, _asked: Attempt) -> tuple[str, str]:
    return (
        f"{shorten(error.kwargs.get('region_name'))} is not the name of a region.",
        "Name one such as ap-northeast-2.",
    )


def _no_credentials_in_answer(error: Exception, asked: Attempt) -> tuple[str, str]:
    if not str(error):
        return not_sts(asked)
    return (
        f"{asked.endpoint} answered without {error}.",
        "Check that setting: the server does not speak STS as AWS does.",
    )


def _other_role(error: Exception, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} gave the credentials of another role: {error}",
        "They were not used. Try again; if it stays so, check that setting: a proxy may mix up answers.",
    )


def _not_sts(_error: Exception, asked: Attempt) -> tuple[str, str]:
    return not_sts(asked)


def _no_address(error: Exception, asked: Attempt) -> tuple[str, str]:
    setting = asked.source.session.endpoint_setting() if asked.source else "the setting of STS's address"
    given = shorten(without_password(str(error).removeprefix("Invalid endpoint: ")))
    return (
        f"{setting} is {given}, which is not an address.",
        "Set it to one such as https://sts.ap-northeast-2.amazonaws.com, or take it away.",
    )


_Advise = Callable[[Any, Attempt], tuple[str, str]]
# The first kind that fits counts, so the particular ones stand first.
_ADVICE: dict[type[Exception] | tuple[type[Exception], ...], _Advise] = {
    OtherRoleError: _other_role,
    InvalidResponseError: _no_credentials_in_answer,
    ResponseParserError: _not_sts,
    (boto.NoCredentialsError, boto.NoAuthTokenError): _no_credentials,
    boto.PartialCredentialsError: _partial,
    boto.ProfileNotFound: _no_profile,
    (boto.SSOError, boto.TokenRetrievalError): _sso,
    boto.ConfigParseError: _unparsable,
    (boto.InvalidConfigError, boto.UnknownCredentialError, boto.ConfigNotFound): _configuration,
    (boto.CredentialRetrievalError, boto.MetadataRetrievalError): _retrieval,
    boto.RefreshWithMFAUnsupportedError: _needs_mfa,
    NobodyToAskError: _nobody_to_ask,
    MFASessionEndedError: _mfa_session_ended,
    WebIdentityTokenError: _no_token,
    boto.ProxyConnectionError: _proxy,
    boto.SSLError: _tls,
    (boto.ConnectTimeoutError, boto.ReadTimeoutError): _timed_out,
    (boto.ConnectionClosedError, boto.ResponseStreamingError, boto.IncompleteReadError): _closed,
    (boto.EndpointConnectionError, boto.ConnectionError, boto.HTTPClientError): _no_connection,
    boto.NoRegionError: _no_region,
    boto.InvalidRegionError: _bad_region,
    AddressError: _no_address,
}
if hasattr(boto, "LoginError"):  # since botocore 1.41
    _ADVICE[boto.LoginError] = _login


def _bare(error: Exception) -> str:
    return scrubbed(str(error), None)
