"""What is put into the environment comes out again exactly."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType

import boto3
import pytest

from stsnb.injection.environment import Environment, credential_variables
from stsnb.injection.served_roles import live_variables
from stsnb.sts.response import AssumeRoleResponse

USER = {
    "AWS_ACCESS_KEY_ID": "AKIAUSER",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_PROFILE": "work",
    "AWS_SECURITY_TOKEN": "",
    "X": "1",
}


def response(number: int = 1) -> AssumeRoleResponse:
    ends = datetime(2030, 1, 1, number, tzinfo=timezone.utc)
    return AssumeRoleResponse(
        f"ASIA{number}", f"secret{number}", f"token{number}", ends, "arn:aws:sts::1:assumed-role/r/s"
    )


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session()


def test_a_role_takes_the_place_of_the_users_keys_and_of_what_would_beat_them(session: boto3.Session) -> None:
    environ = dict(USER)
    Environment(environ).put(credential_variables(response()), session)
    assert environ == {
        "AWS_ACCESS_KEY_ID": "ASIA1",
        "AWS_SECRET_ACCESS_KEY": "secret1",
        "AWS_SESSION_TOKEN": "token1",
        "AWS_CREDENTIAL_EXPIRATION": "2030-01-01T01:00:00+00:00",
        "X": "1",
    }
    assert boto3.DEFAULT_SESSION is session


def test_absent_and_empty_variables_come_back_absent_and_empty(session: boto3.Session) -> None:
    environ = dict(USER)
    environment = Environment(environ)
    environment.put(credential_variables(response()), session)
    environment.put(credential_variables(response(2)), session)
    environment.put_back()
    assert environ == USER
    assert boto3.DEFAULT_SESSION is None


def test_the_users_own_default_session_comes_back(session: boto3.Session) -> None:
    mine = boto3.DEFAULT_SESSION = boto3.Session(region_name="eu-west-1")
    environment = Environment({})
    environment.put(credential_variables(response()), session)
    assert environment.session_of_user() is mine
    environment.put_back()
    assert boto3.DEFAULT_SESSION is mine


def test_what_the_user_has_changed_since_is_left_alone(session: boto3.Session) -> None:
    environ = dict(USER)
    environment = Environment(environ)
    environment.put({**credential_variables(response()), "AWS_REGION": "eu-west-1"}, session)
    environ["AWS_REGION"] = "eu-west-3"
    environ["AWS_PROFILE"] = "other"
    del environ["AWS_ACCESS_KEY_ID"]
    mine = boto3.DEFAULT_SESSION = boto3.Session()
    assert environment.of_user() == {
        "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "other", "AWS_SECURITY_TOKEN": "", "AWS_REGION": "eu-west-3", "X": "1"
    }  # fmt: skip
    environment.put_back()
    assert environ == {
        "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "other", "AWS_SECURITY_TOKEN": "", "AWS_REGION": "eu-west-3", "X": "1"
    }  # fmt: skip
    assert boto3.DEFAULT_SESSION is mine


def test_a_second_role_covers_what_the_user_changed_and_gives_it_back(session: boto3.Session) -> None:
    environ: dict[str, str] = {}
    environment = Environment(environ)
    environment.put(credential_variables(response()), session)
    environ["AWS_PROFILE"] = "other"
    environment.put(credential_variables(response(2)), session)
    assert "AWS_PROFILE" not in environ
    environment.put_back()
    assert environ == {"AWS_PROFILE": "other"}


def test_newer_credentials_take_the_place_of_older_ones_only_while_those_stand_there(
    session: boto3.Session,
) -> None:
    environ = dict(USER)
    environment = Environment(environ)
    environment.put(credential_variables(response()), session)
    environment.renew(credential_variables(response(2)))
    assert environ["AWS_ACCESS_KEY_ID"] == "ASIA2"
    environ["AWS_SECRET_ACCESS_KEY"] = "pasted by the user"
    environment.renew(credential_variables(response(3)))
    assert environ["AWS_ACCESS_KEY_ID"] == "ASIA2"
    environment.put_back()
    assert environ == {**USER, "AWS_SECRET_ACCESS_KEY": "pasted by the user"}


@pytest.mark.parametrize(
    "name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN", "AWS_ACCOUNT_ID"]
)
def test_a_variable_that_was_taken_away_and_set_again_does_not_end_the_renewal(
    session: boto3.Session, name: str
) -> None:
    environ = dict(USER)
    environment = Environment(environ)
    environment.put(credential_variables(response()), session)
    environ[name] = "set by the user"
    for number in (2, 3):
        environment.renew(credential_variables(response(number)))
        assert environ["AWS_ACCESS_KEY_ID"] == f"ASIA{number}"
        assert environ[name] == "set by the user"
    environment.put_back()
    assert environ == {**USER, name: "set by the user"}


def test_a_value_that_the_system_refuses_leaves_everything_as_it_was(session: boto3.Session) -> None:
    class Picky(dict[str, str]):
        def __setitem__(self, name: str, value: str) -> None:
            if value == "token2":
                raise ValueError("embedded null byte")
            super().__setitem__(name, value)

    environ = Picky(USER)
    environment = Environment(environ)
    environment.put(credential_variables(response()), session)
    before, default = dict(environ), boto3.DEFAULT_SESSION
    with pytest.raises(ValueError, match="null byte"):
        environment.put(credential_variables(response(2)), boto3.Session())
    assert environ == before
    assert boto3.DEFAULT_SESSION is default
    environment.put_back()
    assert environ == USER


def test_a_reader_that_goes_by_the_expiration_never_sees_half_a_set(session: boto3.Session) -> None:
    """botocore re-reads the variables only while AWS_CREDENTIAL_EXPIRATION is set."""
    seen: list[tuple[str | None, ...]] = []

    class Watched(dict[str, str]):
        def _look(self) -> None:
            if self.get("AWS_CREDENTIAL_EXPIRATION"):
                seen.append(
                    tuple(
                        v and v[-1]
                        for v in (
                            self.get("AWS_ACCESS_KEY_ID"),
                            self.get("AWS_SECRET_ACCESS_KEY"),
                            self.get("AWS_SESSION_TOKEN"),
                        )
                    )
                )

        def __setitem__(self, name: str, value: str) -> None:
            super().__setitem__(name, value)
            self._look()

        def __delitem__(self, name: str) -> None:
            super().__delitem__(name)
            self._look()

    environment = Environment(Watched())
    environment.put(credential_variables(response(1)), session)
    environment.renew(credential_variables(response(2)))
    environment.put(credential_variables(response(3)), session)
    assert seen == [("1",) * 3, ("2",) * 3, ("3",) * 3]


def test_a_boto3_that_another_thread_is_importing_has_no_default_session_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", ModuleType("boto3"))
    assert Environment().session_of_user() is None


@pytest.mark.parametrize(
    ("environ", "past"),
    [
        ({}, None),
        ({"NO_PROXY": "example.com"}, None),
        ({"HTTP_PROXY": ""}, None),
        ({"HTTPS_PROXY": "http://p"}, None),  # the endpoint speaks HTTP
        ({"HTTP_PROXY": "http://p"}, "127.0.0.1"),
        ({"all_proxy": "http://p", "NO_PROXY": "example.com"}, "example.com,127.0.0.1"),
        ({"http_proxy": "http://p", "no_proxy": "a", "NO_PROXY": "b"}, "a,127.0.0.1"),
        ({"http_proxy": "http://p", "no_proxy": "*"}, None),
        ({"http_proxy": "http://p", "no_proxy": "localhost, 127.0.0.1"}, None),
    ],
)
def test_no_proxy_is_asked_for_the_endpoint(environ: dict[str, str], past: str | None) -> None:
    variables = live_variables(
        "http://127.0.0.1:1/", "t", Path("token"), Path("config"), "stsnb-live", environ
    )
    assert (variables.get("no_proxy"), variables.get("NO_PROXY")) == (past, past)


def test_a_live_role_takes_the_keys_away_and_puts_them_back(session: boto3.Session) -> None:
    environ = {**USER, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}
    before = dict(environ)
    environment = Environment(environ)
    variables = live_variables(
        "http://127.0.0.1:1/", "t", Path("token"), Path("config"), "stsnb-live", environ
    )
    environment.put(variables, session)
    assert environ == {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "token",
        "AWS_CONFIG_FILE": "config",
        "AWS_PROFILE": "stsnb-live",
        "X": "1",
    }
    assert environment.of_user() == before
    environment.put(credential_variables(response()), session)
    environment.put(variables, session)
    environment.put_back()
    assert environ == before
