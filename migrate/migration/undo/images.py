"""Removing local images that this tool built."""

from collections.abc import Callable, Mapping

from migrate.core.errors import LocalError
from migrate.images.engine.connection import connect
from migrate.migration.run.once import Once


def remove_images(environ: Mapping[str, str]) -> Callable[[str], bool]:
    """A function that removes a local image by its reference.

    It answers False when another image or a container uses it, or when no engine runs: what is left then costs
    nothing but disk, and must not keep anybody from deleting what is billed.
    """
    engine = Once[object]()

    def remove(reference: str) -> bool:
        import docker.errors  # noqa: PLC0415 - costs 150 ms
        import requests  # noqa: PLC0415

        try:
            api = engine.get(lambda: connect(environ).client.api)
            api.remove_image(reference)  # type: ignore[attr-defined]
        except docker.errors.ImageNotFound:
            return True
        except (LocalError, docker.errors.APIError, requests.RequestException):
            return False
        return True

    return remove
