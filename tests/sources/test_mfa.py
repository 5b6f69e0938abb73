"""MFA: asked once a day and not once an hour, in the foreground alone, and never for ever."""

from __future__ import annotations

import gc
import getpass
import os
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

import stsnb
from stsnb import AssumeRoleError
from stsnb.demo import execute
from stsnb.kernel import kernel
from tests.person import Person
from tests.scripted_sts import INVALID_CODE, ROLE, SECRET_MARK, MFADevice, ScriptedSTS

OTHER = "arn:aws:iam::123456789012:role/other"


def state() -> tuple[object, ...]:
    return dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()


# --- once a day -----------------------------------------------------------------------------------------------


def test_a_code_is_asked_for_once_and_serves_all_roles_of_the_day(
    sts: ScriptedSTS, device: MFADevice, person: Person
) -> None:
    person.types = [device.code]
    role = stsnb.assume_role(ROLE, serial_number=device.serial_number)
    assert person.asked == [f"MFA code of {device.serial_number} for role-for-s3-fileserver: "]
    assert (role.renewable, role.needs_code, role.serial_number) == (True, False, device.serial_number)
    for _ in range(3):
        role.refresh()
        stsnb.assume_role(ROLE, serial_number=device.serial_number)
        stsnb.assume_role(OTHER, serial_number=device.serial_number, region="eu-west-1")
        stsnb.drop_role()
    assert len(person.asked) == 1
    assert (sts.count("GetSessionToken"), sts.calls) == (1, 10)
    session_call = sts.requests[0]
    assert (session_call["SerialNumber"], session_call["DurationSeconds"]) == (device.serial_number, "43200")
    assert set(sts.callers[1:]) == {"ASIA0000000000000001"}
    assert not any("TokenCode" in request for request in sts.requests[1:])


def test_a_code_on_the_line_needs_no_prompt_and_the_same_cell_runs_again(
    sts: ScriptedSTS, device: MFADevice, person: Person
) -> None:
    for _ in range(2):
        stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    assert person.asked == []
    assert (sts.count("GetSessionToken"), sts.calls) == (1, 2)


