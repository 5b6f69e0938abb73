"""Libraries that keep the identity they saw first follow each change of the active role."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import boto3
import fsspec
import polars as pl
import pytest
import s3fs

import stsnb
from stsnb.demo import (
    ARCHIVE_BUCKET,
    ARCHIVE_KEY,
    ARCHIVE_ROLE_ARN,
    BUCKET,
    CSV_KEY,
    PARQUET_KEY,
    ROLE_ARN,
    EmbeddedAWS,
)
from stsnb.injection import library_caches
from tests.scripted_sts import ROLE, ScriptedSTS

DELIVERIES, ARCHIVE = f"s3://{BUCKET}/{PARQUET_KEY}", f"s3://{ARCHIVE_BUCKET}/{ARCHIVE_KEY}"


def reads(url: str) -> bool:
    try:
        return pl.scan_parquet(url).collect().height > 100
    except OSError:
        return False


def test_polars_follows_the_active_role(aws: EmbeddedAWS) -> None:
    assert not reads(DELIVERIES)
    stsnb.assume_role(ROLE_ARN)
    assert reads(DELIVERIES)
    assert pl.read_csv(f"s3://{BUCKET}/{CSV_KEY}").height > 100
    with stsnb.assume_role(ARCHIVE_ROLE_ARN):
        assert (reads(DELIVERIES), reads(ARCHIVE)) == (False, True)
    assert (reads(DELIVERIES), reads(ARCHIVE)) == (True, False)
    stsnb.drop_role()
    assert not reads(DELIVERIES)


def test_a_polars_frame_keeps_the_role_that_it_was_read_under(aws: EmbeddedAWS) -> None:
    stsnb.assume_role(ROLE_ARN)
    frame = pl.scan_parquet(DELIVERIES)
    assert frame.collect().height > 100
    stsnb.drop_role()
    assert frame.collect().height > 100


def test_polars_keeps_one_connection_until_the_role_changes(aws: EmbeddedAWS) -> None:
    from polars.io.cloud.credential_provider._builder import AutoInit

    def key() -> bytes:
        return AutoInit(dict).get_or_init_cache_key()

    stsnb.assume_role(ROLE_ARN)
    first = key()
    assert key() == first
    stsnb.drop_role()
    assert key() != first


def test_a_file_system_that_a_user_holds_keeps_its_role(aws: EmbeddedAWS) -> None:
    stsnb.assume_role(ROLE_ARN)
    files = s3fs.S3FileSystem()
    assert files.ls(BUCKET)
    stsnb.drop_role()
    assert files.cat_file(f"{BUCKET}/{CSV_KEY}")
    with pytest.raises(PermissionError):
        s3fs.S3FileSystem().ls(BUCKET)


@pytest.mark.parametrize(
    "module",
    [
        SimpleNamespace(),  # of a later version, with other names
        SimpleNamespace(AutoInit=SimpleNamespace()),
        SimpleNamespace(AutoInit=None),
    ],
)
def test_another_version_of_a_library_does_not_fail_a_change(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    monkeypatch.setitem(sys.modules, "polars.io.cloud.credential_provider._builder", module)
    monkeypatch.setitem(sys.modules, "fsspec.spec", SimpleNamespace())
    role = stsnb.assume_role(ROLE)
    assert stsnb.current_role() is role


def test_no_library_is_imported_to_be_cleared() -> None:
    names = ("s3fs", "polars", "pyarrow", "duckdb", "deltalake", "pandas")
    code = f"import sys; from stsnb.injection import library_caches; library_caches.clear(); print([n for n in {names} if n in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_many_changes_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from polars.io.cloud.credential_provider._builder import AutoInit

    for _ in range(3000):  # deeper than a function may call itself
        library_caches.clear()
    assert len(AutoInit(dict).get_cache_key_impl()) == 16


class OwnFileSystem(s3fs.S3FileSystem):
    """A subclass, of which fsspec keeps instances apart."""


def of_fsspec(protocol: str, **options: object) -> bytes:
    return fsspec.filesystem(protocol, target_protocol="s3", **options).cat_file(f"{BUCKET}/{CSV_KEY}")


def by_papermill() -> object:
    from papermill.s3 import S3

    return list(S3().list(f"s3://{BUCKET}/deliveries"))


def by_cloudpathlib() -> object:
    from cloudpathlib import CloudPath

    return CloudPath(f"s3://{BUCKET}/{CSV_KEY}").read_bytes()


def by_s3path() -> object:
    from s3path import S3Path

    return S3Path(f"/{BUCKET}/{CSV_KEY}").read_bytes()


def by_pyogrio() -> object:
    import pyogrio

    return pyogrio.list_layers(f"/vsis3/{BUCKET}/{CSV_KEY}")


REFUSALS = ("denied", "Denied", "403", "Forbidden")
#: A plain call of each library, which names no identity.
PLAIN_CALLS = {
    "simplecache": lambda: of_fsspec("simplecache"),
    "filecache": lambda: of_fsspec("filecache", check_files=True),
    "blockcache": lambda: of_fsspec("blockcache", check_files=True),
    "dir": lambda: fsspec.filesystem("dir", target_protocol="s3", path=BUCKET).cat_file(CSV_KEY),
    "a subclass": lambda: OwnFileSystem().cat_file(f"{BUCKET}/{CSV_KEY}"),
    "polars with a provider": lambda: pl.scan_parquet(
        DELIVERIES, credential_provider=pl.CredentialProviderAWS()
    ).collect(),
    "papermill": by_papermill,
    "cloudpathlib": by_cloudpathlib,
    "s3path": by_s3path,
    "pyogrio (GDAL)": by_pyogrio,
}


@pytest.mark.filterwarnings(
    "ignore:`CredentialProviderAWS` functionality", "ignore:the `credential_provider`"
)
@pytest.mark.parametrize("name", PLAIN_CALLS)
def test_a_plain_call_follows_the_active_role(
    aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in gdal_variables().items():
        monkeypatch.setenv(variable, value)

    def works() -> bool:
        try:
            return bool(PLAIN_CALLS[name]() is not None)
        except Exception as error:
            if not any(word in f"{error!r} {error.__cause__!r}" for word in REFUSALS):
                raise
            return False

    assert not works()
    stsnb.assume_role(ROLE_ARN)
    assert works()
    with stsnb.assume_role(ARCHIVE_ROLE_ARN):
        assert not works()
    assert works()
    stsnb.drop_role()
    assert not works()


def gdal_variables() -> dict[str, str]:
    """Return what GDAL needs to find the server, and the user's keys, which it finds nowhere else."""
    keys = boto3.Session().get_credentials()
    return {
        "AWS_S3_ENDPOINT": os.environ["AWS_ENDPOINT_URL"].split("//")[1],
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
    }


