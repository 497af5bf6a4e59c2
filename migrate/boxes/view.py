"""What a box sees of the disk: an unpacked root, and folders beside it."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct


class Mount(Struct, frozen=True):
    """A folder of this machine at an absolute path of a box; ``target`` lies at the top of the root or in a mount."""

    source: Path
    target: str
    writable: bool = False


class Root(Struct, frozen=True, kw_only=True):
    """The unpacked file system of an image and what its configuration says.

    Attributes:
        path: Its folder.
        environment: The image's variables.
        working_dir: Where its programs start.
        mounts: Folders beside it.
    """

    path: Path
    environment: Mapping[str, str]
    working_dir: str = "/"
    mounts: tuple[Mount, ...] = ()
