"""EmbeddedAWS starts, serves on loopback, changes nothing of the user's, and ends with its parent."""

from __future__ import annotations

import logging
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stsnb import demo
from stsnb.demo import EmbeddedAWS, EmbeddedAWSError, embedded
from tests.demo.programs import answers, started
from tests.sandbox import wait_until

BUCKETS = 4
TIMEOUT = 60


class TestEmbeddedAWS:
    def test_listens_on_the_loopback_address_only(self, embedded_aws: EmbeddedAWS) -> None:
        scheme, _, address = embedded_aws.endpoint_url.partition("://")
        host, _, port = address.partition(":")

        assert (scheme, host) == ("http", "127.0.0.1")
        if sys.platform == "linux":  # where each address of 127.0.0.0/8 is this computer
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", int(port)))

    @pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
    def test_keeps_the_credentials_file_to_its_owner(self, embedded_aws: EmbeddedAWS) -> None:
        assert stat.S_IMODE((embedded_aws.folder / "credentials").stat().st_mode) == 0o600
        assert stat.S_IMODE(embedded_aws.folder.stat().st_mode) == 0o700

    def test_a_child_gets_none_of_the_users_aws_variables(
        self, embedded_aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.setenv(name, "the-users-own")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://the-users-own")
        monkeypatch.setenv("LANGUAGE", "ko")

        child = embedded_aws.child_environment()

        assert {name: value for name, value in child.items() if "AWS" in name} == embedded_aws.environment
        assert child["LANGUAGE"] == "ko"

    def test_a_child_reaches_it_past_a_proxy(
        self, embedded_aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "intranet")
        monkeypatch.delenv("no_proxy", raising=False)
        ask = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"

        child = embedded_aws.child_environment()

        assert child["no_proxy"] == child["NO_PROXY"] == "intranet,127.0.0.1"
        answer = subprocess.run(
            [sys.executable, "-c", ask],
            env=child,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
        )
        assert answer.stdout.strip() == demo.USER_ARN

    def test_neither_reads_nor_changes_the_users_settings(self, tmp_path: Path) -> None:
        # GIVEN an empty home, and an environment in which every AWS client would fail
        home = tmp_path / "home"
        home.mkdir()
        (tmp_path / "garbage").write_text("[this is no config")
        hostile = {
            "HOME": str(home),
            "USERPROFILE": str(home),
            "AWS_PROFILE": "missing",
            "AWS_CONFIG_FILE": str(tmp_path / "garbage"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "garbage"),
            "AWS_CA_BUNDLE": str(tmp_path / "missing"),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_MAX_ATTEMPTS": "nonsense",
            "AWS_ACCESS_KEY_ID": "AKIATHEUSERSOWN00000",
            "AWS_SECRET_ACCESS_KEY": "the-users-own",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
            "MOTO_ACCOUNT_ID": "999999999999",
            "INITIAL_NO_AUTH_ACTION_COUNT": "0",
        }
        # WHEN the embedded AWS starts in it, and its administrator asks for something
        program = """
import os
from stsnb.demo import EmbeddedAWS
before = dict(os.environ)
with EmbeddedAWS() as aws:
    print(aws.client("iam").get_user(UserName="myid")["User"]["Arn"])
    print(len(aws.client("s3").list_buckets()["Buckets"]))
print(dict(os.environ) == before, aws.folder.exists())
"""
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **hostile},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        # THEN all is as in a friendly one, and nothing was left
        assert ended.stdout.split() == [demo.USER_ARN, str(BUCKETS), "True", "False"], ended.stderr
        assert list(home.iterdir()) == []

    def test_shows_no_secret(
        self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with caplog.at_level(logging.DEBUG), EmbeddedAWS() as aws:
            assert aws.client("iam").list_users()["Users"]
            log = (aws.folder / "server.log").read_text()
            # A list: of the strings, pytest would show the one that fails.
            secrets = [aws.secret_access_key, aws._admin.secret_access_key]
            shown = [repr(aws), str(aws), repr(vars(aws)), caplog.text, log, *capfd.readouterr()]

        assert repr(aws) == f"<EmbeddedAWS {aws.endpoint_url}>"
        assert all(secrets)
        assert not any(secret in text for secret in secrets for text in shown)

    def test_ends_with_its_with_statement(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with EmbeddedAWS() as aws:
            assert answers(aws.endpoint_url)
            assert list(tmp_path.iterdir()) == [aws.folder]

        assert not answers(aws.endpoint_url)
        assert list(tmp_path.iterdir()) == []

    def test_ends_when_its_parent_is_killed(self) -> None:
        program = """
from stsnb.demo import EmbeddedAWS
with EmbeddedAWS() as aws:
    print(aws.endpoint_url, flush=True)
    input()
"""
        with started("-c", program, stdin=subprocess.PIPE) as (parent, output):
            endpoint_url = output.readline().strip()
            assert answers(endpoint_url)
            parent.kill()

        wait_until("the embedded AWS has ended", lambda: not answers(endpoint_url))

    @pytest.mark.parametrize(
        ("moto", "message"),
        [
            (
                "raise ImportError('this moto is broken')",
                "did not start(.|\n)*ImportError: this moto is broken",
            ),
            ("import nowhere_to_be_found", r"pip install 'stsnb\[demo\]'(.|\n)*nowhere_to_be_found"),
            ("import time; time.sleep(60)", "did not start"),
        ],
    )
    def test_says_why_it_did_not_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moto: str, message: str
    ) -> None:
        (tmp_path / "path" / "moto").mkdir(parents=True)
        (tmp_path / "path" / "moto" / "__init__.py").write_text(moto)
        (tmp_path / "temp").mkdir()
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
        if "sleep" in moto:
            monkeypatch.setattr(embedded, "START_TIMEOUT", 0.5)

        with pytest.raises(EmbeddedAWSError, match=message), EmbeddedAWS():
            pass
        assert list((tmp_path / "temp").iterdir()) == []

    def test_importing_it_loads_nothing_that_is_slow_or_changes_botocore(self) -> None:
        program = (
            "import sys, stsnb.demo; print({'boto3', 'botocore', 'moto', 'nbclient'} & set(sys.modules))"
        )

        loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

        assert loaded.stdout.strip() == "set()"
