"""Why a source's own credentials can't be had: what the environment, a process, an endpoint or a login is lacking.

What they returned is never quoted: it may be a secret.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from json import JSONDecodeError
from typing import Any

from botocore.credentials import CredentialProvider
from dateutil.parser import parse  # type: ignore[import-untyped]

from stsnb._redaction import quoted
from stsnb.errors.attempt import Attempt, Sentences

SSO_LOGIN: Sentences = (
    "{owner} has no valid SSO login.",
    "Run `{login}` in a terminal, then run the cell again.",
)
AWS_LOGIN: Sentences = (
    "{owner} has no valid AWS login.",
    "Run `{aws_login}` in a terminal, then run the cell again.",
)
CRT_MISSING: Sentences = (
    "{owner} has a login_session, which needs the AWS CRT, and that is not installed.",
    'Run `pip install "botocore[crt]"` in a terminal, then restart the kernel.',
)
_EXPIRATION = "AWS_CREDENTIAL_EXPIRATION"
# The keys as botocore's credentials hold them: the variables and the keys of a profile that say them.
_KEYS = {
    "access_key": ("access key id", ("AWS_ACCESS_KEY_ID",), "aws_access_key_id"),
    "secret_key": ("secret access key", ("AWS_SECRET_ACCESS_KEY",), "aws_secret_access_key"),
    "token": ("session token", ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"), "aws_session_token"),
}


def no_credentials(_error: object, attempt: Attempt) -> Sentences:
    """Explain that botocore's chain found nothing."""
    profile = attempt.profile
    return (
        f"Profile {profile} has no credentials." if profile else "No AWS credentials found.",
        "Run `aws configure` (keys) or `aws configure sso` and `aws sso login` in a terminal, or pass a profile that has credentials: --profile NAME.",
    )


def partial_credentials(error: Any, attempt: Attempt) -> Sentences:
    """Explain keys that are not complete, or a role without a source."""
    missing, provider = error.kwargs.get("cred_var"), error.kwargs.get("provider")
    if provider == "assume-role":
        return (
            f"{attempt.owner} has a role_arn, but no {missing}.",
            "Add source_profile = NAME (or credential_source) to it in ~/.aws/config, or pass another profile: --profile NAME.",
        )
    where = {"env": "the environment", "explicit": "boto3's default session"}.get(provider, attempt.owner)
    return (
        f"The credentials of {where[0].lower()}{where[1:]} are incomplete: {missing} is missing.",
        "Set it too, or unset the other keys.",
    )


def retrieval(error: Exception, attempt: Attempt) -> Sentences:
    """Explain an error of what provides the credentials, which may be any of Python's."""
    provider = _provider_of(error)
    method = getattr(provider, "METHOD", "") or attempt.method
    if isinstance(error, RuntimeError) and "still expired" in str(error):
        return _expired(attempt)
    if method == "custom-process":
        return _process(error, provider, attempt)
    if method == "container-role":
        return _container(error, attempt)
    if method == "env" and (found := _expiration(attempt)) is not None:
        return found
    if method in ("sso", "login") and not isinstance(error, OSError) and _is_pythons(error):
        happened = f"The {method.replace('sso', 'SSO')} login of {attempt.origin} can't be read."
        command = attempt.login if method == "sso" else attempt.aws_login
        return happened, f"Run `{command}` in a terminal, then run the cell again."
    if isinstance(error, OSError) and error.filename:
        why = f"{error.filename} can't be read: {error.strerror}"
    elif _is_pythons(error):
        why = "what provides them returned none"
    else:
        why = quoted(str(error), attempt.secrets) or type(error).__name__
    return (
        f"{attempt.owner} could not get its credentials: {why}.",
        "Fix what provides them (a web identity token, instance metadata, a role of its own), or pass another profile: --profile NAME.",
    )


def malformed_keys(attempt: Attempt) -> Sentences | None:
    """Explain keys that can't be those of AWS: with a line break, a control character, or no text at all.

    Parameters
    ----------
    attempt : Attempt
        The call, whose source has the keys.

    Returns
    -------
    Sentences or None
        None if all keys are visible ASCII characters.
    """
    held = vars(attempt.source.credentials) if attempt.source else {}
    for name, (label, variables, key) in _KEYS.items():
        value = held.get(f"_{name}", held.get(name))
        if value is None and name == "token":
            continue
        if not isinstance(value, str):
            return (
                f"The {label} of {attempt.origin} is {'missing' if value is None else 'not text'}.",
                "Its credential_process must print AccessKeyId and SecretAccessKey as text."
                if attempt.method == "custom-process"
                else "Set it, then run the cell again.",
            )
        if (strange := _strange(value)) is None:
            continue
        if attempt.method == "env":
            variable = next((each for each in variables if attempt.environ.get(each)), variables[0])
            return f"{variable} contains {strange}.", f"Set {variable} again without it."
        if attempt.method in ("shared-credentials-file", "config-file"):
            return (
                f"The {key} of {attempt.origin} contains {strange}.",
                "Write it on one line, without spaces.",
            )
        return f"The {label} of {attempt.origin} contains {strange}.", "Fix what provides it."
    return None


def _strange(value: str) -> str | None:
    for character in value:
        if "!" <= character <= "~":
            continue
        if character in "\r\n":
            return "a line break"
        if character == " ":
            return "a space"
        return (
            "a control character"
            if character < " " or character == "\x7f"
            else "a character that is not ASCII"
        )
    return None


