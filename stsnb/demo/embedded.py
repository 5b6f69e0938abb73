"""EmbeddedAWS: starts the embedded AWS in a child process, and makes the environment for its clients."""

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
"""The most seconds until the child serves; 2 are usual."""

STOP_TIMEOUT = 5.0
"""The most seconds until the child ends; then it is killed, since it has nothing to save."""


class EmbeddedAWSError(RuntimeError):
    """The embedded AWS did not start; the message ends with the last lines of its process."""


class EmbeddedAWS:
    """An embedded AWS with the contents of `stsnb.demo.world`, which runs during a ``with`` statement.

    It listens on 127.0.0.1 only. It changes neither ``os.environ`` nor the home folder, and ignores the user's
    ``AWS_*`` variables and files. It belongs to the thread that enters it; any thread may read its attributes.

    Attributes
    ----------
    endpoint_url : str
        Its URL, such as ``http://127.0.0.1:41234``.
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
            # Windows may still have the log open for a moment: a file left over is better than an error.
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
        """The variables for AWS clients that use it as the user ``myid``."""
        return {
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def child_environment(self) -> dict[str, str]:
        """Return an environment for a child process: this process's, with `environment` in place of its ``AWS_*``."""
        child = without_aws(os.environ.copy())
        direct = child.get("no_proxy", child.get("NO_PROXY", ""))
        # A proxy can't reach this computer's loopback. Both spellings, since some clients read only one.
        child["no_proxy"] = child["NO_PROXY"] = f"{direct},127.0.0.1".lstrip(",")
        return {**child, **self.environment}

    @property
    def secret_access_key(self) -> str:
        """The secret access key of ``myid``, so that a test can search for it in outputs."""
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

        # A session that reads neither variables nor files: each setting keeps its default. The order of the tuple is
        # that of botocore.session.Session.SESSION_VARIABLES.
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
    """Return the variables without the ``AWS_*`` ones."""
    return {name: value for name, value in variables.items() if not name.upper().startswith("AWS_")}


@contextlib.contextmanager
def _served(log: Path) -> Iterator[Any]:
    """Run the child, and yield its first line once it serves."""
    # The user's files and proxies, and settings of moto, would change the responses.
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
            cwd=Path(__file__).parents[2],  # so that the child imports this stsnb
        )
    try:
        assert child.stdout is not None
        # Reading a pipe has no timeout on Windows; killing the child closes it.
        timeout = threading.Timer(START_TIMEOUT, child.kill)
        timeout.start()
        try:
            answer = child.stdout.readline()
        finally:
            timeout.cancel()
        if not answer:
            child.wait()
            raise EmbeddedAWSError(_start_fault(log.read_text(encoding="utf-8", errors="replace")))
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


def _start_fault(log: str) -> str:
    tail = "\n".join(log.strip().splitlines()[-15:])
    if "ModuleNotFoundError" in tail:
        return f"A package of the embedded AWS is not installed. Run  pip install 'stsnb[demo]'  and try again.\n{tail}"
    return f"The embedded AWS did not start. Its process wrote:\n{tail or '(nothing)'}"
