"""Debian's packages, for the parts of the tests that Python's packages do not have."""

from __future__ import annotations

import os
import shutil
import subprocess


def can_install() -> bool:
    """Whether this is a Debian-like system and we may change it."""
    return shutil.which("apt-get") is not None and hasattr(os, "geteuid") and os.geteuid() == 0


def install(*packages: str) -> str | None:
    """Install packages, without those that they only recommend; return why it failed, None if it did not."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt_get = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    for command in ([*apt_get, "update"], [*apt_get, "install", "-y", "--no-install-recommends", *packages]):
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=900,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)} did not end within 15 minutes"
        if done.returncode:
            return f"{' '.join(command)} failed: {' '.join(done.stdout.splitlines()[-3:])}"
    return None
