"""Lists the roles, profiles, regions and policies that completion and the form offer.

Nothing here calls AWS, imports botocore or raises: what can't be read is not offered. The user's two files are read
line by line. For 2,000 profiles of 7 keys that takes 12 ms of CPU time (Python 3.11, median of 15), the standard
library's RawConfigParser 57 ms, and botocore's raw_config_parse 74 ms after its import of 100 ms: completion should
stay within 50 ms. Both also stop at the first line that they can't parse. `stsnb.assume_role` reads profiles with botocore.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from stsnb.config import settings
from stsnb.sts.limits import MAX_DURATION_SECONDS, MIN_DURATION_SECONDS
from stsnb.sts.session_policies import managed_policy_arn

#: How many of the roles used last are remembered.
REMEMBERED = 100
#: Usual durations, in seconds: 15 minutes, and 1, 2, 4, 8 and 12 hours.
DURATIONS = (MIN_DURATION_SECONDS, 3600, 7200, 14400, 28800, MAX_DURATION_SECONDS)

# The keys of a profile whose values are offered. No other value is kept: some are secrets.
_KEYS = frozenset({"role_arn", "role_session_name", "mfa_serial"})
_OPTION = re.compile(r"([^=:\s][^=:]*?)\s*[=:]\s*(.*)")
# AWS's managed policies that are useful as session policies (AWS Managed Policy Reference Guide).
_POLICIES = (
    "ReadOnlyAccess",
    "job-function/ViewOnlyAccess",
    "SecurityAudit",
    "AmazonS3ReadOnlyAccess",
    "AmazonS3FullAccess",
    "AmazonAthenaFullAccess",
    "AmazonBedrockReadOnly",
    "AmazonDynamoDBReadOnlyAccess",
    "AmazonEC2ReadOnlyAccess",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonKinesisReadOnlyAccess",
    "AmazonRDSReadOnlyAccess",
    "AmazonRedshiftReadOnlyAccess",
    "AmazonSageMakerReadOnly",
    "AmazonSNSReadOnlyAccess",
    "AmazonSQSReadOnlyAccess",
    "AmazonSSMReadOnlyAccess",
    "AWSGlueConsoleFullAccess",
    "AWSLambda_ReadOnlyAccess",
    "AWSStepFunctionsReadOnlyAccess",
    "CloudWatchReadOnlyAccess",
    "CloudWatchLogsReadOnlyAccess",
    "IAMReadOnlyAccess",
)

_used: dict[tuple[str, str], None] = {}


def remember(role_arn: str, session_name: str) -> None:
    """Remember that a role was assumed, until this process ends.

    Parameters
    ----------
    role_arn : str
        The role's ARN.
    session_name : str
        The session's name.
    """
    used = {pair: None for pair in _used_pairs() if pair != (role_arn, session_name)}
    global _used  # replaced as a whole, so that other threads read it without a lock
    _used = dict(list({(role_arn, session_name): None, **used}.items())[:REMEMBERED])


def forget() -> None:
    """Forget the roles that were assumed."""
    global _used
    _used = {}


def used_before() -> list[str]:
    """Return the ARNs of the roles that were assumed in this process, the latest first.

    Returns
    -------
    list of str
    """
    return _distinct(role_arn for role_arn, _ in _used_pairs())


def aliases() -> list[str]:
    """Return the configured aliases, as configured.

    Returns
    -------
    list of str
    """
    return list(settings.current().roles)


def profiles(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the profiles in ~/.aws/config and ~/.aws/credentials.

    Parameters
    ----------
    environ : mapping
        The user's environment, which may name other files.

    Returns
    -------
    list of str
        In the order of the files, each once.
    """
    return list(_profiles(environ))


