"""EmbeddedAWS: the child process from its parent's side, and the environment that leads AWS clients to it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .world import PROFILES, REGION, AccessKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

START_TIMEOUT = 60.0
"""Seconds that the child may take until it serves; 2 is usual."""

STOP_TIMEOUT = 5.0
"""Seconds that the child may take to end before it is killed; it has nothing to save."""


class EmbeddedAWSError(RuntimeError):
    """The embedded AWS did not start; the message ends with what its process wrote last."""


class EmbeddedAWS:
    """An AWS of its own for as long as the ``with`` statement lasts, seeded with `stsnb.demo.world`.

    It listens on 127.0.0.1 only. Neither ``os.environ`` nor the home folder is changed, and no ``AWS_*`` variable
    or file of the user's has an influence on it. The thread that enters it owns it; the attributes may be read
    from any thread.

    Attributes
    ----------
    endpoint_url : str
        Where it listens, such as ``http://127.0.0.1:41234``.
    folder : pathlib.Path
        A temporary folder with the ``config`` and ``credentials`` of the user ``myid``.

    Raises
    ------
    EmbeddedAWSError
        On entering, if it does not start.
    """

    endpoint_url: str
    folder: Path
    _admin: AccessKey
    _user: AccessKey

    def __enter__(self) -> EmbeddedAWS:
        with contextlib.ExitStack() as stack:
            # Windows may still hold the log for a moment: a leftover is better than an error on the way out.
            folder = tempfile.TemporaryDirectory(prefix="stsnb-demo-", ignore_cleanup_errors=True)
            self.folder = Path(stack.enter_context(folder))
            answer = stack.enter_context(_served(self.folder / "server.log"))
            self.endpoint_url = answer[0]
            self._admin, self._user = AccessKey(**answer[1]), AccessKey(**answer[2])
            self._write_profile()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __repr__(self) -> str:
        return f"<EmbeddedAWS {getattr(self, 'endpoint_url', 'not started')}>"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead AWS clients here, as the user ``myid``."""
        return {
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def child_environment(self) -> dict[str, str]:
        """Return an environment for a child process: this one, with `environment` for all its ``AWS_*``."""
        child = without_aws(os.environ.copy())
        direct = child.get("no_proxy", child.get("NO_PROXY", ""))
        # A company's proxy cannot know this computer's loopback. Some clients read one spelling, some the other.
        child["no_proxy"] = child["NO_PROXY"] = f"{direct},127.0.0.1".lstrip(",")
        return {**child, **self.environment}

    @property
    def secret_access_key(self) -> str:
        """The secret of ``myid``, so that a test can search for it where it must not be."""
        return self._user.secret_access_key

    def client(self, service: str) -> Any:
        """Return a boto3 client of the user ``admin``, who may do everything.

        Parameters
        ----------
        service
            The service's name for boto3, such as ``"iam"``.
        """
        import boto3
        import botocore.session
        from botocore.config import Config

        # A session that reads no variable and no file: each setting keeps its default (see
        # botocore.session.Session.SESSION_VARIABLES for the tuple's order).
        settings = {
            name: (None, None, default, convert)
            for name, (_, _, default, convert) in botocore.session.Session.SESSION_VARIABLES.items()
        }
        for name in ("config_file", "credentials_file"):
            settings[name] = (None, None, os.devnull, None)
        session = boto3.Session(botocore_session=botocore.session.Session(settings), region_name=REGION)
        return session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self._admin.access_key_id,
            aws_secret_access_key=self._admin.secret_access_key,
            config=Config(proxies={}),
        )

    def _write_profile(self) -> None:
        sections = [f"[default]\nregion = {REGION}\n"]
        for name, keys in PROFILES.items():
            lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
            sections.append(f"[profile {name}]\n{lines}")
        (self.folder / "config").write_text("\n".join(sections), encoding="utf-8")
        secret = os.open(self.folder / "credentials", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(secret, "w", encoding="utf-8") as file:
            file.write("[default]\n")
            file.write(f"aws_access_key_id = {self._user.access_key_id}\n")
            file.write(f"aws_secret_access_key = {self._user.secret_access_key}\n")


def without_aws(variables: dict[str, str]) -> dict[str, str]:
    """Return the variables without those that tell AWS clients who they are and where to go."""
    return {name: value for name, value in variables.items() if not name.upper().startswith("AWS_")}


@contextlib.contextmanager
def _served(log: Path) -> Iterator[Any]:
    """Run the child, and give what it says once it serves."""
    # The user's files, proxies and moto's own settings would change what is served.
    variables = {
        name: value
        for name, value in without_aws(os.environ.copy()).items()
        if not name.upper().startswith(("MOTO_", "TEST_", "INITIAL_NO_AUTH", "BOTO"))
        and not name.upper().endswith("_PROXY")
    }
    variables |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    variables |= {"AWS_EC2_METADATA_DISABLED": "true", "MOTO_DISABLE_GLOBAL_CORS": "true"}
    with log.open("wb") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=variables,
            cwd=Path(__file__).parents[2],  # where this very stsnb can be imported from
        )
    try:
        assert child.stdout is not None
        # A pipe has no timeout of its own on Windows; a child that is killed closes it.
        late = threading.Timer(START_TIMEOUT, child.kill)
        late.start()
        try:
            answer = child.stdout.readline()
        finally:
            late.cancel()
        if not answer:
            child.wait()
            raise EmbeddedAWSError(_why_not(log.read_text(encoding="utf-8", errors="replace")))
        yield json.loads(answer)
    finally:
        child.terminate()
        try:
            child.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def _why_not(log: str) -> str:
    tail = "\n".join(log.strip().splitlines()[-15:])
    if "ModuleNotFoundError" in tail:
        return f"The embedded AWS lacks a package: run  pip install 'stsnb[demo]'  and try again.\n{tail}"
    return f"The embedded AWS did not start. Its process wrote:\n{tail or '(nothing)'}"
