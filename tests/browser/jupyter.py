"""JupyterServer: a real JupyterLab with nothing of the user's in it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from tests.sandbox import Daemon, Sandbox, SandboxError, free_ports, wait_until

# The initial values of settings: nothing moves or asks, and every cell is in the page.
_SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension:notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/codemirror-extension:plugin": {"defaultConfig": {"cursorBlinkRate": 0}},
}

# Looking for extensions to compile keeps the server busy for a second of each page's start.
_PAGE_CONFIG = {"buildAvailable": False, "buildCheck": False}

_CONFIG = {
    "ServerApp": {
        "open_browser": False,
        "quit_button": False,
        "terminals_enabled": False,
    },
    "LabApp": {
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "extension_manager": "readonly",
        # `Notebook` waits for JupyterLab's own promises, by `window.jupyterapp`.
        "expose_app_in_browser": True,
    },
    "JupyterNotebookApp": {"expose_app_in_browser": True},
}

# What must not come from the surroundings: settings of Jupyter's, and who the user is for AWS.
_FOREIGN = ("AWS_", "BOTO", "IPYTHON", "JPY_", "JUPYTER", "XDG_")


class JupyterServer:
    """A context manager: within it JupyterLab runs on 127.0.0.1, behind a token of its own.

    Kernels see `environment`, a home folder that is empty, and otherwise the surroundings' variables without
    those of AWS and Jupyter. The kernel ``python3`` is this Python.

    Parameters
    ----------
    root : Path
        The folder that JupyterLab shows.
    environment : mapping, optional
        Variables for the server and its kernels.
    """

    def __init__(self, root: Path, environment: Mapping[str, str] | None = None) -> None:
        self.root = root
        self._environment = dict(environment or {})

    def __enter__(self) -> JupyterServer:
        with contextlib.ExitStack() as stack:
            surroundings = {
                name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)
            }
            self._sandbox = stack.enter_context(Sandbox("stsnb-jupyter", surroundings))
            self._token = secrets.token_urlsafe(24)
            self._prepare(self._sandbox.folder)
            self._daemon = self._start()
            about = self._sandbox.wait_until("JupyterLab listens", self._about, seconds=60)
            self.url = about["url"].rstrip("/")
            self._sandbox.wait_until("JupyterLab answers", self._answers, seconds=60)
            self._leave = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave.close()

    def write(self, name: str, *cells: str) -> Path:
        """Write a notebook of code cells below the root; its kernel is ``python3``."""
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                # Without it JupyterLab asks for a kernel, in a dialog over the notebook.
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "metadata": {},
                    "execution_count": None,
                    "outputs": [],
                    "source": source,
                }
                for number, source in enumerate(cells)
            ],
        }
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
        return path

    def address(self, name: str, mode: str = "doc") -> str:
        """Return the address at which a browser opens a file of the root, in a workspace of its own.

        It has the token in it: do not print it. The mode is ``doc`` or ``lab`` for JupyterLab, ``notebook`` for
        Jupyter Notebook.
        """
        if mode == "notebook":
            return f"{self.url}/notebooks/{quote(name)}?token={self._token}"
        workspace = uuid.uuid4().hex
        page = "doc" if mode == "doc" else "lab"
        return f"{self.url}/{page}/workspaces/{workspace}/tree/{quote(name)}?token={self._token}"

    def set_theme(self, theme: str) -> None:
        """Set the theme, ``light`` or ``dark``, that pages have which are opened from now on."""
        settings = {"theme": f"JupyterLab {theme.title()}", "adaptive-theme": False}
        plugin = "@jupyterlab/apputils-extension:themes"
        self.ask("PUT", f"/lab/api/settings/{plugin}", {"raw": json.dumps(settings)})

    def start_kernel(self, name: str) -> None:
        """Start the kernel of a notebook, unless it has one, without waiting until it is up."""
        kernel = {"name": "python3"}
        self.ask("POST", "/api/sessions", {"path": name, "name": name, "type": "notebook", "kernel": kernel})

    def trust(self, name: str) -> None:
        """Trust a notebook, as its owner does."""
        command = [sys.executable, "-m", "jupyter", "trust", str(self.root / name)]
        subprocess.run(command, env=self._sandbox.environment, check=True, capture_output=True)

    def end_kernels(self) -> None:
        """End every kernel, and wait until they are gone."""
        for kernel in self.ask("GET", "/api/kernels"):
            with contextlib.suppress(SandboxError):  # it ended meanwhile
                self.ask("DELETE", f"/api/kernels/{kernel['id']}")
        wait_until("the kernels are gone", lambda: not self.ask("GET", "/api/kernels"))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the server's REST API, and return its JSON answer.

        Raises
        ------
        SandboxError
            If the server refuses it.
        """
        status, answer = self._request(method, path, body)
        if status >= 400:
            raise SandboxError(f"{method} {path} answered {status}: {answer[:500]!r}")
        return json.loads(answer) if answer else None

    def log_tail(self, lines: int = 30) -> str:
        """What the server and its kernels said last."""
        return self._daemon.log_tail(lines).replace(self._token, "…")

    def _prepare(self, folder: Path) -> None:
        """Make the folders of a user who has never started Jupyter."""
        places = {
            "HOME": "home",
            "USERPROFILE": "home",
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
        }
        for name in set(places.values()):
            (folder / name).mkdir(mode=0o700)
        self._runtime = folder / "runtime"
        config = folder / "config"
        (config / "jupyter_server_config.json").write_text(
            json.dumps({**_CONFIG, "IdentityProvider": {"token": self._token}})
        )
        (config / "labconfig").mkdir()
        (config / "labconfig" / "page_config.json").write_text(json.dumps(_PAGE_CONFIG))
        (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(_SETTINGS))
        if self._sandbox.environment.pop("PYTHONDONTWRITEBYTECODE", None):
            # Where Python may not keep what it compiled, every kernel takes three times as long to start.
            places["PYTHONPYCACHEPREFIX"] = "pycache"
        self._sandbox.environment.update(
            {name: str(folder / place) for name, place in places.items()},
            # This environment's kernel and extensions before those of the system.
            JUPYTER_PREFER_ENV_PATH="1",
            **self._environment,
        )

    def _start(self) -> Daemon:
        return self._sandbox.start(
            "jupyterlab",
            *(sys.executable, "-m", "jupyterlab", "--allow-root", "--ip=127.0.0.1"),
            f"--port={free_ports(1)[0]}",
            f"--ServerApp.root_dir={self.root}",
        )

    def _about(self) -> dict[str, Any] | None:
        """Read what the server wrote about itself, once it has: the port may be another one than we said."""
        for path in self._runtime.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):  # half written
                about = json.loads(path.read_text())
                if isinstance(about, dict):
                    return about
        return None

    def _answers(self) -> bool:
        try:
            return self._request("GET", "/api/status")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _request(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        try:
            connection.request(
                method,
                address.path + path,
                None if body is None else json.dumps(body),
                {"Authorization": f"token {self._token}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
