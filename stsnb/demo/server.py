"""The child process: serves moto with authorization on a loopback port until its stdin ends.

It writes its URL and the access keys to stdout, as one line of JSON. The end of stdin is the end of its parent on every
platform, however the parent ends.
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
    """A request whose trust policies are evaluated as AWS evaluates them.

    moto 5.2.5 fails with HTTP 500 on a trust policy with a statement that names a service only. It also lets a
    statement for another principal deny the request, matches a role's session by its session ARN only, takes a
    condition on an external id as met without one, and assumes roles that don't exist. The rules: IAM user guide, "AWS
    JSON policy elements: Principal".
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
            if self._matches(statement.get("Principal", {}))
            and {key for keys in statement.get("Condition", {}).values() for key in keys} <= given.keys()
            and access_control.IAMPolicyStatement(statement).is_action_permitted(
                self._action, role_arn, incoming_condition_values=given
            )
            is access_control.PermissionResult.PERMITTED
        }
        return effects == {"Allow"}

    def _matches(self, principal: str | dict[str, str | list[str]]) -> bool:
        """Return whether a statement's Principal matches the caller: its ARN, role or account, or ``*``."""
        named = principal if isinstance(principal, str) else principal.get("AWS", [])
        caller = self._access_key.arn
        partition, account = caller.split(":")[1], caller.split(":")[4]
        matching = {"*", caller, account, f"arn:{partition}:iam::{account}:root"}
        if isinstance(self._access_key, access_control.AssumedRoleAccessKey):
            matching.add(f"arn:{partition}:iam::{account}:role/{caller.split('/')[-2]}")
        return not matching.isdisjoint([named] if isinstance(named, str) else named)


def main() -> None:
    """Serve until stdin ends."""
    # Ctrl-C reaches all processes of the terminal; this one ends when its parent ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent, sys.stdout = sys.stdout, sys.stderr  # moto prints to stdout
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    access_control.IAMRequest = IAMRequest  # type: ignore[misc]
    mfa.install()

    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    endpoint_url = f"http://{host}:{port}"

    def client(service: str) -> Any:
        # Authorization is still off: any key is accepted.
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
