"""Source credentials as botocore signs with them."""

from __future__ import annotations

import threading

import botocore.session
from botocore.credentials import Credentials, ReadOnlyCredentials

from stsnb.sources.credentials import FetchedCredentials, FrozenCredentials, set_credentials
from tests.scripted_sts import SECRET_MARK


class Counting(Credentials):
    """Credentials whose access key counts how often they were fetched."""

    def __init__(self) -> None:
        super().__init__("", "", method="counting")
        self.fetched = 0

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        self.fetched += 1
        return FrozenCredentials(f"AKIA{self.fetched}", "x", None)


def test_a_repr_shows_the_end_of_the_access_key_only() -> None:
    keys = FrozenCredentials("ASIA1234", SECRET_MARK, SECRET_MARK)
    assert "1234" in repr(keys)
    assert "ASIA" not in repr(keys)
    assert SECRET_MARK not in f"{keys!r} {keys}"
    assert "None" not in repr(FrozenCredentials(None, "x", None))


def test_signing_fetches_nothing_more_on_the_same_thread() -> None:
    credentials = FetchedCredentials(Counting())
    assert credentials.fetch().access_key == "AKIA1"
    assert credentials.get_frozen_credentials().access_key == "AKIA1"
    assert credentials.fetch().access_key == "AKIA2"
    elsewhere: list[str | None] = []
    thread = threading.Thread(
        target=lambda: elsewhere.append(credentials.get_frozen_credentials().access_key)
    )
    thread.start()
    thread.join()
    assert elsewhere == ["AKIA3"]
    assert credentials.get_frozen_credentials().access_key == "AKIA2"


def test_other_credentials_sign_from_then_on() -> None:
    credentials = FetchedCredentials(Counting())
    credentials.fetch()
    credentials.replace(Credentials("AKIAOTHER", "x", method="other"))
    assert credentials.get_frozen_credentials().access_key == "AKIAOTHER"
    assert credentials.method == "other"


def test_a_session_signs_with_what_it_is_given_whatever_it_found_before() -> None:
    session = botocore.session.Session()
    session.set_credentials("AKIAFOUND", "x")
    set_credentials(session, Credentials("AKIAGIVEN", "x"))
    assert session.get_credentials().access_key == "AKIAGIVEN"