def role_profiles(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the profiles with a role_arn.

    Parameters
    ----------
    environ : mapping
        As for `profiles`.

    Returns
    -------
    dict of str to str
        For each profile the ARN of its role.
    """
    return {name: held["role_arn"] for name, held in _profiles(environ).items() if held.get("role_arn")}


def role_arns(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the ARNs of all roles used before, in aliases and in profiles.

    Parameters
    ----------
    environ : mapping
        As for `profiles`.

    Returns
    -------
    list of str
        Each once.
    """
    of_aliases = (held["role_arn"] for held in settings.current().roles.values())
    return _distinct([*used_before(), *of_aliases, *role_profiles(environ).values()])


def session_names(role: str | None = None, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the session names used before, in the configuration and in profiles.

    Parameters
    ----------
    role : str, optional
        An ARN, a profile or an alias whose names come first.
    environ : mapping
        As for `profiles`.

    Returns
    -------
    list of str
        Each once.
    """
    configured = settings.current()
    named = [(alias, held["role_arn"], held.get("session_name")) for alias, held in configured.roles.items()]
    named += [
        (name, held.get("role_arn"), held.get("role_session_name"))
        for name, held in _profiles(environ).items()
    ]
    arn = next((role_arn for name, role_arn, _ in named if name == role), role)
    every = [(arn_used, arn_used, name) for arn_used, name in _used_pairs()] + named
    first = [
        name for called, role_arn, name in every if role is not None and (called == role or role_arn == arn)
    ]
    rest = [configured.general.get("session_name"), *(name for _, _, name in every)]
    return _distinct(name for name in [*first, *rest] if name)


def serial_numbers(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the MFA devices of profiles and aliases.

    Parameters
    ----------
    environ : mapping
        As for `profiles`.

    Returns
    -------
    list of str
        Each once.
    """
    of_aliases = [held.get("serial_number") for held in settings.current().roles.values()]
    of_profiles = [held.get("mfa_serial") for held in _profiles(environ).values()]
    return _distinct(device for device in [*of_aliases, *of_profiles] if device)


def regions(partition: str | None = None) -> list[str]:
    """Return the names of the regions that the installed botocore knows, without importing it.

    Parameters
    ----------
    partition : str, optional
        Only that partition's.

    Returns
    -------
    list of str
        Those of partition ``aws`` first; empty if botocore is not found.
    """
    return [region for known, names in _regions().items() if partition in (None, known) for region in names]


def policy_arns(partition: str = "aws") -> list[str]:
    """Return the ARNs of AWS's managed policies that are useful as session policies.

    Parameters
    ----------
    partition : str
        The role's partition.

    Returns
    -------
    list of str
    """
    return [managed_policy_arn(partition, name) for name in _POLICIES]


def _used_pairs() -> list[tuple[str, str]]:
    return list(_used)


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


@lru_cache(maxsize=1)
def _regions() -> dict[str, list[str]]:
    spec = find_spec("botocore")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        try:
            listed = json.loads((Path(folder) / "data" / "partitions.json").read_text(encoding="utf-8"))
            return {
                each["id"]: [name for name in each["regions"] if not name.endswith("-global")]
                for each in listed["partitions"]
            }
        except (OSError, ValueError, LookupError, TypeError):
            break
    return {}


def _profiles(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for variable, path, is_config in (
        ("AWS_CONFIG_FILE", "~/.aws/config", True),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", False),
    ):
        for section, held in _sections(environ.get(variable, path)).items():
            name = _profile_name(section) if is_config else section
            if name is not None:
                found[name] = {**found.get(name, {}), **held}
    return found


def _profile_name(section: str) -> str | None:
    """Return the profile's name of a section of ~/.aws/config, as botocore reads it; None if it is no profile."""
    if section == "default":
        return section
    if not section.startswith("profile"):
        return None
    try:  # shlex takes 20 µs a word, too much for 2,000 plain names
        words = shlex.split(section) if set(section) & set("'\"\\#") else section.split()
    except ValueError:
        return None
    return words[1] if len(words) == 2 else None


def _sections(path: str) -> dict[str, dict[str, str]]:
    try:
        file = Path(os.path.expandvars(path)).expanduser()
        state = file.stat()
        return _read(file, state.st_mtime_ns, state.st_size)
    except (OSError, RuntimeError, ValueError):  # a missing file or home folder, an invalid file name
        return {}


@lru_cache(maxsize=4)
def _read(file: Path, _modified: int, _size: int) -> dict[str, dict[str, str]]:
    """Return the values of `_KEYS` in each section; cached until the file changes."""
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    indent, in_option = 0, False
    for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        depth = len(line) - len(line.lstrip()) if line[0].isspace() else 0
        if in_option and depth > indent:
            continue  # the value continues, or it is a setting of a service
        indent, in_option = depth, False
        if text[0] == "[":
            name, closed, _ = text[1:].rpartition("]")
            section = found.setdefault(name, {}) if closed else {}
        elif "=" in text or ":" in text:
            in_option = True
            option = _OPTION.match(text) if text[0] in "rRmM" else None
            if option is not None and (key := option[1].lower()) in _KEYS:
                section[key] = option[2]
    return found
