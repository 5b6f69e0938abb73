"""The embedded AWS does what the demo says of it, and the demo leaves nothing behind."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

import boto3
import nbformat
import pandas as pd
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from stsnb import demo
from stsnb.demo import EmbeddedAWS, EmbeddedAWSError, as_text, embedded, execute
from stsnb.demo.__main__ import STOP_TIMEOUT
from stsnb.demo.deliveries import as_csv, deliveries
from stsnb.demo.world import TABLE_KEYS

TIMEOUT = 60
BUCKETS = 4


def assume(role_arn: str, *, source: boto3.Session | None = None, **parameters: Any) -> boto3.Session:
    """Assume a role as the user of the environment, or with a session's credentials."""
    sts = (source or boto3.Session()).client("sts", config=Config(parameter_validation=False))
    answer = sts.assume_role(RoleArn=role_arn, RoleSessionName="RoleSession1", **parameters)["Credentials"]
    return boto3.Session(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


def keys(session: boto3.Session, bucket: str) -> list[str]:
    return [each["Key"] for each in session.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]


def refusal(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> str:
    """Call what must be refused, and return AWS's code for it."""
    with pytest.raises(ClientError) as refused:
        call(*arguments, **parameters)
    return str(refused.value.response["Error"]["Code"])


@contextmanager
def started(*command: str | Path, **options: Any) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start a Python program; give it with its output. It ends with the test, and does not hang it."""
    program = [sys.executable, *command]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, **options) as running:
        late = threading.Timer(2 * TIMEOUT, running.kill)
        late.start()
        try:
            assert running.stdout is not None
            yield running, running.stdout
        finally:
            running.terminate()
            late.cancel()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def answers(endpoint_url: str) -> bool:
    try:
        urllib.request.urlopen(f"{endpoint_url}/moto-api/", timeout=5).close()
    except OSError:
        return False
    return True


class TestTheUser:
    def test_is_the_user_of_the_seed(self, aws: EmbeddedAWS) -> None:
        identity = boto3.Session().client("sts").get_caller_identity()

        assert (identity["Account"], identity["Arn"]) == (demo.ACCOUNT_ID, demo.USER_ARN)

    @pytest.mark.parametrize(
        ("service", "operation", "parameters"),
        [
            ("s3", "list_buckets", {}),
            ("s3", "list_objects_v2", {"Bucket": demo.BUCKET}),
            ("s3", "get_object", {"Bucket": demo.BUCKET, "Key": demo.CSV_KEY}),
            ("iam", "list_users", {}),
            ("iam", "list_roles", {}),
        ],
    )
    def test_may_not_do_anything_but_assume_roles(
        self, aws: EmbeddedAWS, service: str, operation: str, parameters: dict[str, str]
    ) -> None:
        client = boto3.Session().client(service)  # type: ignore[call-overload]

        assert refusal(getattr(client, operation), **parameters) == "AccessDenied"

    def test_is_refused_with_a_wrong_secret(self, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
        own = boto3.Session().get_credentials()
        assert own is not None
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", own.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")

        assert refusal(assume, demo.ROLE_ARN) == "SignatureDoesNotMatch"

    def test_is_refused_with_an_unknown_key(self, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN000000000")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")

        assert refusal(assume, demo.ROLE_ARN) == "InvalidClientTokenId"


class TestTheRoles:
    def test_the_trust_policy_is_the_one_of_the_seed(self, aws: EmbeddedAWS) -> None:
        role = aws.client("iam").get_role(RoleName=demo.ROLE_NAME)["Role"]

        assert role["Arn"] == demo.ROLE_ARN
        assert role["AssumeRolePolicyDocument"] == {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "s3.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                },
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::123456789012:user/myid"},
                    "Action": "sts:AssumeRole",
                },
            ],
        }

    def test_a_role_lists_all_buckets_and_reads_its_own(self, aws: EmbeddedAWS) -> None:
        role = assume(demo.ROLE_ARN)

        names = {each["Name"] for each in role.client("s3").list_buckets()["Buckets"]}
        assert {demo.BUCKET, demo.ARCHIVE_BUCKET} <= names
        assert keys(role, demo.BUCKET) == [demo.CSV_KEY, demo.PARQUET_KEY, *TABLE_KEYS]
        file = role.client("s3").get_object(Bucket=demo.BUCKET, Key=demo.CSV_KEY)["Body"].read()
        assert file == as_csv(deliveries(2026, 10))

    def test_a_role_reads_no_bucket_but_its_own_and_writes_none(self, aws: EmbeddedAWS) -> None:
        role, archive = assume(demo.ROLE_ARN), assume(demo.ARCHIVE_ROLE_ARN)

        assert keys(archive, demo.ARCHIVE_BUCKET) == [demo.ARCHIVE_KEY]
        assert refusal(keys, role, demo.ARCHIVE_BUCKET) == "AccessDenied"
        assert refusal(keys, archive, demo.BUCKET) == "AccessDenied"
        get = archive.client("s3").get_object
        assert refusal(get, Bucket=demo.BUCKET, Key=demo.CSV_KEY) == "AccessDenied"
        put = role.client("s3").put_object
        assert refusal(put, Bucket=demo.BUCKET, Key=demo.CSV_KEY, Body=b"") == "AccessDenied"

    def test_reports_trusts_the_role_of_the_deliveries(self, aws: EmbeddedAWS) -> None:
        assert refusal(assume, demo.REPORTS_ROLE_ARN) == "AccessDenied"
        role, archive = assume(demo.ROLE_ARN), assume(demo.ARCHIVE_ROLE_ARN)
        assert keys(assume(demo.REPORTS_ROLE_ARN, source=role), demo.REPORTS_BUCKET) == [demo.REPORTS_KEY]
        assert refusal(assume, demo.REPORTS_ROLE_ARN, source=archive) == "AccessDenied"

    def test_payroll_trusts_somebody_else(self, aws: EmbeddedAWS) -> None:
        assert refusal(assume, demo.PAYROLL_ROLE_ARN) == "AccessDenied"

    def test_a_role_that_nobody_made_cannot_be_assumed(self, aws: EmbeddedAWS) -> None:
        assert refusal(assume, f"{demo.ROLE_ARN}-2") == "AccessDenied"

    def test_a_session_with_a_wrong_token_is_refused(self, aws: EmbeddedAWS) -> None:
        own = assume(demo.ROLE_ARN).get_credentials()
        assert own is not None
        forged = boto3.Session(own.access_key, own.secret_key, "not-the-token")

        assert refusal(keys, forged, demo.BUCKET) == "InvalidToken"

    def test_what_the_demo_says_is_not_enforced_is_not(self, aws: EmbeddedAWS) -> None:
        """If this fails, moto has learned something: then the demo's introduction can say so."""
        deny = json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        )
        mfa: dict[str, Any] = {
            "SerialNumber": f"arn:aws:iam::{demo.ACCOUNT_ID}:mfa/none",
            "TokenCode": "000000",
        }
        short = assume(demo.ROLE_ARN, DurationSeconds=1)
        expired = datetime.now(timezone.utc).timestamp() + 1.5

        assert keys(assume(demo.ROLE_ARN, Policy=deny), demo.BUCKET)
        assert keys(assume(demo.ROLE_ARN, DurationSeconds=43_200), demo.BUCKET)
        assert keys(assume(demo.ROLE_ARN, **mfa), demo.BUCKET)
        wait_until(lambda: datetime.now(timezone.utc).timestamp() > expired)
        assert keys(short, demo.BUCKET)


class TestMFA:
    def buy(self, code: str) -> boto3.Session:
        sts = boto3.Session().client("sts")
        answer = sts.get_session_token(SerialNumber=demo.MFA_SERIAL_NUMBER, TokenCode=code)["Credentials"]
        return boto3.Session(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    def test_a_role_that_wants_it_lets_in_with_it_alone(self, aws: EmbeddedAWS) -> None:
        assert refusal(assume, demo.COSTS_ROLE_ARN) == "AccessDenied"
        with_code = {"SerialNumber": demo.MFA_SERIAL_NUMBER, "TokenCode": "111111"}
        assert keys(assume(demo.COSTS_ROLE_ARN, **with_code), demo.COSTS_BUCKET) == [demo.COSTS_KEY]
        session = self.buy("222222")
        assert session.client("sts").get_caller_identity()["Arn"] == demo.USER_ARN
        assert keys(assume(demo.COSTS_ROLE_ARN, source=session), demo.COSTS_BUCKET) == [demo.COSTS_KEY]
        assert refusal(keys, session, demo.COSTS_BUCKET) == "AccessDenied"

    def test_a_code_is_not_good_twice_and_is_of_six_digits(self, aws: EmbeddedAWS) -> None:
        session = self.buy("333333")
        for code in ("333333", "12345a"):
            assert refusal(self.buy, code) == "AccessDenied"
        assert self.buy("444444")
        assert refusal(session.client("sts").get_session_token) == "AccessDenied"
        own = session.get_credentials()
        assert own is not None
        forged = boto3.Session(own.access_key, own.secret_key, "not-the-token")
        assert refusal(assume, demo.ROLE_ARN, source=forged) == "InvalidClientTokenId"


class TestTrustPolicies:
    """The statements are read as AWS reads them, whatever else moto makes of them."""

    @pytest.fixture
    def role_that_trusts(self, aws: EmbeddedAWS) -> Iterator[Callable[..., str]]:
        iam = aws.client("iam")
        made: list[str] = []

        def make(*statements: dict[str, Any]) -> str:
            document = {"Version": "2012-10-17", "Statement": [statement("*") | each for each in statements]}
            name = f"test-{len(made)}"
            role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
            made.append(name)
            return str(role["Role"]["Arn"])

        def statement(principal: str) -> dict[str, Any]:
            return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}

        yield make
        for name in made:
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            iam.delete_role(RoleName=name)

    @pytest.mark.parametrize(
        "principal",
        [
            {"AWS": demo.USER_ARN},
            {"AWS": [f"{demo.USER_ARN}-2", demo.USER_ARN]},
            {"AWS": f"arn:aws:iam::{demo.ACCOUNT_ID}:root"},
            {"AWS": demo.ACCOUNT_ID},
            {"AWS": "*"},
            "*",
        ],
    )
    def test_the_user_is_named_in_any_of_the_ways_that_aws_knows(
        self, role_that_trusts: Callable[..., str], principal: object
    ) -> None:
        assert assume(role_that_trusts({"Principal": principal}))

    @pytest.mark.parametrize(
        "principal",
        [{"AWS": f"{demo.USER_ARN}-2"}, {"AWS": "210987654321"}, {"Service": "s3.amazonaws.com"}],
    )
    def test_who_is_not_named_is_refused(
        self, role_that_trusts: Callable[..., str], principal: object
    ) -> None:
        assert refusal(assume, role_that_trusts({"Principal": principal})) == "AccessDenied"

    def test_one_statement_that_denies_outweighs_those_that_allow(
        self, role_that_trusts: Callable[..., str]
    ) -> None:
        role = role_that_trusts({}, {"Effect": "Deny", "Principal": {"AWS": demo.USER_ARN}})

        assert refusal(assume, role) == "AccessDenied"

    def test_an_external_id_must_be_given_and_right(self, role_that_trusts: Callable[..., str]) -> None:
        role = role_that_trusts({"Condition": {"StringEquals": {"sts:ExternalId": "warehouse-7"}}})

        assert assume(role, ExternalId="warehouse-7")
        assert refusal(assume, role, ExternalId="warehouse-8") == "AccessDenied"
        assert refusal(assume, role) == "AccessDenied"

    def test_a_role_may_be_trusted_by_another_role(
        self, aws: EmbeddedAWS, role_that_trusts: Callable[..., str]
    ) -> None:
        first = role_that_trusts({"Principal": {"AWS": demo.USER_ARN}})
        second = role_that_trusts({"Principal": {"AWS": first}})
        may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": second}
        aws.client("iam").put_role_policy(
            RoleName=first.rpartition("/")[2],
            PolicyName="chain",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
        )

        assert assume(second, source=assume(first))
        assert refusal(assume, second) == "AccessDenied"
        assert refusal(assume, second, source=assume(demo.ROLE_ARN)) == "AccessDenied"


class TestTheFiles:
    def test_are_the_same_at_every_start(self) -> None:
        assert as_csv(deliveries(2026, 10)) == as_csv(deliveries(2026, 10))
        assert 300 < len(deliveries(2026, 10)) < 1000

    def test_csv_and_parquet_hold_the_same_deliveries(self, aws: EmbeddedAWS, tmp_path: Path) -> None:
        s3 = assume(demo.ROLE_ARN).client("s3")
        for key in (demo.CSV_KEY, demo.PARQUET_KEY):
            s3.download_file(demo.BUCKET, key, str(tmp_path / Path(key).name))

        parquet = pd.read_parquet(tmp_path / "2026-10.parquet")
        csv = pd.read_csv(tmp_path / "2026-10.csv", parse_dates=["date"])
        pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)
        assert pd.api.types.is_datetime64_any_dtype(parquet["date"])

    def test_there_is_something_to_find_in_them(self) -> None:
        late = {
            year: pd.DataFrame(deliveries(year, 10)).groupby(["warehouse", "carrier"])["delay_hours"].mean()
            for year in (2025, 2026)
        }

        assert late[2026].idxmax() == ("Busan", "Tideline")
        assert late[2026].max() > 5 * late[2025].max()


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

    def test_neither_reads_nor_changes_what_is_the_users(self, tmp_path: Path) -> None:
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

        wait_until(lambda: not answers(endpoint_url))

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


