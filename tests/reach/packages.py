"""What the tests of the reach need in addition to Python's packages; run as ``python -m tests.reach.packages``, installs it.

aioboto3 asks for one version of boto3 that is older than what the other libraries are tried with, and so has an
environment of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import debian
from tests.ceph import packages as ceph

#: Goes with the environment of the tests.
FOLDER = Path(sys.prefix) / "share" / "stsnb-reach"
#: The interpreter that has aioboto3.
AIOBOTO3 = FOLDER / "aioboto3" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
_JAVASCRIPT = "@aws-sdk/client-s3@3"
_AIOBOTO3 = ("aioboto3>=15.5", "ipython>=8.18")
_READER = Path(__file__).with_name("reader.mjs")


def main() -> str | None:
    """Install what is missing; return a sentence if that fails."""
    fault = ceph.main() or _node() or _javascript() or _aioboto3()
    return None if fault is None else f"These tests could not install what they need: {fault}"


def _node() -> str | None:
    if shutil.which("npm") is not None:
        return None
    if not debian.can_install():
        return "Node.js with npm; install both, and try again."
    return debian.install("nodejs", "npm")


def _javascript() -> str | None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.copy(_READER, FOLDER)  # Node.js searches for modules next to the file
    if (FOLDER / "node_modules" / "@aws-sdk" / "client-s3" / "package.json").exists():
        return None
    return _run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(FOLDER), _JAVASCRIPT)


def _aioboto3() -> str | None:
    if AIOBOTO3.exists() and _run(str(AIOBOTO3), "-c", "import aioboto3, IPython") is None:
        return None
    folder = str(FOLDER / "aioboto3")
    if shutil.which("uv"):  # it comes with hatch, and takes a tenth of pip's time
        return _run("uv", "venv", "--clear", "--python", sys.executable, folder) or _run(
            "uv", "pip", "install", "--python", str(AIOBOTO3), *_AIOBOTO3
        )
    return _run(sys.executable, "-m", "venv", "--clear", folder) or _run(
        str(AIOBOTO3), "-m", "pip", "install", "--quiet", *_AIOBOTO3
    )


def _run(*command: str) -> str | None:
    # npm is a script on Windows, which is found by its whole name alone.
    command = (shutil.which(command[0]) or command[0], *command[1:])
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return " ".join(done.stderr.splitlines()[-3:]) or "it failed" if done.returncode else None


if __name__ == "__main__":
    sys.exit(main())
