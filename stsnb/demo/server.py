"""The child process: moto on a loopback port, seeded, with authorization on, until its stdin ends.

It says on stdout, as one line of JSON, where it listens and which access keys it made. It must not outlive its
parent, however that ends; a pipe that reaches its end says so on every platform.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import urllib.request
from typing import Any

import boto3
from moto.iam import access_control
from moto.iam.exceptions import NotFoundException
from moto.iam.utils import format_incoming_conditional_values
from moto.server import ThreadedMotoServer

from . import mfa
from .world import REGION, seed


class IAMRequest(access_control.IAMRequest):
    """A request whose trust policies are read as AWS reads them.

    Left alone, moto 5.2.5 answers the seed's trust policy with HTTP 500, since one of its statements names a
    service only. It also lets a statement about somebody else deny the request, knows a role's session by its
    session ARN only, takes a condition on an external id for met when none is given, and assumes roles that
    nobody made. The rules: IAM's user guide, "AWS JSON policy elements: Principal".
    """

    def _is_assuming_role_operation(self, resource_arn: str) -> bool:  # noqa: ARG002 (moto's signature)
        return self._action == "sts:AssumeRole"

    def _check_role_trust_relationship(self, role_arn: str) -> bool:
        try:
            trust = json.loads(self.backend.get_role_by_arn(role_arn).assume_role_policy_document)
        except NotFoundException:
            return False
        given = format_incoming_conditional_values(self._data)
        if mfa.is_given(self._access_key, self._data):
            given[mfa.PRESENT] = "true"
        effects = {
            statement["Effect"]
            for statement in trust["Statement"]
            if self._is_named_by(statement.get("Principal", {}))
            and {key for keys in statement.get("Condition", {}).values() for key in keys} <= given.keys()
            and access_control.IAMPolicyStatement(statement).is_action_permitted(
                self._action, role_arn, incoming_condition_values=given
            )
            is access_control.PermissionResult.PERMITTED
        }
        return effects == {"Allow"}

    def _is_named_by(self, principal: str | dict[str, str | list[str]]) -> bool:
        """Say whether a statement's Principal means the caller: by name, by role, by account, or anybody."""
        named = principal if isinstance(principal, str) else principal.get("AWS", [])
        caller = self._access_key.arn
        partition, account = caller.split(":")[1], caller.split(":")[4]
        means = {"*", caller, account, f"arn:{partition}:iam::{account}:root"}
        if isinstance(self._access_key, access_control.AssumedRoleAccessKey):
            means.add(f"arn:{partition}:iam::{account}:role/{caller.split('/')[-2]}")
        return not means.isdisjoint([named] if isinstance(named, str) else named)


def main() -> None:
    """Serve until stdin ends."""
    # Ctrl-C reaches every process of the terminal; this one goes last, when its parent lets it go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent, sys.stdout = sys.stdout, sys.stderr  # moto prints too
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    access_control.IAMRequest = IAMRequest  # type: ignore[misc]
    mfa.install()

    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    endpoint_url = f"http://{host}:{port}"

    def client(service: str) -> Any:
        # Authorization is still off: any key will do.
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=REGION,
            endpoint_url=endpoint_url,
            aws_access_key_id="seed",
            aws_secret_access_key="seed",
        )

    admin, user = seed(client)
    authorize = urllib.request.Request(
        f"{endpoint_url}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(authorize).close()
    print(json.dumps([endpoint_url, vars(admin), vars(user)]), file=parent, flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