@pytest.fixture
def notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write a notebook of code cells, and of Markdown ones where the text begins with #."""

    def write(*sources: str) -> Path:
        cells = [(new_markdown_cell if each[0] == "#" else new_code_cell)(each) for each in sources]  # type: ignore[no-untyped-call]
        path = tmp_path / "notebook.ipynb"
        nbformat.write(new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]
        return path

    return write


class TestExecute:
    def test_runs_a_notebook_in_its_folder_with_the_given_environment(
        self, embedded_aws: EmbeddedAWS, notebook: Callable[..., Path]
    ) -> None:
        path = notebook(
            "import boto3; boto3.client('sts').get_caller_identity()['Arn']",
            "import os; print(os.getcwd(), os.environ['GREETING'])",
        )
        before = path.read_bytes()

        executed = execute(path, embedded_aws.child_environment() | {"GREETING": "hello"})

        texts = [as_text(cell.outputs[0]) for cell in executed.cells]
        assert texts == [repr(demo.USER_ARN), f"{path.parent.resolve()} hello"]
        assert path.read_bytes() == before

    def test_runs_it_with_this_interpreter_whatever_kernels_the_user_has(
        self, notebook: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = tmp_path / "jupyter" / "kernels" / "python3"
        other.mkdir(parents=True)
        (other / "kernel.json").write_text(
            json.dumps({"argv": ["no-such-python", "{connection_file}"], "display_name": "", "language": ""})
        )
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

        executed = execute(notebook("import sys; print(sys.executable)"), os.environ)

        assert as_text(executed.cells[0].outputs[0]) == sys.executable

    def test_keeps_the_state_of_widgets_as_a_saved_notebook_does(self, notebook: Callable[..., Path]) -> None:
        path = notebook(
            "import comm; state = {'_model_name': 'IntSliderModel', '_model_module': 'controls', 'value': 7}\n"
            "comm.create_comm(target_name='jupyter.widget', comm_id='w', data={'state': state})"
        )

        executed = execute(path, os.environ)

        widgets = executed.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
        assert widgets["w"]["state"]["value"] == 7

    def test_raises_what_a_cell_raised_and_runs_no_other(
        self, notebook: Callable[..., Path], tmp_path: Path
    ) -> None:
        path = notebook("1 / 0", "open('ran', 'w').close()")

        with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
            execute(path, os.environ)
        assert not (tmp_path / "ran").exists()

    def test_says_that_the_kernel_died(self, notebook: Callable[..., Path]) -> None:
        with pytest.raises(DeadKernelError):
            execute(notebook("import os; os._exit(3)"), os.environ)

    def test_shows_cells_as_they_begin_and_end(self, notebook: Callable[..., Path]) -> None:
        seen = []

        execute(
            notebook("# Title", "print('one')"),
            os.environ,
            on_start=lambda cell: seen.append(("start", cell.source)),
            on_end=lambda cell: seen.append(("end", as_text(cell.outputs[0]))),
        )

        assert seen == [("start", "# Title"), ("start", "print('one')"), ("end", "one")]


def run_demo(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stsnb.demo", *arguments],
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT,
        check=False,
        **options,
    )


class TestTheCommandLine:
    def test_prints_the_cells_of_a_notebook_as_a_reader_sees_them(
        self, notebook: Callable[..., Path]
    ) -> None:
        path = notebook(
            "# Deliveries\n\nWho is late?",
            "import boto3\nboto3.client('sts').get_caller_identity()['Arn']",
            "print('one'); print('two')",
            "'three'",
        )

        ended = run_demo("--execute", path)

        assert ended.stdout == (
            "# Deliveries\n\nWho is late?\n\n"
            "In [1]: import boto3\n"
            "        boto3.client('sts').get_caller_identity()['Arn']\n"
            "'arn:aws:iam::123456789012:user/myid'\n\n"
            "In [2]: print('one'); print('two')\none\ntwo\n\n"
            "In [3]: 'three'\n'three'\n\n"
        )
        assert (ended.stderr, ended.returncode) == ("", 0)

    def test_ends_with_1_and_the_error_where_a_cell_fails(self, notebook: Callable[..., Path]) -> None:
        ended = run_demo("--execute", notebook("print('before')", "1 / 0", "print('after')"))

        assert ended.returncode == 1
        assert "In [1]: print('before')\nbefore\n" in ended.stdout
        assert ended.stdout.endswith("ZeroDivisionError: division by zero\n\n")
        assert ended.stderr == "A cell of notebook.ipynb failed; its error stands above.\n"

    def test_ends_with_1_where_the_kernel_dies(self, notebook: Callable[..., Path]) -> None:
        ended = run_demo("--execute", notebook("import os; os._exit(3)"))

        assert (ended.stderr, ended.returncode) == ("notebook.ipynb was not finished: Kernel died\n", 1)

    def test_says_that_there_is_no_such_notebook(self) -> None:
        ended = run_demo("--execute", "nowhere.ipynb")

        assert ended.returncode == 2
        assert ended.stderr == "There is no notebook nowhere.ipynb. Give the path of an .ipynb file.\n"

    def test_says_that_the_quickstart_is_missing(self, tmp_path: Path) -> None:
        program = (
            "import sys, stsnb.demo.__main__ as demo; demo.__file__ = sys.argv[1]; sys.exit(demo.main([]))"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program, tmp_path / "site-packages" / "stsnb" / "demo" / "__main__.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

        assert ended.returncode == 2
        assert ended.stderr.startswith("There is no notebooks/quickstart.ipynb here. Run this in a checkout")
        assert "Traceback" not in ended.stderr

    def test_takes_no_other_option_with_execute(self, notebook: Callable[..., Path]) -> None:
        ended = run_demo("--execute", notebook("1"), "--no-browser")

        assert ended.returncode == 2
        assert "unrecognized arguments: --no-browser" in ended.stderr

    @pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_stops_a_notebook_without_a_traceback(
        self, notebook: Callable[..., Path], number: signal.Signals
    ) -> None:
        path = notebook(
            "import os; print(os.getpid(), os.environ['AWS_ENDPOINT_URL'])", "import time; time.sleep(600)"
        )
        command = ("-m", "stsnb.demo", "--execute", path)
        with started(*command, stderr=subprocess.STDOUT, start_new_session=True) as (running, output):
            kernel, endpoint_url = next(line for line in output if "http://" in line).split()
            next(line for line in output if "sleep" in line)
            os.killpg(running.pid, number)  # as a terminal does at Ctrl-C: to the whole group
            rest = output.read()

        assert rest.strip() == "Stopped."
        assert running.returncode == 130
        assert not answers(endpoint_url)
        with pytest.raises(ProcessLookupError):
            os.kill(int(kernel), 0)

    @pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
    def test_opens_jupyterlab_and_takes_it_down_with_itself(
        self, notebook: Callable[..., Path], tmp_path: Path
    ) -> None:
        (tmp_path / "notebooks").mkdir()
        notebook("1").rename(tmp_path / "notebooks" / "quickstart.ipynb")
        # A configuration of JupyterLab is Python: this one shows what JupyterLab was given.
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "jupyter_server_config.py").write_text(
            "import os; print('JupyterLab asks', os.environ['AWS_ENDPOINT_URL'], flush=True)"
        )
        command = ("-m", "stsnb.demo", "--no-browser", "--port=0")
        with started(
            *command,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")},
            start_new_session=True,
        ) as (running, output):
            text = ""
            for line in output:
                text += line
                if "/lab/tree/quickstart.ipynb?token=" in line:
                    break
            began = time.monotonic()
            os.killpg(running.pid, signal.SIGINT)
            text += output.read()

        assert f"You are the user {demo.USER_NAME} of the account {demo.ACCOUNT_ID}" in text
        assert "JupyterLab asks http://127.0.0.1:" in text
        assert "Stopping JupyterLab and the embedded AWS." in text
        assert "Traceback" not in text
        assert running.returncode == 0
        assert time.monotonic() - began < STOP_TIMEOUT, "JupyterLab was not asked to stop, but killed"
