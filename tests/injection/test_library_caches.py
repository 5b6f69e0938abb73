"""What keeps the identity that it saw first lets go of it at each change of role."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

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


def test_polars_follows_the_role_in_force(aws: EmbeddedAWS) -> None:
    assert not reads(DELIVERIES)
    stsnb.assume_role(ROLE_ARN)
    assert reads(DELIVERIES)
    assert pl.read_csv(f"s3://{BUCKET}/{CSV_KEY}").height > 100
    with stsnb.assume_role(ARCHIVE_ROLE_ARN):
        assert (reads(DELIVERIES), reads(ARCHIVE)) == (False, True)
    assert (reads(DELIVERIES), reads(ARCHIVE)) == (True, False)
    stsnb.drop_role()
    assert not reads(DELIVERIES)


def test_polars_goes_on_with_what_was_made_under_the_old_role(aws: EmbeddedAWS) -> None:
    stsnb.assume_role(ROLE_ARN)
    frame = pl.scan_parquet(DELIVERIES)
    assert frame.collect().height > 100
    stsnb.drop_role()
    assert frame.collect().height > 100


def test_polars_keeps_one_connection_as_long_as_nobody_changes_the_role(aws: EmbeddedAWS) -> None:
    from polars.io.cloud.credential_provider._builder import AutoInit

    def key() -> bytes:
        return AutoInit(dict).get_or_init_cache_key()

    stsnb.assume_role(ROLE_ARN)
    first = key()
    assert key() == first
    stsnb.drop_role()
    assert key() != first


def test_files_that_a_user_has_open_stay_those_of_their_role(aws: EmbeddedAWS) -> None:
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
        SimpleNamespace(),  # of a version to come, in which the name is another
        SimpleNamespace(AutoInit=SimpleNamespace()),
        SimpleNamespace(AutoInit=None),
    ],
)
def test_a_library_that_has_changed_keeps_nobody_from_a_role(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    monkeypatch.setitem(sys.modules, "polars.io.cloud.credential_provider._builder", module)
    monkeypatch.setitem(sys.modules, "s3fs", SimpleNamespace())
    role = stsnb.assume_role(ROLE)
    assert stsnb.current_role() is role


def test_no_library_is_imported_for_it() -> None:
    names = ("s3fs", "polars", "pyarrow", "duckdb", "deltalake", "pandas")
    code = f"import sys; from stsnb.injection import library_caches; library_caches.clear(); print([n for n in {names} if n in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_letting_go_again_and_again_does_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from polars.io.cloud.credential_provider._builder import AutoInit

    for _ in range(3000):  # deeper than a function may call itself
        library_caches.clear()
    assert len(AutoInit(dict).get_cache_key_impl()) == 16
