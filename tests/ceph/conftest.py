"""What the tests against Ceph share: the server, and an environment that says nothing about AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.ceph.gateway import CephGateway

#: Their tests wait for sessions to end, up to 25 s: started first, they end while the others run.
_LONG = ("test_soak", "test_chaining", "test_renewal")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _LONG.index(item.path.stem) if item.path.stem in _LONG else len(_LONG))


@pytest.fixture(scope="session")
def ceph() -> Iterator[CephGateway]:
    """The server, up and seeded; without its programs the tests fail, they do not skip."""
    with CephGateway() as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def no_aws_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the AWS variables of the environment."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
