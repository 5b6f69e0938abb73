"""What a source configures about servers, for everything that acts as its role: child processes and new sessions too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.session import Session

# The keys of a profile that say whose credentials it has; the others say how servers are reached.
_IDENTITY = re.compile(
    r"(aws_|sso_|role_|mfa_|web_identity_|login_).*"
    r"|source_profile|credential_source|credential_process|external_id|duration_seconds",
    re.IGNORECASE,
)
# The keys that only change what the AWS CLI prints.
_PRESENTATION = re.compile(r"output|cli_.*", re.IGNORECASE)
# The keys that a variable can say, too (botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES; AWS SDKs and Tools
# Reference Guide, "Settings reference").
_VARIABLES = {
    "endpoint_url": "AWS_ENDPOINT_URL",
    "ignore_configured_endpoint_urls": "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "ca_bundle": "AWS_CA_BUNDLE",
    "use_fips_endpoint": "AWS_USE_FIPS_ENDPOINT",
    "use_dualstack_endpoint": "AWS_USE_DUALSTACK_ENDPOINT",
    "request_checksum_calculation": "AWS_REQUEST_CHECKSUM_CALCULATION",
    "response_checksum_validation": "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "max_attempts": "AWS_MAX_ATTEMPTS",
    "retry_mode": "AWS_RETRY_MODE",
    "defaults_mode": "AWS_DEFAULTS_MODE",
    "sdk_ua_app_id": "AWS_SDK_UA_APP_ID",
    "sts_regional_endpoints": "AWS_STS_REGIONAL_ENDPOINTS",
    "account_id_endpoint_mode": "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "sigv4a_signing_region_set": "AWS_SIGV4A_SIGNING_REGION_SET",
    "auth_scheme_preference": "AWS_AUTH_SCHEME_PREFERENCE",
}
_REGION_VARIABLES = ("AWS_DEFAULT_REGION", "AWS_REGION")


class SourceSettings(NamedTuple):
    """What a source's profile configures about servers."""

    #: The profile's name.
    name: str
    #: As variables, where the user's environment does not say the same already.
    variables: dict[str, str]
    #: As botocore reads a profile: values are text, or a dict for a section of settings. Of services it is the name.
    profile: dict[str, object]
    #: Whether the variables alone would not do: a program without a profile reads the user's ``[default]`` too.
    needs_file: bool


def settings_of(session: Session, environ: Mapping[str, str], region: str | None = None) -> SourceSettings:
    """Return what a source configures about servers, as programs can be told that have no profile.

    A role in the environment has no AWS_PROFILE: SDKs would prefer the profile to the keys. With it would go what
    the profile says, and the user's ``[default]`` would count instead.

    Parameters
    ----------
    session : botocore.session.Session
        The source's session.
    environ : mapping
        The environment without what stsnb has put into it.
    region : str, optional
        A region that was asked for, which goes before all others.

    Returns
    -------
    SourceSettings
    """
    name = session.get_config_variable("profile") or "default"
    profile = _about_servers(session.get_scoped_config())
    default = (
        profile if name == "default" else _about_servers(session.full_config["profiles"].get("default", {}))
    )
    found: dict[str, Any] = dict.fromkeys(_REGION_VARIABLES, region or session.get_config_variable("region"))
    wanted, given = _expanded(session, profile), _expanded(session, default)
    if name != "default":
        for key, value in wanted.items():
            variable = _variable(key)
            # An address of the environment for all services goes before those that a profile has for single ones.
            if (
                variable is not None
                and key != "region"
                and not (" " in key and environ.get("AWS_ENDPOINT_URL"))
            ):
                found[variable] = value
    asked = set(_REGION_VARIABLES) if region else set()
    variables = {
        variable: str(value)
        for variable, value in found.items()
        if value and (variable in asked or variable not in environ)
    }
    differing = {key for key in {*wanted, *given} if wanted.get(key) != given.get(key)}
    unsaid = {key for key in differing if key not in wanted or not _variable(key)}
    if region:
        unsaid.discard("region")
    return SourceSettings(name, variables, profile, bool(unsaid))


def _about_servers(profile: Mapping[str, Any]) -> dict[str, object]:
    return {key: value for key, value in profile.items() if not _IDENTITY.fullmatch(key)}


def _expanded(session: Session, profile: Mapping[str, object]) -> dict[str, object]:
    """Return a profile's settings with the addresses of its services section in the place of its name."""
    found = {
        key: value for key, value in profile.items() if key != "services" and not _PRESENTATION.fullmatch(key)
    }
    section = session.full_config.get("services", {}).get(profile.get("services"), {})
    for service, settings in section.items():
        address = settings.get("endpoint_url") if isinstance(settings, Mapping) else None
        if address:
            found[f"endpoint_url {service}"] = address
    return found


def _variable(key: str) -> str | None:
    """Return the variable that says the same as a key; None if there is none."""
    if key == "region":
        return _REGION_VARIABLES[0]
    setting, space, service = key.partition(" ")
    return f"AWS_ENDPOINT_URL_{service.upper()}" if space else _VARIABLES.get(setting)
