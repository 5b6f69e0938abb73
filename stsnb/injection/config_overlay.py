"""ConfigOverlay: the user's AWS config with one profile more, under which every SDK goes on to the credential endpoint."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from botocore.configloader import raw_config_parse
from botocore.exceptions import BotoCoreError

_SECTION = re.compile(r"\s*\[([^\]]*)\]")
# Keys may stand in the config too. They are not copied: no secret is written anywhere.
_KEY = re.compile(
    r"\s*aws_(access_key_id|secret_access_key|session_token|security_token)\s*[=:]", re.IGNORECASE
)
# Prints a profile's keys from the file that they stand in, as a credential_process does.
_PRINT_KEYS = """\
import configparser, json, sys
config = configparser.RawConfigParser(strict=False, interpolation=None)
config.read(sys.argv[1], encoding="utf-8")
keys = config[sys.argv[2]]
names = {"AccessKeyId": "aws_access_key_id", "SecretAccessKey": "aws_secret_access_key"}
token = keys.get("aws_session_token", keys.get("aws_security_token"))
found = {"Version": 1, **{name: keys[key].strip() for name, key in names.items()}}
print(json.dumps(found if token is None else {**found, "SessionToken": token.strip()}))
"""


class ConfigOverlay:
    """A config file for child processes, in a folder that is its user's only.

    SDKs prefer the profile of AWS_PROFILE, or ``[default]``, to a credential endpoint. Under a profile that has
    no credentials they go on to the endpoint. It has to stand in the one config file that they read, and so the
    user's own profiles are copied there; their credentials file stays where it is.

    Parameters
    ----------
    folder : Path
        Where the file is.
    config, credentials : Path
        The user's own files, which need not be there.
    settings : mapping
        What the profile shall say beside credentials, as botocore reads a profile.
    """

    def __init__(self, folder: Path, config: Path, credentials: Path, settings: Mapping[str, object]) -> None:
        self.path = folder / "config"
        self._config = config
        self._settings = settings
        self._read_at: int | None = None
        self.profile = _free_name(config, credentials)
        self.write()

    def write(self) -> None:
        """Write the file, if the user's has changed since.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        changed_at, text = self._read()
        if changed_at == self._read_at and self.path.exists():
            return
        parts = [f"[profile {self.profile}]", *_written(self._settings), "", *self._copied(text)]
        aside = self.path.with_suffix(".new")
        aside.write_text("\n".join(parts) + "\n", encoding="utf-8")
        aside.replace(self.path)
        self._read_at = changed_at

    def _read(self) -> tuple[int, str]:
        try:
            return self._config.stat().st_mtime_ns, self._config.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return 0, ""

    def _copied(self, text: str) -> list[str]:
        lines: list[str] = []
        section, keyless, in_key = "", True, False
        for line in text.splitlines():
            if header := _SECTION.match(line):
                section, keyless = header[1], True
            # A value may go on in lines that are indented.
            in_key = _KEY.match(line) is not None or (in_key and (not line.strip() or line[0].isspace()))
            if not in_key:
                lines.append(line)
            elif keyless:
                keyless = False
                lines.append(f"credential_process = {self._command(section)}")
        return lines

    def _command(self, section: str) -> str:
        """Return the command by which a profile whose keys are not copied gets them all the same."""
        program = self.path.with_name("keys.py")
        program.write_text(_PRINT_KEYS, encoding="utf-8")
        words = [sys.executable, "-I", str(program), str(self._config), section]
        return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _free_name(*files: Path) -> str:
    taken = set()
    for file in files:
        with contextlib.suppress(BotoCoreError):  # no file, or one that nobody can read
            taken |= {name.removeprefix("profile ").strip() for name in raw_config_parse(str(file))}
    name, number = "stsnb-live", 1
    while name in taken:
        number += 1
        name = f"stsnb-live-{number}"
    return name


def _written(settings: Mapping[str, object]) -> list[str]:
    lines = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            lines += [f"{name} =", *(f"  {inner} = {given}" for inner, given in value.items())]
        else:
            lines.append(f"{name} = {value}")
    return lines
