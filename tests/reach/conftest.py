"""What the tests of the reach share: Ceph with rows in its buckets, and what was seen there."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from tests.ceph.gateway import CephGateway
from tests.ceph.world import ALLOWED, OTHER, REGION
from tests.reach import packages, table
from tests.reach.observe import Seen
from tests.reach.readers import CSV, PARQUET, READERS, ROWS, TABLE

TOOLS = ("cli", "javascript")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-table", action="store_true", help="write the table into the notebook")


@pytest.fixture(scope="session")
def ceph() -> Iterator[CephGateway]:
    """The server, with the same rows in each bucket in three formats."""
    with CephGateway() as gateway:
        keys, rows = gateway.keys("owner"), pd.DataFrame({"n": range(ROWS)})
        parquet = io.BytesIO()
        rows.to_parquet(parquet)
        s3 = gateway.client("s3", "owner")
        for bucket in (ALLOWED, OTHER):
            s3.put_object(Bucket=bucket, Key=CSV, Body=rows.to_csv(index=False))
            s3.put_object(Bucket=bucket, Key=PARQUET, Body=parquet.getvalue())
            options = {
                "AWS_ACCESS_KEY_ID": keys.access_key_id,
                "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
                "AWS_ENDPOINT_URL": gateway.endpoint_url,
                "AWS_REGION": REGION,
                "AWS_ALLOW_HTTP": "true",
            }
            write_deltalake(f"s3://{bucket}/{TABLE}", pa.table({"n": range(ROWS)}), storage_options=options)
        yield gateway


@pytest.fixture(scope="session")
def environment(ceph: CephGateway, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A user who may assume both roles, and a default profile with the keys of another who may not."""
    folder, mallory = tmp_path_factory.mktemp("aws"), ceph.keys("mallory")
    # botocore itself asks for no session under 900 s.
    (folder / "config").write_text("[default]\nparameter_validation = false\n")
    # Some libraries read the file of the home folder whatever the variable says.
    (folder / ".aws").mkdir()
    for credentials in (folder / "credentials", folder / ".aws" / "credentials"):
        credentials.write_text(
            f"[default]\naws_access_key_id = {mallory.access_key_id}\n"
            f"aws_secret_access_key = {mallory.secret_access_key}\n"
        )
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **ceph.environment(short=True),
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_MAX_ATTEMPTS": "1",
        "HOME": str(folder),
        # What GDAL needs to find a server without TLS.
        "AWS_S3_ENDPOINT": ceph.environment(short=True)["AWS_ENDPOINT_URL"].removeprefix("http://"),
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_ALLOW_HTTP": "true",  # what object_store wants to be told
        "STSNB_REACH_FOLDER": str(packages.FOLDER),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


@pytest.fixture(scope="session")
def seen(environment: dict[str, str], request: pytest.FixtureRequest) -> Seen:
    """What was seen of each library and tool, in four processes that wait side by side for sessions to end."""

    def observed(python: str, *names: str) -> Seen:
        run = subprocess.run(
            [python, "-W", "ignore", "-m", "tests.reach.observe", *names],
            env=environment, capture_output=True, text=True, check=False, timeout=400,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr[-3000:]
        found: Seen = json.loads(run.stdout.splitlines()[-1])
        return found

    others = [name for name in READERS if name != "aioboto3"]
    alone = str(packages.AIOBOTO3)
    commands = [
        *((alone, *first, "aioboto3") for first in ([], ["--first"])),
        *((sys.executable, *names) for names in (others[::2], others[1::2], TOOLS)),
        (sys.executable, "--first", *others),
    ]
    unordered: dict[str, dict[str, str]] = {}
    with ThreadPoolExecutor(4) as processes:
        for part in processes.map(lambda command: observed(*command), commands):
            for name, columns in part.items():
                unordered.setdefault(name, {}).update(columns)
    found = {name: unordered[name] for name in (*READERS, *TOOLS)}
    for name in TOOLS:  # a process of their own for each use
        found[name]["first used under another role"] = found[name]["after switch"]
    if request.config.getoption("--write-table"):
        table.write(found)
    request.config.stash[_SEEN] = found
    return found


_SEEN = pytest.StashKey[Seen]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if (found := config.stash.get(_SEEN, None)) is not None:
        terminalreporter.write_line(f"\n{table.made(found)}\n")
