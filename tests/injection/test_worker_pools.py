"""Pools of worker processes that were started under another identity."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import joblib
import pytest

import stsnb
from stsnb.injection import worker_pools
from stsnb.injection.worker_pools import WorkerPoolWarning
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, ScriptedSTS

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="a system without fork has neither of these pools"
)


def key(_: object = None) -> str | None:
    return os.environ.get("AWS_ACCESS_KEY_ID")


def key_once(path: str) -> str | None:
    """Begin by making one file, and end once there is another."""
    Path(f"{path}-begun").touch()
    wait_until("the role has changed", Path(path).exists)
    return key()


def by_joblib() -> set[str | None]:
    return set(joblib.Parallel(2)(joblib.delayed(key)() for _ in range(2)))


def by_fork_server() -> str | None:
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        return pool.map(key, [0])[0]


@pytest.fixture(autouse=True)
def _shown_again() -> Iterator[None]:
    worker_pools._shown.clear()
    yield
    worker_pools._shown.clear()


@pytest.mark.parametrize("live", [False, True])
def test_pools_of_joblib_and_the_fork_server_follow_the_role(sts: ScriptedSTS, live: bool) -> None:
    of_user = key()
    assert (by_joblib(), by_fork_server()) == ({of_user}, of_user)
    for name in ("first", "second"):
        role = stsnb.assume_role(ROLE, name, live=live)
        expected = None if live else role.response.access_key_id
        assert (by_joblib(), by_fork_server()) == ({expected}, expected)
    stsnb.drop_role()
    assert (by_joblib(), by_fork_server()) == ({of_user}, of_user)


def test_running_tasks_of_joblib_end_undisturbed(sts: ScriptedSTS, tmp_path: Path) -> None:
    role = stsnb.assume_role(ROLE, "first")
    paths = [f"{tmp_path}/{n}" for n in range(2)]
    with concurrent.futures.ThreadPoolExecutor(1) as executor, warnings.catch_warnings():
        warnings.simplefilter("ignore", WorkerPoolWarning)
        running = executor.submit(
            lambda: joblib.Parallel(2)(joblib.delayed(key_once)(path) for path in paths)
        )
        wait_until("both run", lambda: all(Path(f"{path}-begun").exists() for path in paths))
        stsnb.assume_role(ROLE, "second")
        for path in paths:
            Path(path).touch()
        assert running.result(60) == [role.response.access_key_id] * 2


def test_a_pool_of_the_fork_server_that_is_held_keeps_working(sts: ScriptedSTS) -> None:
    of_user = key()
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        assert pool.map(key, [0]) == [of_user]
        with pytest.warns(WorkerPoolWarning, match=r"identity: multiprocessing.Pool \(1\)\. Create"):
            role = stsnb.assume_role(ROLE)
        assert pool.map(key, [0]) == [of_user]
        assert by_fork_server() == role.response.access_key_id


def test_an_executor_that_is_held_is_named_at_each_change_until_it_ends(sts: ScriptedSTS) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as executor:
        executor.submit(key).result()
        for change in (lambda: stsnb.assume_role(ROLE), stsnb.drop_role):
            worker_pools._shown.clear()
            with pytest.warns(WorkerPoolWarning, match=r"ProcessPoolExecutor \(1\)"):
                change()
    with warnings.catch_warnings():
        warnings.simplefilter("error", WorkerPoolWarning)
        stsnb.assume_role(ROLE)


def test_the_same_text_is_shown_once(sts: ScriptedSTS) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as executor:
        executor.submit(key).result()
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("default")
            stsnb.assume_role(ROLE)
            stsnb.drop_role()
    assert [warning.category for warning in shown] == [WorkerPoolWarning]


def test_a_warning_that_is_an_error_does_not_fail_the_change(sts: ScriptedSTS) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as executor:
        executor.submit(key).result()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            role = stsnb.assume_role(ROLE)
    assert stsnb.current_role() is role


def test_the_same_role_again_warns_of_nothing(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, "first")
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as executor:
        executor.submit(key).result()
        with warnings.catch_warnings():
            warnings.simplefilter("error", WorkerPoolWarning)
            stsnb.assume_role(ROLE, "first")


def test_former_fork_servers_end(sts: ScriptedSTS) -> None:
    by_fork_server()
    stsnb.assume_role(ROLE, "first")
    [*_, (pid, _)] = worker_pools._former_servers
    stsnb.drop_role()

    def ended() -> bool:
        worker_pools.replace()
        return pid not in [former for former, _ in worker_pools._former_servers]

    wait_until("the former server has ended", ended)
