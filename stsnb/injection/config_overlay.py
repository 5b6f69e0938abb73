"""Config files of stsnb's own, in which child processes find the settings of a role's source, and the user's profiles."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from botocore.configloader import raw_config_parse
from botocore.exceptions import BotoCoreError

from stsnb._threads import in_forked_children
from stsnb.config.file_edits import apply, changed_options
from stsnb.roles.source_settings import SourceSettings

_SECTION = re.compile(r"\s*\[([^\]]*)\]")
_OPTION = re.compile(r"\s*([^=:\s#;][^=:]*?)\s*[=:]\s*(.*?)\s*$")
_DEFAULT = ("default", "profile default")
# Options that hold credentials, or a command that may. A command of stsnb's own replaces them.
_CREDENTIALS = frozenset({"aws_access_key_id", "credential_process"})
# Settings that SDKs read and that hold no secret (AWS SDKs and Tools Reference Guide, "Settings reference"; AWS CLI user
# guide, "Configuration settings"). Nothing else is copied: no comment, and no option that other programs have added.
_HARMLESS = re.compile(
    r"region|output|endpoint_url|services|source_profile|credential_source|role_arn|role_session_name|mfa_serial"
    r"|duration_seconds|external_id|web_identity_token_file|login_session|ca_bundle|retry_mode|max_attempts|defaults_mode"
    r"|sso_(session|start_url|region|account_id|role_name|registration_scopes)|use_(fips|dualstack)_endpoint"
    r"|parameter_validation|tcp_keepalive|api_versions|sts_regional_endpoints|ignore_configured_endpoint_urls"
    r"|account_id_endpoint_mode|sdk_ua_app_id|sigv4a_signing_region_set|auth_scheme_preference|signature_version"
    r"|(request|response)_[a-z_]+|disable_request_compression|(ec2_)?metadata_service_[a-z_]+|cli_[a-z_]+"
    r"|s3|s3api|addressing_style|payload_signing_enabled|use_accelerate_endpoint|use_arn_region|max_[a-z_]+|multipart_[a-z]+"
    r"|preferred_transfer_client|target_bandwidth|us_east_1_regional_endpoint|s3_[a-z0-9_]+",
    re.IGNORECASE,
)
# Does for a profile what its credentials in the user's own config do, as a credential_process.
_PROVIDE = """\
import configparser, json, shlex, subprocess, sys
config = configparser.RawConfigParser(strict=False, interpolation=None)
config.read(sys.argv[1], encoding="utf-8")
keys = config[sys.argv[2]]
if "aws_access_key_id" not in keys:
    command = keys["credential_process"]
    sys.exit(subprocess.call(command if sys.platform == "win32" else shlex.split(command)))
