"""The libraries, each with how it reads a bucket: anew, and with an object that is kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: What each bucket holds, in the formats that the libraries read; the table is Delta Lake's.
CSV, PARQUET, TABLE, ROWS = "rows.csv", "rows.parquet", "table", 3

Read = Callable[[], object]


class Reader:
    """One library. It is imported when it is first used, so that each may stand alone."""

    #: How the table in the docs calls it.
    name: str

    def read(self, bucket: str) -> object:
        """Read the bucket as a user does who starts afresh; return what is true, or raise."""
        return self.keep(bucket)()

    def keep(self, bucket: str) -> Read:
        """Make what a user makes once and goes on with; return what reads the bucket with it."""
        return lambda: self.read(bucket)


class Boto3(Reader):
    name = "boto3, its default session"

    def keep(self, bucket: str) -> Read:
        import boto3

        return reading(boto3.client("s3"), bucket)


class Boto3Session(Reader):
    name = "boto3, a new Session()"

    def keep(self, bucket: str) -> Read:
        import boto3

        return reading(boto3.Session().client("s3"), bucket)


def reading(client: Any, bucket: str) -> Read:
    return lambda: client.get_object(Bucket=bucket, Key=CSV)["Body"].read()


class Aioboto3(Reader):
    name = "aioboto3"

    def keep(self, bucket: str) -> Read:
        import aioboto3

        loop, session = asyncio.new_event_loop(), aioboto3.Session()

        async def get() -> object:
            async with session.client("s3") as client:
                answer = await client.get_object(Bucket=bucket, Key=CSV)
                return await answer["Body"].read()

        return lambda: loop.run_until_complete(get())


class S3fs(Reader):
    name = "s3fs"

    def read(self, bucket: str) -> object:
        import s3fs

        return s3fs.S3FileSystem().cat_file(f"{bucket}/{CSV}")

    def keep(self, bucket: str) -> Read:
        import s3fs

        files = s3fs.S3FileSystem(skip_instance_cache=True)
        return lambda: files.cat_file(f"{bucket}/{CSV}")


class Pandas(Reader):
    name = "pandas (fsspec)"

    def read(self, bucket: str) -> object:
        import pandas as pd

        return len(pd.read_csv(f"s3://{bucket}/{CSV}")) == ROWS


class Dask(Reader):
    name = "dask.dataframe"

    def read(self, bucket: str) -> object:
        import dask.dataframe as dd

        return len(dd.read_parquet(f"s3://{bucket}/{PARQUET}").compute(scheduler="sync")) == ROWS


class Pyarrow(Reader):
    name = "pyarrow.fs"

    def keep(self, bucket: str) -> Read:
        import pyarrow.fs

        endpoint, region = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_DEFAULT_REGION"]
        files = pyarrow.fs.S3FileSystem(endpoint_override=endpoint, region=region)
        return lambda: files.open_input_file(f"{bucket}/{CSV}").read()


class Polars(Reader):
    name = "polars"

    def keep(self, bucket: str) -> Read:
        import polars as pl

        frame = pl.scan_parquet(f"s3://{bucket}/{PARQUET}")
        return lambda: frame.collect().height == ROWS and pl.read_csv(f"s3://{bucket}/{CSV}").height == ROWS


class PolarsProvider(Reader):
    name = "polars, CredentialProviderAWS()"

    def read(self, bucket: str) -> object:
        import polars as pl

        provider = pl.CredentialProviderAWS()
        path = f"s3://{bucket}/{PARQUET}"
        return pl.scan_parquet(path, credential_provider=provider).collect().height == ROWS


class FsspecDir(Reader):
    name = "fsspec, a wrapper (dir)"

    def read(self, bucket: str) -> object:
        import fsspec

        return fsspec.filesystem("dir", target_protocol="s3", path=bucket).cat_file(CSV)


class Cloudpathlib(Reader):
    name = "cloudpathlib"

    def read(self, bucket: str) -> object:
        from cloudpathlib import CloudPath

        return CloudPath(f"s3://{bucket}/{CSV}").stat().st_size

    def keep(self, bucket: str) -> Read:
        from cloudpathlib import S3Client

        path = S3Client().CloudPath(f"s3://{bucket}/{CSV}")
        return lambda: path.stat().st_size


class Papermill(Reader):
    name = "papermill"

    def read(self, bucket: str) -> object:
        from papermill.s3 import S3

        return "".join(S3().read(f"s3://{bucket}/{CSV}"))


class Pyogrio(Reader):
    name = "pyogrio, geopandas (GDAL)"

    def read(self, bucket: str) -> object:
        import pyogrio

        return len(pyogrio.list_layers(f"/vsis3/{bucket}/{CSV}"))


class Obstore(Reader):
    name = "obstore"

    def keep(self, bucket: str) -> Read:
        import obstore

        store = obstore.store.S3Store(bucket)
        return lambda: bytes(obstore.get(store, CSV).bytes())


class Deltalake(Reader):
    name = "deltalake (object_store)"

    def keep(self, bucket: str) -> Read:
        import deltalake

        table = deltalake.DeltaTable(f"s3://{bucket}/{TABLE}")
        return lambda: table.to_pyarrow_table().num_rows == ROWS


class Duckdb(Reader):
    name = "duckdb, CREDENTIAL_CHAIN"

    def keep(self, bucket: str) -> Read:
        import duckdb
        import duckdb_extension_aws
        import duckdb_extension_httpfs

        connection = duckdb.connect()
        for package in (duckdb_extension_httpfs, duckdb_extension_aws):
            [file] = Path(str(package.__file__)).parent.rglob("*.duckdb_extension")
            connection.execute(f"LOAD '{file}'")
        host = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
        connection.execute(
            "CREATE SECRET (TYPE s3, PROVIDER credential_chain, REFRESH auto, USE_SSL false, URL_STYLE path,"
            f" ENDPOINT '{host}', REGION '{os.environ['AWS_DEFAULT_REGION']}')"
        )
        count = f"SELECT count(*) FROM 's3://{bucket}/{PARQUET}'"
        return lambda: connection.execute(count).fetchone() == (ROWS,)


class Awswrangler(Reader):
    name = "awswrangler"

    def read(self, bucket: str) -> object:
        import awswrangler as wr

        return len(wr.s3.read_parquet(f"s3://{bucket}/{PARQUET}")) == ROWS


READERS = {
    reader.__name__.lower(): reader()
    for reader in (
        Boto3,
        Boto3Session,
        Aioboto3,
        S3fs,
        Pandas,
        Dask,
        Pyarrow,
        Polars,
        PolarsProvider,
        FsspecDir,
        Cloudpathlib,
        Papermill,
        Pyogrio,
        Obstore,
        Deltalake,
        Duckdb,
        Awswrangler,
    )
}
#: Words by which one of them or another says that the server has refused; all else is a fault of the test.
REFUSALS = ("AccessDenied", "ACCESS_DENIED", "Access Denied", "Forbidden", "403", "PermissionError")