def test_a_default_client_with_keys_of_the_user_s_own_stays(aws: EmbeddedAWS) -> None:
    from cloudpathlib import S3Client

    own = S3Client(aws_access_key_id="AKIAOWN", aws_secret_access_key="own")
    own.set_as_default_client()
    try:
        stsnb.assume_role(ROLE_ARN)
        assert S3Client.get_default_client() is own
    finally:
        S3Client._default_client = None


def test_a_default_client_with_an_endpoint_of_the_user_s_own_stays(aws: EmbeddedAWS) -> None:
    from cloudpathlib import S3Client

    own = S3Client(endpoint_url="http://127.0.0.1:9")
    own.set_as_default_client()
    try:
        stsnb.assume_role(ROLE_ARN)
        assert S3Client.get_default_client() is own
    finally:
        S3Client._default_client = None


def test_a_model_of_pynamodb_follows_the_active_role(sts: ScriptedSTS) -> None:
    from pynamodb.attributes import UnicodeAttribute
    from pynamodb.models import Model

    class Delivery(Model):
        class Meta:
            table_name, region, host = "deliveries", "us-east-1", "http://127.0.0.1:9"

        number = UnicodeAttribute(hash_key=True)

    def key() -> str:
        return str(Delivery._get_connection().connection.client._request_signer._credentials.access_key)

    of_user = key()
    role = stsnb.assume_role(ROLE)
    assert key() == role.response.access_key_id
    stsnb.drop_role()
    assert key() == of_user