names = {"AccessKeyId": "aws_access_key_id", "SecretAccessKey": "aws_secret_access_key"}
token = keys.get("aws_session_token", keys.get("aws_security_token"))
found = {"Version": 1, **{name: keys[key].strip() for name, key in names.items()}}
print(json.dumps(found if token is None else {**found, "SessionToken": token.strip()}))
"""


class ConfigOverlay:
    """A config file with the user's profiles and one that says what a role's source says about servers.

    Of the user's file only settings are copied that are known to hold no secret. What a program changes in the copy,
    as ``aws configure set`` does, is applied to the user's file.

    Parameters
    ----------
    folder : Path
        A folder that only the user can read.
    config, credentials : Path
        The user's own files, which need not exist.
    settings : mapping
        What the profile says about servers, as botocore reads a profile.
    profile : str, optional
        The profile's name. ``default`` takes the place of the user's own. If left out, a new name: a profile without
        credentials, under which SDKs go on to a container endpoint, where ``[default]`` may have keys.
    source_profile : str
        The user's profile whose settings these are. It gets what is changed in the copy's profile.
    """

    def __init__(
        self,
        folder: Path,
        config: Path,
        credentials: Path,
        settings: Mapping[str, object],
        profile: str | None = None,
        source_profile: str = "default",
    ) -> None:
        self.path = folder / "config"
        self._config = config
        self._settings = settings
        self._source_profile = source_profile
        self._read_at: int | None = None
        self._written = ""
        self._written_at = 0
        self.profile = profile or _free_name(config, credentials)
        self.write()

    def write(self) -> None:
        """Write the file if the user's has changed since, and apply to that what others have changed in this one.

        Raises
        ------
        OSError
            If a file can't be written.
        """
        self.apply_changes()
        changed_at, text = self._read()
        if changed_at == self._read_at and self.path.exists():
            return
        header = "default" if self.profile == "default" else f"profile {self.profile}"
        parts = [f"[{header}]", *_lines(self._settings), "", *self._copied(text)]
        aside = self.path.with_suffix(".new")
        self._written = "\n".join(parts) + "\n"
        aside.write_text(self._written, encoding="utf-8")
        aside.replace(self.path)
        self._read_at, self._written_at = changed_at, self.path.stat().st_mtime_ns

    def apply_changes(self) -> None:
        """Apply to the user's file what a program has changed in this one.

        Raises
        ------
        OSError
            If the user's file can't be written.
        """
        try:
            if self.path.stat().st_mtime_ns == self._written_at or not self._written:
                return
            now = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        mine = "default" if self.profile == "default" else f"profile {self.profile}"
        theirs = "default" if self._source_profile == "default" else f"profile {self._source_profile}"
        changed = {
            (theirs if section == mine else section, option, nested): value
            for (section, option, nested), value in changed_options(self._written, now).items()
        }
        self._settings = {
            **self._settings,
            **{
                option: value
                for (section, option, nested), value in changed.items()
                if section == theirs and not nested
            },
        }
        self._written, self._written_at = now, self.path.stat().st_mtime_ns
        if changed:
            apply(changed, self._config)

    def _read(self) -> tuple[int, str]:
        try:
            return self._config.stat().st_mtime_ns, self._config.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return 0, ""

    def _copied(self, text: str) -> list[str]:
        lines: list[str] = []
        section, provided, kept = "", False, False
        for line in text.splitlines():
            if header := _SECTION.match(line):
                section, provided, kept = " ".join(header[1].split()), False, False
                if not self._is_replaced(section):
                    lines += ["", f"[{header[1]}]"]
                continue
            option = _OPTION.match(line)
            if self._is_replaced(section) or option is None:
                continue
            name, value = option[1].lower(), option[2]
            if not line[0].isspace() or not kept:
                kept = False
            if name in _CREDENTIALS and not line[0].isspace():
                if not provided:
                    provided = True
                    lines.append(f"credential_process = {self._command(section)}")
            elif _is_harmless(name, value) and (kept or not line[0].isspace()):
                kept = True
                lines.append(line)
        return lines

    def _is_replaced(self, section: str) -> bool:
        return self.profile == "default" and section in _DEFAULT

    def _command(self, section: str) -> str:
        """Return the command that gives a profile the credentials that are not copied."""
        program = self.path.with_name("provide_credentials.py")
        program.write_text(_PROVIDE, encoding="utf-8")
        words = [sys.executable, "-I", str(program), str(self._config), section]
        return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


class SourceConfigs:
    """The config files in which ``[default]`` says what a role's source says, each for one source.

    A program that acts as a role has no AWS_PROFILE, so it reads ``[default]``. Where variables can't say what the
    source's profile says instead, AWS_CONFIG_FILE names such a file. They belong to the kernel's scopes.
    """

    def __init__(self) -> None:
        self._begin()
        in_forked_children(self._begin)
        atexit.register(self.end)

    def _begin(self) -> None:
        # In a forked child too: the files are its parent's.
        self._overlays: dict[tuple[object, ...], ConfigOverlay] = {}

    def variables(self, settings: SourceSettings, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the variables by which programs find a file for a source.

        Parameters
        ----------
        settings : SourceSettings
            What the source configures.
        environ : mapping
            The environment without what stsnb has put into it.

        Returns
        -------
        dict
            Empty if the source needs no file.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        if not settings.needs_file:
            return {}
        config, credentials = files_of(environ)
        key = config, credentials, settings.name, repr(settings.profile)
        if key not in self._overlays:
            folder = Path(tempfile.mkdtemp(prefix="stsnb-")).resolve()
            self._overlays[key] = ConfigOverlay(
                folder, config, credentials, settings.profile, "default", settings.name
            )
        return {"AWS_CONFIG_FILE": str(self._overlays[key].path)}

    def look(self) -> None:
        """Update the files, and apply what programs have changed in them to the user's file."""
        for overlay in list(self._overlays.values()):
            with contextlib.suppress(OSError, ValueError):  # a full disk, or a folder that was removed
                overlay.write()

    def end(self) -> None:
        """Remove the files, after what programs have changed in them was applied to the user's file."""
        self.look()
        for overlay in self._overlays.values():
            shutil.rmtree(overlay.path.parent, ignore_errors=True)
        self._overlays.clear()


def files_of(environ: Mapping[str, str]) -> tuple[Path, Path]:
    """Return the user's config and credentials files, as botocore finds them.

    Parameters
    ----------
    environ : mapping
        The environment without what stsnb has put into it.

    Returns
    -------
    config, credentials : Path
    """
    config = environ.get("AWS_CONFIG_FILE", "~/.aws/config")
    credentials = environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    # Not Path.expanduser, which fails where there is no home.
    expanded = [os.path.expanduser(os.path.expandvars(path)) for path in (config, credentials)]  # noqa: PTH111
    return Path(expanded[0]).absolute(), Path(expanded[1]).absolute()


def _is_harmless(name: str, value: str) -> bool:
    if not value:  # the name of a service, with its settings below it
        return True
    return _HARMLESS.fullmatch(name) is not None and not (
        "//" in value and "@" in value
    )  # an address with a password


def _free_name(*files: Path) -> str:
    taken = set()
    for file in files:
        with contextlib.suppress(BotoCoreError):  # no file, or one that can't be parsed
            taken |= {name.removeprefix("profile ").strip() for name in raw_config_parse(str(file))}
    name, number = "stsnb-live", 1
    while name in taken:
        number += 1
        name = f"stsnb-live-{number}"
    return name


def _lines(settings: Mapping[str, object]) -> list[str]:
    lines = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            lines += [
                f"{name} =",
                *(
                    f"  {inner} = {given}"
                    for inner, given in value.items()
                    if _is_harmless(inner, str(given))
                ),
            ]
        elif _is_harmless(name, str(value)):
            lines.append(f"{name} = {value}")
    return lines
