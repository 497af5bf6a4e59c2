"""An engine that keeps an image is asked as often as that can help: once where something uses the image."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from migrate.core.errors import LocalError
from migrate.images.engine.build import remove_image
from migrate.images.engine.connection import connect

DOCKER = "conflict: unable to delete 3f0a (cannot be forced) - image is being used by running container 7b1c"
DOCKER_BY_NAME = (
    'conflict: unable to remove repository reference "m:1" (must force) - container 7b1c is using its referenced '
    "image 3f0a"
)
PODMAN = "image used by 7b1c: image is in use by a container: consider listing external containers"
RACE = "unrecognized image ID sha256:3f0a"


@contextmanager
def engine_that_refuses(status: int, message: str) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it was asked to delete."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"ApiVersion": "1.41", "Id": "sha256:3f0a", "OSType": "linux"})

        def do_HEAD(self) -> None:
            self._answer(200, {})

        def do_DELETE(self) -> None:
            asked.append(self.path)
            self._answer(status, {"message": message})

        def _answer(self, code: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "message", "times"),
    [(409, DOCKER, 1), (409, DOCKER_BY_NAME, 1), (500, PODMAN, 1), (500, RACE, 5)],
)
def test_an_image_that_is_in_use_is_asked_for_once(status: int, message: str, times: int) -> None:
    with engine_that_refuses(status, message) as (address, asked):
        engine = connect({"DOCKER_HOST": address})
        with pytest.raises(LocalError) as caught:
            remove_image(engine, "m:1")
        engine.close()
    assert len(asked) == times
    assert message in caught.value.what
