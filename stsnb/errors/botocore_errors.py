"""botocore's exceptions, by name: what happened and what to do."""

from __future__ import annotations

import re
from typing import Any

import botocore

from stsnb._redaction import quoted, without_password
from stsnb.errors import config_errors
from stsnb.errors.attempt import Attempt, Row, Sentences
from stsnb.errors.credential_errors import (
    AWS_LOGIN,
    CRT_MISSING,
    SSO_LOGIN,
    no_credentials,
    partial_credentials,
    retrieval,
)
from stsnb.errors.sts_errors import NOT_STS
from stsnb.sts.arn import shorten


def row_of(error: BaseException) -> Row | None:
    """Return the row of an exception: its own, or that of the class above it.

    Parameters
    ----------
    error : BaseException
        The exception.

    Returns
    -------
    Row or None
        None if it is not botocore's, or has no row.
    """
    kinds = (kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("botocore."))
    return next((BOTOCORE_ERRORS[name] for name in kinds if name in BOTOCORE_ERRORS), None)


def _proxy(error: Any, _attempt: Attempt) -> Sentences:
    proxy = without_password(str(error.kwargs.get("proxy_url", "?")))
    return f"The proxy {proxy} could not be reached.", _PROXIES


def _unknown_parameter(error: Exception, attempt: Attempt) -> Sentences:
    names = re.findall(r'Unknown parameter in input: "(\w+)"', str(error))
    if not names:  # the rest of its message quotes values, which may be secrets
        return (
            f"botocore does not accept the request for {attempt.role}.",
            "Check the types of its parameters.",
        )
    given = " and ".join(botocore.xform_name(name) for name in names)
    return (
        f"The installed botocore {botocore.__version__} does not support {' and '.join(names)}.",
        f"Run %pip install --upgrade boto3 and restart the kernel, or leave out {given}.",
    )


def _tls(error: Exception, attempt: Attempt) -> Sentences:
    if "WRONG_VERSION_NUMBER" in str(error):
        return (
            f"{attempt.endpoint} does not speak https.",
            "Check that setting: it may have to begin with http://.",
        )
    if (found := config_errors.ca_bundle(error, attempt)) is not None:
        return found
    reason = re.search(r"\[SSL: (\w+)\][^(]*", str(error))
    return (
        f"{attempt.endpoint} has no certificate that can be trusted{f' ({reason[0].strip()})' if reason else ''}.",
        "Behind a proxy or with an internal CA, set AWS_CA_BUNDLE (or ca_bundle in the profile) to the CA's file.",
    )


def _http(error: Any, attempt: Attempt) -> Sentences:
    cause = error.kwargs.get("error")
    name = type(cause).__name__
    if (found := config_errors.ca_bundle(error, attempt)) is not None:
        return found
    if name in ("LocationParseError", "ProxySchemeUnknown"):
        return "The proxy's address is invalid.", _PROXIES
    if name == "URLSchemeUnknown":
        return (
            f"{attempt.endpoint} is not an http address.",
            "Set it to one that begins with https:// or http://.",
        )
    return attempt.explain(_UNREACHABLE, error)


def _bad_region(error: Any, _attempt: Attempt) -> Sentences:
    region = shorten(error.kwargs.get("region_name"))
    return f"Invalid region: {region}.", "Use a name such as ap-northeast-2."


def _no_endpoint(error: Exception, attempt: Attempt) -> Sentences:
    return (
        f"There is no STS endpoint for these settings: {quoted(str(error), attempt.secrets)}.",
        "Check the region, use_fips_endpoint and use_dualstack_endpoint.",
    )


_PROXIES = "Check the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
_UNREACHABLE: Sentences = (
    "{endpoint} could not be reached.",
    "Check the network, the VPN and the host's name, or that setting.",
)
_TIMED_OUT: Sentences = (
    "{endpoint} did not answer in time.",
    "Try again. If that fails too, check the network, a firewall, or that setting.",
)
_CLOSED: Sentences = (
    "{endpoint} closed the connection without an answer.",
    "Try again. If that fails too, check that setting: it may be http for https, or no STS.",
)
#: A row for each exception; it is used for the classes below it that have none.
BOTOCORE_ERRORS: dict[str, Row] = {
    # credentials
    "NoCredentialsError": no_credentials,
    "NoAuthTokenError": no_credentials,
    "PartialCredentialsError": partial_credentials,
    "CredentialRetrievalError": retrieval,
    "MetadataRetrievalError": retrieval,
    "SSOError": SSO_LOGIN,
    "TokenRetrievalError": SSO_LOGIN,
    "LoginError": AWS_LOGIN,
    "LoginInsufficientPermissions": (
        "{owner} has an AWS login that may not get credentials.",
        "Have the policy SignInLocalDevelopmentAccess attached to its identity, or pass another profile: --profile NAME.",
    ),
    "MissingDependencyException": CRT_MISSING,
    "RefreshWithMFAUnsupportedError": (
        "{owner} needs an MFA code of its own.",
        "Use a source that has credentials already, and pass --serial-number and --token-code for the role.",
    ),
    # files and profiles
    "ProfileNotFound": config_errors.no_profile,
    "ConfigParseError": config_errors.unparsable,
    "ConfigNotFound": config_errors.configuration,
    "InvalidConfigError": config_errors.configuration,
    "UnknownCredentialError": config_errors.configuration,
    # parameters
    "ParamValidationError": _unknown_parameter,
    # settings
    "InvalidRetryModeError": config_errors.setting("retry_mode", "legacy, standard or adaptive"),
    "InvalidMaxRetryAttemptsError": config_errors.setting("max_attempts", "1 or more"),
    "InvalidDefaultsMode": config_errors.setting(
        "defaults_mode", "legacy, auto, standard, in-region, cross-region or mobile"
    ),
    "InvalidSTSRegionalEndpointsConfigError": config_errors.setting(
        "sts_regional_endpoints", "regional or legacy"
    ),
    "InvalidChecksumConfigError": config_errors.checksum_setting,
    "InvalidS3AddressingStyleError": config_errors.addressing_style,
    "InvalidIMDSEndpointError": config_errors.setting("ec2_metadata_service_endpoint", "an http address"),
    "InvalidIMDSEndpointModeError": config_errors.setting(
        "ec2_metadata_service_endpoint_mode", "ipv4 or ipv6"
    ),
    "NoRegionError": (
        "No region is set.",
        "Pass one (--region ap-northeast-2), or set AWS_DEFAULT_REGION or region in the profile.",
    ),
    "InvalidRegionError": _bad_region,
    "UnknownRegionError": _bad_region,
    "BaseEndpointResolverError": _no_endpoint,
    "EndpointProviderError": _no_endpoint,
    # the way to the server
    "ProxyConnectionError": _proxy,
    "SSLError": _tls,
    "ConnectTimeoutError": _TIMED_OUT,
    "ReadTimeoutError": _TIMED_OUT,
    "ConnectionClosedError": _CLOSED,
    "ResponseStreamingError": _CLOSED,
    "IncompleteReadError": _CLOSED,
    "EndpointConnectionError": _UNREACHABLE,
    "ConnectionError": _UNREACHABLE,
    "HTTPClientError": _http,
    "ResponseParserError": NOT_STS,
}
