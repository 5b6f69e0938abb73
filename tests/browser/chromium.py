"""The Chromium that the browser tests drive; run as ``python -m tests.browser.chromium``, installs one if need be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import debian

#: What a Chromium is called, on PATH or in a folder of its own, where playwright did not bring one.
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)

#: How it is started: nothing that it does by itself, no network of its own.
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A container's /dev/shm is often too small for a page as large as JupyterLab.
    "--disable-dev-shm-usage",
)


def arguments() -> list[str]:
    """Return the flags to start Chromium with; as root it runs only without its sandbox."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*ARGUMENTS, *(["--no-sandbox"] if root else [])]


def executable() -> str | None:
    """Return the path of the Chromium to use, None if there is none."""
    return _of_playwright() or next(filter(None, map(shutil.which, NAMES)), None)


def _of_playwright() -> str | None:
    # Only playwright's driver knows the path, and it takes half a second: it is asked if there is any to find.
    folders = {
        "linux": Path.home() / ".cache",
        "darwin": Path.home() / "Library/Caches",
        "win32": Path(os.environ.get("LOCALAPPDATA", Path.home())),
    }
    parent = folders.get(sys.platform, folders["linux"]) / "ms-playwright"
    if "PLAYWRIGHT_BROWSERS_PATH" not in os.environ and not any(parent.glob("chromium-*")):
        return None
    ask = "from playwright.sync_api import sync_playwright as p\nwith p() as q: print(q.chromium.executable_path)"
    try:
        # In a process of its own, because the driver can't be started twice in one.
        done = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    path = done.stdout.strip()
    return path if path and Path(path).exists() else None


def _install() -> str | None:
    """Install a Chromium; return why it failed, None if it did not."""
    faults = []
    if debian.can_install():
        fault = debian.install("chromium")
        if fault is None and executable():
            return None
        faults.append(fault or "the package chromium brought none")
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
    except subprocess.TimeoutExpired:
        faults.append("playwright install chromium did not end within 15 minutes")
    else:
        if done.returncode == 0 and executable():
            return None
        said = [line for line in done.stdout.splitlines() if line.startswith(("Error", "Failed"))]
        faults.append(f"playwright install chromium: {(said or ['failed'])[0]}")
    return "; ".join(faults)


def main() -> str | None:
    """Make sure that there is a Chromium, and print which; return a sentence if there is none."""
    found = executable()
    if found is None:
        fault = _install()
        if fault:
            return f"The browser tests need a Chromium, put one on PATH; could not install it: {fault}."
        found = executable()
    print(f"Chromium: {found}")
    return None


if __name__ == "__main__":
    sys.exit(main())
