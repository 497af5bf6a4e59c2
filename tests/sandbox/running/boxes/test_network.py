"""The way into the network of a box, where nothing but loopback is."""

import threading
from pathlib import Path

import pytest

from migrate.boxes import bubblewrap
from migrate.boxes.box import Box, Limits
from migrate.sandbox.running.boxes.network import Network
from tests.images.trial.box.boxing import MEGABYTE, host_root
from tests.sandbox.running.runner_helpers import PROGRAM
from tests.waiting import wait_until

pytestmark = pytest.mark.programs


def test_an_app_answers_out_of_its_box(tmp_path: Path) -> None:
    if why := bubblewrap.why_not():
        pytest.skip(f"no boxes here: {why}")
    limits = Limits("watcher", "watcher")
    root = host_root(tmp_path / "root")
    with Box(root, limits, memory=512 * MEGABYTE, tasks=64, folder=tmp_path) as box:
        box.start(("python3", "-c", PROGRAM), first=True)
        network = Network(box.network)

        def ask(path: str = "/x") -> bytes:
            connection = network.connection(8080, 60)
            try:
                connection.request("GET", path)
                return connection.getresponse().read()
            except OSError:
                return b""
            finally:
                connection.close()

        wait_until(ask, "it does not answer")
        asked = [threading.Thread(target=ask) for _ in range(20)]
        for thread in asked:
            thread.start()
        for thread in asked:
            thread.join()
        assert b'"ids": [42420, 42420]' in ask()
        with pytest.raises(ConnectionRefusedError):
            network.connection(9, 60).request("GET", "/")
        kept = network.connection(8080, 60)
        kept.request("GET", "/kept")
        network.close()
        assert kept.getresponse().status == 200
        kept.close()
        with pytest.raises(OSError, match=r"."):
            network.connection(8080, 60).request("GET", "/")


def test_a_network_that_is_not_there_refuses() -> None:
    network = Network(2**22)  # no process has such an id
    try:
        with pytest.raises(OSError, match=r"."):
            network.connection(8080, 60).request("GET", "/")
    finally:
        network.close()
