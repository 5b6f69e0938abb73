"""Scopes over an environment of their own."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import cast

import pytest

from stsnb.injection.environment import Environment
from stsnb.injection.scopes import Scopes
from stsnb.roles.renewer import Renewer
from tests.injection.roles import USER, Watched


@pytest.fixture
def environ() -> dict[str, str]:
    return dict(USER)


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def scopes(environ: MutableMapping[str, str], watched: Watched) -> Iterator[Scopes]:
    scopes = Scopes(Environment(environ), cast(Renewer, watched))
    yield scopes
    scopes.reset()
    assert environ == USER