def test_two_threads_with_one_code_start_one_session(sts: ScriptedSTS, device: MFADevice) -> None:
    roles: list[stsnb.AssumedRole] = []
    code = {"serial_number": device.serial_number, "token_code": device.code}
    threads = [
        threading.Thread(target=lambda: roles.append(stsnb.assume_role(ROLE, inject=False, **code)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(roles) == 8
    assert sts.count("GetSessionToken") == 1


def test_another_user_or_another_device_is_asked_for_a_code_of_its_own(
    sts: ScriptedSTS, device: MFADevice, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.types = [device.code]
    stsnb.assume_role(ROLE, serial_number=device.serial_number)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAANOTHERUSER00000")
    person.types = [device.shows_next()]
    stsnb.assume_role(ROLE, serial_number=device.serial_number)
    device.serial_number = "arn:aws:iam::123456789012:mfa/other"
    person.types = [device.shows_next()]
    stsnb.assume_role(ROLE, serial_number=device.serial_number)
    assert len(person.asked) == 3


def test_the_device_of_a_role_profile_is_asked_for_a_code(
    sts: ScriptedSTS, device: MFADevice, person: Person, config: Path
) -> None:
    (config / "config").write_text(
        f"[profile hop]\nrole_arn = {ROLE}\nmfa_serial = {device.serial_number}\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = AKIABASE000000000000\naws_secret_access_key = x\n"
    )
    person.types = [device.code]
    role = stsnb.assume_role("hop")
    assert role.serial_number == device.serial_number
    assert sts.callers == ["AKIABASE000000000000", "ASIA0000000000000001"]


# --- codes that are refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["keys", "temporary"])
def test_a_wrong_code_and_a_used_one_say_what_to_try_and_nothing_changes(
    sts: ScriptedSTS, device: MFADevice, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "temporary":
        monkeypatch.setenv("AWS_SESSION_TOKEN", "temporary already")
    device.used.add(device.code)
    for code in ("000000", device.code):
        before, requests = state(), len(sts.requests)
        with pytest.raises(AssumeRoleError, match="refused the code of the MFA device") as refused:
            stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=code)
        assert "Wait for the device's next code" in refused.value.advice
        assert "aws iam list-mfa-devices" in refused.value.advice
        assert code not in str(refused.value)
        assert state() == before
        assert len(sts.requests) == requests + 1  # a code is sent once


def test_an_error_names_the_arn_of_the_wrong_device(sts: ScriptedSTS, device: MFADevice) -> None:
    with pytest.raises(AssumeRoleError, match="MFA device arn:aws:iam::123456789012:mfa/nobody"):
        stsnb.assume_role(ROLE, serial_number="arn:aws:iam::123456789012:mfa/nobody", token_code=device.code)


# --- no user ---------------------------------------------------------------------------------------------


def test_another_thread_asks_for_no_code(sts: ScriptedSTS, device: MFADevice, person: Person) -> None:
    errors: list[Exception] = []

    def assume() -> None:
        try:
            stsnb.assume_role(ROLE, serial_number=device.serial_number)
        except AssumeRoleError as refused:
            errors.append(refused)

    thread = threading.Thread(target=assume)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert "you can't be asked for it here" in str(errors[0])
    assert "--token-code 123456" in str(errors[0])
    assert (person.asked, sts.requests) == ([], [])


def test_a_notebook_without_a_browser_fails_at_once(
    sts: ScriptedSTS, device: MFADevice, tmp_path: Path
) -> None:
    path = tmp_path / "made.ipynb"
    line = f"%assume_role {ROLE} --serial-number {device.serial_number}"
    nbformat.write(new_notebook(cells=[new_code_cell("%load_ext stsnb"), new_code_cell(line)]), path)
    with pytest.raises(CellExecutionError, match="you can't be asked for it here") as stopped:
        execute(path, os.environ.copy())
    assert stopped.value.ename == "AssumeRoleError"
    assert sts.requests == []


def test_a_program_with_an_open_pipe_for_input_does_not_wait_for_it(
    sts: ScriptedSTS, device: MFADevice
) -> None:
    program = f"import stsnb; stsnb.assume_role({ROLE!r}, serial_number={device.serial_number!r})"
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # without a terminal that getpass could open
    )
    assert run.wait(60) != 0
    assert run.stdout is not None
    assert b"you can't be asked for it here" in run.stdout.read()
    run.stdout.close()
    assert run.stdin is not None
    run.stdin.close()


def test_an_interrupt_at_the_prompt_leaves_everything_as_it_was(
    sts: ScriptedSTS, device: MFADevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(getpass, "getpass", interrupted)
    before = state()
    with pytest.raises(KeyboardInterrupt):
        stsnb.assume_role(ROLE, serial_number=device.serial_number)
    assert state() == before


def test_a_notebook_asks_below_the_cell_and_the_code_is_in_no_output(
    sts: ScriptedSTS, device: MFADevice, tmp_path: Path
) -> None:
    """A real kernel and a front end that answers its input requests."""
    manager = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    manager.start_kernel(env=os.environ.copy(), cwd=tmp_path)
    client = manager.client()
    client.start_channels()
    asked, shown = [], []

    def answer(message: dict) -> None:  # type: ignore[type-arg]
        asked.append((message["content"]["prompt"], message["content"]["password"]))
        client.input(device.code)

    try:
        client.wait_for_ready(timeout=60)
        for cell in (
            "%load_ext stsnb",
            f"%assume_role {ROLE} --serial-number {device.serial_number}",
            "%history\n%current_role",
        ):
            reply = client.execute_interactive(
                cell,
                timeout=60,
                stdin_hook=answer,
                output_hook=lambda message: shown.append(str(message["content"])),
            )
            assert reply["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert asked == [(f"MFA code of {device.serial_number} for role-for-s3-fileserver: ", True)]
    assert "role-for-s3-fileserver" in "".join(shown)
    assert device.code not in "".join(shown)


def test_a_callback_of_a_widget_asks_for_no_code(sts: ScriptedSTS, device: MFADevice, tmp_path: Path) -> None:
    """A front end shows no question that a comm's message has raised: the kernel would wait for ever."""
    manager = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    manager.start_kernel(env=os.environ.copy(), cwd=tmp_path)
    client = manager.client()
    client.start_channels()
    shown: list[str] = []
    cell = (
        "import getpass, stsnb\ntold = []\n"
        "def opened(comm, message):\n"
        f"    getpass.getpass = lambda prompt: told.append('asked') or {device.code!r}\n"
        f"    try: stsnb.assume_role({ROLE!r}, serial_number={device.serial_number!r})\n"
        "    except stsnb.AssumeRoleError as error: told.append(str(error))\n"
        "get_ipython().kernel.comm_manager.register_target('button', opened)"
    )
    try:
        client.wait_for_ready(timeout=60)
        assert client.execute_interactive(cell, timeout=60)["content"]["status"] == "ok"
        content = {"comm_id": "1", "target_name": "button", "data": {}}
        client.shell_channel.send(client.session.msg("comm_open", content))
        client.execute_interactive(
            "print(told)", timeout=60, output_hook=lambda message: shown.append(str(message["content"]))
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert "be asked for it here" in "".join(shown)
    assert "asked'," not in "".join(shown)
    assert sts.requests == []


# --- nothing keeps a code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["keys", "temporary"])
def test_a_code_is_kept_nowhere_once_it_is_used(
    sts: ScriptedSTS, device: MFADevice, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "temporary":
        monkeypatch.setenv("AWS_SESSION_TOKEN", "temporary already")
    code = "".join(["4938", "17"])  # an object of its own, which nothing else can refer to
    held = stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=code)
    assert held._fetcher.request.token_code is None
    reached, todo = set(), [held, kernel]
    while todo:
        found = todo.pop()
        if id(found) in reached or isinstance(found, type(os)):
            continue
        reached.add(id(found))
        assert not (isinstance(found, str) and found == code)
        todo += [
            each
            for each in gc.get_referents(found)
            if isinstance(each, (str, dict, list, tuple, set)) or type(each).__module__.startswith("stsnb")
        ]


def test_an_mfa_session_shows_no_secret_and_is_not_written(sts: ScriptedSTS, device: MFADevice) -> None:
    import pickle

    stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    (session,) = kernel._mfa_sessions._sessions.values()
    assert SECRET_MARK not in f"{session} {session!r} {session.get_frozen_credentials()!r}"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(session)


def test_a_magic_line_takes_the_code_as_the_cli_does(
    shell: InteractiveShell, sts: ScriptedSTS, device: MFADevice
) -> None:
    line = f"aws sts assume-role --role-arn {ROLE} --role-session-name me --serial-number {device.serial_number} --token-code {device.code}"
    assert shell.run_cell(f"%assume_role {line}").success
    assert stsnb.current_role().renewable
    assert INVALID_CODE not in str(stsnb.current_role())
