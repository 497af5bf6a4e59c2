"""The members of an image's layer, and what a layer takes away from those below it.

Bounded, and names are made harmless before anybody sees them. OCI image specification 1.1, "Image Layer Filesystem
Changeset".
"""

from __future__ import annotations

import tarfile
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, cast

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

REMOVES: Final = ".wh."
"""What the name of a member begins with that takes away the entry of this name in the layers below."""

_OPAQUE: Final = ".wh..wh..opq"
_MEMBERS: Final = 2_000_000  # of a layer


class LayerError(ValueError):
    """What is wrong with a layer, as the end of a sentence."""


class Readable(Protocol):
    """Bytes that are read forward only."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


class BoundedInfo(tarfile.TarInfo):
    """A member of an archive whose extended headers are small: ``tarfile`` reads them into memory as they come."""

    _EXTENDED: Final = frozenset(
        {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
    )

    def _proc_member(self, tarfile_: tarfile.TarFile) -> tarfile.TarInfo | None:
        if self.type in self._EXTENDED and not 0 <= self.size <= 1 << 20:
            message = "an extended header of more than 1 MiB"
            raise tarfile.ReadError(message)
        found: tarfile.TarInfo | None = super()._proc_member(tarfile_)  # type: ignore[misc]
        return found


class Member(Struct, frozen=True, kw_only=True):
    """An entry of a layer.

    Attributes:
        parts: The folders of its path and its name; none is empty, ``.`` or ``..``, and there is at least one.
        info: Its type, mode, size and times; its own names are not to be used.
        target: What it links to: the text of a symbolic link, or the path in the archive of a hard one.
        data: Its bytes, until the next member is asked for; None for what is no regular file.
        removes: Whether it stands for the removal of ``parts`` from the layers below.
        opaque: Whether it stands for the removal of what is in ``parts`` there.
    """

    parts: tuple[str, ...]
    info: tarfile.TarInfo
    target: str
    data: IO[bytes] | None
    removes: bool = False
    opaque: bool = False


def members_of(file: Readable) -> Iterator[Member]:
    """The members of the tar archive that a layer unpacks to, in their order.

    Raises:
        LayerError: An entry leaves the root, or there are too many.
        tarfile.TarError: It is damaged.
    """
    with tarfile.open(fileobj=cast("Any", file), mode="r|", tarinfo=BoundedInfo, bufsize=1 << 18) as packed:
        for number, info in enumerate(packed):
            cast("Any", packed).members = []  # it would keep them all
            if number >= _MEMBERS:
                message = f"a layer of it has more than {_MEMBERS} entries"
                raise LayerError(message)
            if (found := _member(packed, info)) is not None:
                yield found


def _member(packed: tarfile.TarFile, info: tarfile.TarInfo) -> Member | None:
    parts = tuple(part for part in info.name.split("/") if part not in ("", "."))
    if ".." in parts or "\0" in info.name:
        message = f"an entry of it has the name {info.name[:200]!a}"
        raise LayerError(message)
    if not parts:
        return None
    if info.issparse():
        message = f"{info.name[:200]!a} in it is a sparse file, which layers have none of"
        raise LayerError(message)
    if parts[-1] == _OPAQUE:
        return Member(parts=parts[:-1], info=info, target="", data=None, opaque=True)
    if parts[-1].startswith(REMOVES):
        gone = parts[-1].removeprefix(REMOVES)
        if gone.startswith(REMOVES) or gone in ("", ".", ".."):
            return None  # what a storage driver noted for itself
        return Member(parts=(*parts[:-1], gone), info=info, target="", data=None, removes=True)
    data = packed.extractfile(info) if info.isreg() else None
    return Member(parts=parts, info=info, target=info.linkname, data=data)
