"""What is wrong in the user's configuration: a file that can't be parsed, a profile that is missing, a value."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.exceptions import BotoCoreError
from botocore.hooks import HierarchicalEmitter

from stsnb._redaction import quoted
from stsnb.errors.attempt import Attempt, Sentences
from stsnb.sources.isolated_session import IsolatedSession
from stsnb.sources.profile_errors import section_fault
from stsnb.sts.arn import shorten

_FIX = "Fix it in ~/.aws/config, or pass another profile: --profile NAME."


def unparsable(error: Any, _attempt: Attempt) -> Sentences:
    """Explain a file that can't be parsed. Its lines are not quoted: they may hold a secret."""
    path, cause = error.kwargs.get("path"), error.kwargs.get("error")
    beginning = _beginning(path)
    if beginning.startswith(b"\xef\xbb\xbf"):
        return f"The file {path} begins with a byte order mark (BOM).", "Save it as UTF-8 without BOM."
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in beginning:
        return f"The file {path} is encoded in UTF-16.", "Save it as UTF-8."
    if isinstance(cause, UnicodeError):
        return f"The file {path} is not UTF-8 text.", "Save it as UTF-8."
    if isinstance(cause, configparser.DuplicateSectionError):
        return (
            f"The file {path} has two sections [{cause.section}] (line {cause.lineno}).",
            "Merge them into one.",
        )
    if isinstance(cause, configparser.DuplicateOptionError):
        where = f"section [{cause.section}] (line {cause.lineno})"
        return f"The file {path} has {cause.option} twice in {where}.", "Delete one of them."
    if isinstance(cause, configparser.MissingSectionHeaderError):
        return (
            f"The file {path} has no section before line {cause.lineno}.",
            "Write [default] or [profile NAME] above it.",
        )
    if isinstance(cause, configparser.ParsingError) and cause.errors:
        happened = f"The file {path} can't be parsed: line {cause.errors[0][0]} is neither a [section] nor name = value."
        return happened, "Correct the line."
    return (
        f"The file {path} can't be parsed: an indented line is not name = value.",
        "Correct the lines that are indented below a name.",
    )


def _beginning(path: object) -> bytes:
    try:
        with Path(str(path)).expanduser().open("rb") as file:
            return file.read(64)
    except (OSError, ValueError, RuntimeError):
        return b""


def no_profile(error: Any, attempt: Attempt) -> Sentences:
    """Explain a profile that is not there."""
    name = error.kwargs.get("profile", "")
    if not name:
        variable = (
            "AWS_DEFAULT_PROFILE" if attempt.environ.get("AWS_DEFAULT_PROFILE") == "" else "AWS_PROFILE"
        )
        return (
            f"{variable} is empty.",
            f"Unset it (`del os.environ['{variable}']`) or set it to a profile; `aws configure list-profiles` lists them.",
        )
    session = IsolatedSession(lambda: attempt.environ, handlers=HierarchicalEmitter())
    if (found := section_fault(name, session.full_config)) is not None:
        return found.happened, found.advice
    return (
        f"There is no profile {shorten(name)}.",
        f"`aws configure list-profiles` lists the profiles; `aws configure --profile {shlex.quote(name)}` creates it.",
    )


def configuration(error: Exception, attempt: Attempt) -> Sentences:
    """Explain what botocore says of a value or a profile."""
    message = str(error)
    for name in ("account_id_endpoint_mode", "request_min_compression_size_bytes"):
        if name in message:
            return setting(name)(error, attempt)
    return f"Invalid configuration of {attempt.origin}: {quoted(message)}.", _FIX


def setting(name: str, allowed: str = "") -> Callable[[Any, Attempt], Sentences]:
    """Return a row for a setting whose value botocore refuses.

    Parameters
    ----------
    name : str
        botocore's name of the setting (``botocore.configprovider``).
    allowed : str
        The values that are allowed, in words.

    Returns
    -------
    callable
    """

    def explain(_error: object, attempt: Attempt) -> Sentences:
        return _invalid(name, allowed, attempt)

    return explain


def checksum_setting(error: Any, attempt: Attempt) -> Sentences:
    """Explain an invalid value of one of the two settings of checksums."""
    return _invalid(error.kwargs.get("config_key"), "when_supported or when_required", attempt)


def addressing_style(error: Any, attempt: Attempt) -> Sentences:
    """Explain an invalid addressing style of S3, which only a profile can set."""
    value = shorten(error.kwargs.get("s3_addressing_style"))
    return (
        f"Invalid addressing_style (s3) of profile {_profile(attempt)}: {value}.",
        "Set it to auto, virtual or path.",
    )


def number_setting(attempt: Attempt) -> Sentences | None:
    """Explain a setting that must be a whole number; botocore's ValueError does not name it.

    Parameters
    ----------
    attempt : Attempt
        What was attempted.

    Returns
    -------
    Sentences or None
        None if all of them are.
    """
    for name, (_, _, _, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items():
        value = _find(name, attempt)[1] if convert is int else None
        if value is not None and not re.fullmatch(r"\s*[+-]?\d+\s*", value):
            return _invalid(name, "a whole number", attempt)
    return None


def ca_bundle(error: object, attempt: Attempt) -> Sentences | None:
    """Explain a file of certificates that can't be used; botocore says only that TLS failed.

    Parameters
    ----------
    error : object
        What was raised.
    attempt : Attempt
        What was attempted.

    Returns
    -------
    Sentences or None
        None if there is no such file, or nothing is wrong with it.
    """
    place, value = _find("ca_bundle", attempt)
    if not value:
        return None
    happened = f"{place if place.isupper() else f'The {place}'} is {value}, which"
    remedy = "Set it to a file of certificates (PEM), or unset it."
    if not Path(value).is_file():
        return f"{happened} is not a file.", remedy
    if re.search("NO_CERTIFICATE|NO_START_LINE|PEM lib", str(error)):
        return f"{happened} contains no certificate.", remedy
    return None


def _invalid(name: str, allowed: str, attempt: Attempt) -> Sentences:
    place, value = _find(name, attempt)
    set_it = f"Set it to {allowed}, or unset it." if allowed else "Correct it, or unset it."
    if value == "":
        return f"{place if place.isupper() else f'The {place}'} is empty.", set_it
    return f"Invalid {place}: {shorten(value)}.", set_it


def _find(name: str, attempt: Attempt) -> tuple[str, str | None]:
    """Return the variable or the profile's key that sets something, and its value."""
    key, variables, _, _ = BOTOCORE_DEFAUT_SESSION_VARIABLES[name]
    for variable in [variables] if isinstance(variables, str) else variables or []:
        if variable in attempt.environ:
            return variable, attempt.environ[variable]
    profile = _profile(attempt)
    place = f"{key} of profile {profile}"
    session = IsolatedSession(lambda: attempt.environ, profile, handlers=HierarchicalEmitter())
    try:
        return place, session.get_scoped_config().get(key)
    except BotoCoreError:
        return place, None


def _profile(attempt: Attempt) -> str:
    if attempt.source is not None:
        return attempt.source.profile
    named = attempt.environ.get("AWS_DEFAULT_PROFILE") or attempt.environ.get("AWS_PROFILE")
    return attempt.profile or named or "default"
