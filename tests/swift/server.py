"""OpenStack Swift in a folder: four servers on loopback, one replica, started with Debian's ``python3-swift``.

Runs under the Python that has the ``swift`` package, so it imports nothing of ours:

    python3 server.py FOLDER PROXY ACCOUNT CONTAINER OBJECT

with four free ports. It ends, and the servers with it, at SIGTERM or when its standard input ends. Users are of
tempauth: ``test:tester`` with the key ``testing``. Everything that Swift would look for in ``/etc/swift`` lies in the
folder; nothing runs beside it, so expired objects stay listed, as they do until the expirer has come by.
"""

import contextlib
import ctypes
import getpass
import os
import select
import signal
import sys
import time
from pathlib import Path

from swift.common import constraints, storage_policy, utils, wsgi
from swift.common.ring import RingBuilder

SERVERS = ("account", "container", "object")

PIPELINE = (
    "catch_errors gatekeeper cache listing_formats tempurl s3api tempauth copy slo dlo versioned_writes symlink "
    "proxy-server"
)

SWIFT_CONF = """\
[swift-hash]
swift_hash_path_suffix = test
"""

BACKEND_CONF = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
disable_fallocate = true
log_address = {folder}/no-log

[pipeline:main]
pipeline = {server}-server

[app:{server}-server]
use = egg:swift#{server}
replication_one_per_device = false
"""

PROXY_CONF = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
log_address = {folder}/no-log

[pipeline:main]
pipeline = {pipeline}

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true

[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
paste.filter_factory = server:cache_factory
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:tempurl]
use = egg:swift#tempurl
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
"""


class Cache:
    """What memcached keeps for the proxy, in its own memory: there is one process."""

    def __init__(self):
        self._values = {}

    def get(self, key, *_args, **_options):
        value, end = self._values.get(key, (None, 0))
        return value if not end or end > time.time() else None

    def set(self, key, value, **options):
        seconds = options.get("time", 0)
        self._values[key] = (value, time.time() + seconds if seconds else 0)

    def delete(self, key, *_args, **_options):
        self._values.pop(key, None)


def cache_factory(_global, **_local):
    """The filter that gives every request the one cache."""
    cache = Cache()

    def made(app):
        def call(environ, start_response):
            environ["swift.cache"] = cache
            return app(environ, start_response)

        return call

    return made


def lay(folder, ports):
    """Write the configuration and the rings."""
    (folder / "devices" / "d1").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text(SWIFT_CONF)
    for server in ("proxy", *SERVERS):
        text = PROXY_CONF if server == "proxy" else BACKEND_CONF
        details = {"port": ports[server], "user": getpass.getuser(), "folder": folder, "server": server}
        details["pipeline"] = PIPELINE
        (folder / f"{server}.conf").write_text(text.format(**details))
    for server in SERVERS:
        builder = RingBuilder(4, 1, 0)
        place = {"ip": "127.0.0.1", "port": ports[server], "device": "d1", "region": 1, "zone": 1, "weight": 1.0}
        builder.add_dev({**place, "replication_ip": "127.0.0.1", "replication_port": ports[server], "meta": ""})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{server}.ring.gz"))


def read_from(folder):
    """Let the package look into the folder where it would look into /etc/swift."""
    file = str(folder / "swift.conf")
    utils.SWIFT_CONF_FILE = constraints.SWIFT_CONF_FILE = storage_policy.SWIFT_CONF_FILE = file
    utils.HASH_PATH_SUFFIX = b""
    utils.validate_hash_conf()
    constraints.reload_constraints()
    storage_policy.reload_storage_policies()


def serve(folder, server):
    """Become one of the servers, which does not outlive the process that started it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, signal.SIG_DFL)
    sys.exit(wsgi.run_wsgi(str(folder / f"{server}.conf"), f"{server}-server"))


def main():
    folder = Path(sys.argv[1]).resolve()
    ports = dict(zip(("proxy", *SERVERS), sys.argv[2:6], strict=True))
    sys.modules["server"] = sys.modules["__main__"]
    lay(folder, ports)
    read_from(folder)
    children = []
    for server in (*SERVERS, "proxy"):
        child = os.fork()
        if not child:
            serve(folder, server)
        children.append(child)
    signal.signal(signal.SIGTERM, lambda *_: os.close(0))
    try:
        while True:
            ready, _, _ = select.select([0], [], [], 1)
            ended = any(os.waitpid(child, os.WNOHANG)[0] for child in children)
            if ended or (ready and not os.read(0, 1)):
                break
    except OSError:
        pass
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