def _expired(attempt: Attempt) -> Sentences:
    if attempt.method == "env":
        return _expiration(attempt) or (
            "The credentials of the environment have expired.",
            f"Set new ones, and {_EXPIRATION} with them.",
        )
    if attempt.method == "custom-process":
        return (
            f"The credential_process of {attempt.origin} printed expired credentials.",
            "Fix the program, or sign in to what it gets them from.",
        )
    return f"The credentials of {attempt.origin} have expired.", "Renew them, then run the cell again."


def _expiration(attempt: Attempt) -> Sentences | None:
    """Return what is wrong with AWS_CREDENTIAL_EXPIRATION."""
    value = attempt.environ.get(_EXPIRATION)
    if not value:
        return None
    advice = f"Set new keys and {_EXPIRATION} with them, or unset {_EXPIRATION} if the keys are still valid."
    try:
        when: datetime = parse(value)
    except (ValueError, OverflowError):
        return f"{_EXPIRATION} is not a time.", f"Write it as 2030-01-31T12:00:00Z, or unset {_EXPIRATION}."
    if when.tzinfo is None:
        return f"{_EXPIRATION} has no time zone.", "Add it (Z for UTC): 2030-01-31T12:00:00Z."
    if when > datetime.now(timezone.utc):
        return None
    return (
        f"The credentials of the environment expired at {when:%Y-%m-%d %H:%M:%S %Z} ({_EXPIRATION}).",
        advice,
    )


def _process(error: Exception, provider: Any, attempt: Attempt) -> Sentences:
    name = getattr(provider, "_profile_name", None) or (
        attempt.source.owner if attempt.source else attempt.profile
    )
    what = f"The credential_process of profile {name or 'default'}"
    code = next((each.returncode for each in _held(error, subprocess.Popen)), None)
    fix = "Run it in a terminal to see what it prints, and fix it in ~/.aws/config."
    if isinstance(error, OSError):  # of a program that can't be started Popen has a code too
        return f"{what} can't be run: {error.filename}: {error.strerror}.", "Fix it in ~/.aws/config."
    if code:
        return f"{what} failed with exit code {code}.", fix
    if code is None and isinstance(error, IndexError):
        return f"{what} is empty.", "Set it to a command in ~/.aws/config, or delete it."
    if str(error).startswith("No closing quotation"):
        return f"{what} is not a command line: a quotation mark is not closed.", "Fix it in ~/.aws/config."
    if isinstance(error, JSONDecodeError):
        return f"{what} printed {'no JSON' if error.doc.strip() else 'nothing'}.", fix
    if isinstance(error, (AttributeError, UnicodeError)):
        return f"{what} printed no JSON object.", fix
    message = str(error)
    if "Unsupported version" in message:
        return f"{what} printed an unsupported Version.", 'Let it print "Version": 1.'
    if (missing := re.search(r"Missing required key in response: '(\w+)'", message)) is not None:
        return f"{what} printed no {missing[1]}.", fix
    return f"{what} printed an Expiration that is not a time.", "Let it print one as 2030-01-31T12:00:00Z."


def _container(error: Exception, attempt: Attempt) -> Sentences:
    variables = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    variable = next((each for each in variables if each in attempt.environ), variables[1])
    token_file = attempt.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    token = f"The authorization token in {token_file}" if token_file else "AWS_CONTAINER_AUTHORIZATION_TOKEN"
    endpoint = f"The container credential endpoint ({variable})"
    message = str(error)
    if message.startswith("Unsupported host"):
        host = message.split("'")[1]
        named = "names no host" if host == "None" else f"names the host {host}, which is not allowed"
        return (
            f"{variable} {named}.",
            "Use https, a loopback address (http://127.0.0.1:PORT/…) or the container's own address, or unset it.",
        )
    if "Auth token value" in message:
        return f"{token} contains a line break.", "Write it without one (`printf`, not `echo`)."
    if isinstance(error, OSError) and error.filename:
        return f"The file {error.filename} can't be read: {error.strerror}.", (
            "Correct AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, or unset it."
        )
    if isinstance(error, KeyError):
        return f"{endpoint} returned no {error.args[0]}.", "Check what answers there, or unset the variable."
    if (status := re.search(r"Received non 200 response (\d+)", message)) is not None:
        return (
            f"{endpoint} answered with HTTP status {status[1]}.",
            "Check the address and AWS_CONTAINER_AUTHORIZATION_TOKEN or …_TOKEN_FILE.",
        )
    if "Unable to parse JSON" in message or _is_pythons(error):
        return (
            f"{endpoint} gave an answer without credentials.",
            "Check what answers there, or unset the variable.",
        )
    if "codec can't encode" in message or "Invalid header" in message:
        return f"{token} contains a character that no token has.", "Copy the token again."
    return f"{endpoint} can't be reached.", "Start what serves it, correct the variable, or unset it."


def _is_pythons(error: Exception) -> bool:
    """Whether an error is one of Python's, whose message may quote what was read."""
    return not type(error).__module__.startswith("botocore") or type(error).__name__ == "ParamValidationError"


def _provider_of(error: BaseException) -> Any:
    """Return botocore's provider that an error comes from: botocore's exceptions seldom name it."""
    return next(reversed([*_held(error, CredentialProvider)]), None)


def _held(error: BaseException, kind: type) -> Iterator[Any]:
    """Yield the objects of a type that the functions which an error passed through worked with."""
    trace = error.__traceback__
    while trace is not None:
        yield from (value for value in trace.tb_frame.f_locals.values() if isinstance(value, kind))
        trace = trace.tb_next
