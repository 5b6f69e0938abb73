"""CephGateway: a Ceph of one node, in memory, whose gateways speak S3, STS and IAM and enforce all they say."""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.ceph import packages, world
from tests.sandbox import Daemon, Sandbox, SandboxError, free_ports, listens

# Nothing is read from /etc/ceph or kept in /var/lib/ceph: every path is below the sandbox's folder, and the
# sockets and files of process ids that no test reads are off. All data is in the OSD's memory.
# Without cephx there are no keys to make; everything listens on the loopback address only.
_CONF = """\
[global]
fsid = {fsid}
mon_initial_members = a
mon_host = [v2:127.0.0.1:{monitor_port}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_allow_insecure_global_id_reclaim = false
keyring = {folder}/keyring
run_dir = {folder}
crash_dir = {folder}
admin_socket =
pid_file =
log_to_file = false
log_to_stderr = true
err_to_stderr = true
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
# A monitor waits a second with each change of its maps, for others to join it: that is most of a start (8 s).
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_client_hunt_interval = 0.2
[mon]
mon_data = {folder}/mon
mon_cluster_log_to_file = false
# Let a nearly full disk be: nothing is written to it.
mon_data_avail_warn = 1
mon_data_avail_crit = 1
[osd]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_class_load_list = *
osd_class_default_list = *
[client]
# A gateway asks its monitor for encryption otherwise, which needs cephx.
ms_mon_client_mode = crc
debug_rgw = 1
rgw_data = {folder}/rgw
rgw_enable_apis = s3, admin, sts, iam
rgw_thread_pool_size = 32
# With caches, a gateway that writes (a bucket, a user, a role) waits 30 s for one that was killed to agree.
rgw_cache_enabled = false
rgw_s3_auth_use_sts = true
rgw_sts_key = {sts_key}
rgw_sts_max_session_duration = 43200
[client.gateway]
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_sts_min_session_duration = 900
[client.short]
rgw_frontends = beast endpoint=127.0.0.1:{short_port}
rgw_sts_min_session_duration = 1
[client.admin]
debug_rgw = 0
"""


class CephGateway:
    """A context manager: within it the server is up and holds what `tests.ceph.world` says.

    Two gateways serve the same users, roles, buckets and sessions. The one at `endpoint_url` takes sessions
    from 900 s on, as AWS does; the one at `short_endpoint_url` from 1 s on, to see them end. (botocore itself
    refuses to send less than 900 s, unless it has ``Config(parameter_validation=False)``.)
    """

    def __enter__(self) -> CephGateway:
        absent = packages.missing()
        if absent:
            raise SandboxError(f"{', '.join(absent)} not found: run python -m tests.ceph.packages.")
        with contextlib.ExitStack() as stack:
            surroundings = {
                name: value for name, value in os.environ.items() if not name.startswith(("CEPH_", "AWS_"))
            }
            self._sandbox = stack.enter_context(Sandbox("stsnb-ceph", surroundings))
            self._gateways: dict[str, Daemon] = {}
            self._start_store()
            # One after the other: the first makes the zone and its pools, and two at once sometimes wait 5 s.
            self._start("gateway")
            self._start("short")
            admin = world.Keys.of_user(
                self._run(
                    "radosgw-admin",
                    *("user", "create", "--uid=admin", "--display-name=admin", f"--caps={world.ADMIN_CAPS}"),
                )
            )
            self._users = world.seed(self.endpoint_url, admin)
            self._leave = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave.close()

    @property
    def endpoint_url(self) -> str:
        """The gateway whose sessions last 900 s at least."""
        return f"http://127.0.0.1:{self._ports['gateway']}"

    @property
    def short_endpoint_url(self) -> str:
        """The gateway whose sessions last 1 s at least."""
        return f"http://127.0.0.1:{self._ports['short']}"

    def keys(self, user: str = "alice") -> world.Keys:
        """Return the keys of a user of `world.USERS`."""
        return self._users[user]

    def client(self, service: str, user: str = "alice", *, short: bool = False, **settings: Any) -> Any:
        """Make a client of boto3 for a user; `short` means the gateway of short sessions."""
        endpoint_url = self.short_endpoint_url if short else self.endpoint_url
        return self._users[user].client(service, endpoint_url, **settings)

    def environment(self, user: str = "alice", short: bool = False) -> dict[str, str]:
        """Return the variables that make a user the caller, and keep the machine's own AWS settings out."""
        keys = self._users[user]
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_ENDPOINT_URL": self.short_endpoint_url if short else self.endpoint_url,
            "AWS_DEFAULT_REGION": world.REGION,
            "AWS_CONFIG_FILE": str(self._sandbox.folder / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self._sandbox.folder / "no-aws-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def access_log(self, *, short: bool = False) -> Path:
        """Return the file in which a gateway notes each request that reached it."""
        return self._gateways["short" if short else "gateway"].log

    def kill_gateway(self, *, short: bool = False) -> None:
        """Kill a gateway (SIGKILL): from now on connections to its port are refused."""
        self._gateways.pop("short" if short else "gateway").kill()

    def start_gateway(self, *, short: bool = False) -> None:
        """Start a gateway that was killed, on its old port, with all that the server held."""
        self._start("short" if short else "gateway")

    def _start_store(self) -> None:
        """Start the monitor and the one OSD, and wait for nothing more than the next step needs."""
        folder = self._sandbox.folder
        for part in ("mon", "osd", "rgw"):
            (folder / part).mkdir()
        fsid, osd_uuid = str(uuid.uuid4()), str(uuid.uuid4())
        monitor_port, port, short_port = free_ports(3)
        self._ports = {"gateway": port, "short": short_port}
        (folder / "ceph.conf").write_text(
            _CONF.format(
                folder=folder,
                fsid=fsid,
                monitor_port=monitor_port,
                port=port,
                short_port=short_port,
                sts_key=secrets.token_hex(8),  # 16 characters, for AES-128
            )
        )
        address = f"[v2:127.0.0.1:{monitor_port}]"
        self._sandbox.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, "monmap")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap")
        self._daemon("monitor", "ceph-mon", "-i", "a")
        self._sandbox.wait_until("the monitor listens", lambda: listens(monitor_port))
        self._run("ceph", "--connect-timeout", "20", "osd", "new", osd_uuid)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd_uuid)
        self._daemon("osd", "ceph-osd", "-i", "0")

    def _start(self, name: str) -> None:
        # Asked to end, a gateway takes 5 to 10 s, and there is nothing that it would have to save.
        self._gateways[name] = self._daemon(name, "radosgw", "-n", f"client.{name}", patience=0)
        self._sandbox.wait_until(f"the gateway {name} answers", lambda: self._answers(name))

    def _answers(self, name: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[name], timeout=5)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        else:
            return answer.status == 200
        finally:
            connection.close()

    def _run(self, program: str, *arguments: str) -> str:
        return self._sandbox.run(program, "-c", "ceph.conf", *arguments)

    def _daemon(self, name: str, program: str, *arguments: str, patience: float = 2) -> Daemon:
        return self._sandbox.start(name, program, "-c", "ceph.conf", *arguments, "-f", patience=patience)
