"""Room on disks, asked for before anything is written: by what runs side by side, on each file system."""

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again


class Need(Struct, frozen=True, kw_only=True):
    """Bytes that are about to be written.

    Attributes:
        folder: Where; it may not exist yet.
        size: How many.
        what: What they are, as in ``5 MB for the download``.
        remedy: What a person can do where there is no room for them, without a full stop.
    """

    folder: Path
    size: int
    what: str
    remedy: str = "Make room there, or give another folder with --workspace"


class Held:
    """Bytes of one disk that somebody is about to write; what was written is no longer counted."""

    def __init__(self, device: int, size: int) -> None:
        self.device = device
        self.left = size

    def wrote(self, number: int) -> None:
        """Count bytes as written; fewer than none where some were thrown away."""
        self.left -= number


class Room:
    """What the threads of this process are about to write."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._held: list[Held] = []

    @contextlib.contextmanager
    def hold(self, need: Need, later: Iterable[Need] = ()) -> Iterator[Held]:
        """Hold the room for what is written now.

        Args:
            need: What is written inside the block.
            later: What follows from it: it is refused now, too, before the first byte, and not held.

        Raises:
            LocalError: There is no room for all of it on some file system (code ``disk-full``).
        """
        held = Held(_device(need.folder), need.size)
        with self._turn:
            self._check((need, *later))
            self._held.append(held)
        try:
            yield held
        finally:
            with self._turn:
                self._held.remove(held)

    def _check(self, needs: Iterable[Need]) -> None:
        by_device: dict[int, list[Need]] = {}
        for need in needs:
            if need.size > 0:
                by_device.setdefault(_device(need.folder), []).append(need)
        for device, here in by_device.items():
            others = sum(max(0, held.left) for held in self._held if held.device == device)
            free = shutil.disk_usage(_existing(here[0].folder)).free
            if sum(need.size for need in here) + others > free:
                raise _no_room(here, others, free)


class Space(Struct, frozen=True):
    """What a step asks before it writes: the room that others hold, and what later steps write of so many bytes."""

    room: Room
    later: Callable[[int], tuple[Need, ...]] = lambda _: ()


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def _device(folder: Path) -> int:
    return _existing(folder).stat().st_dev


def _no_room(needs: list[Need], others: int, free: int) -> LocalError:
    words = [f"{_mb(need.size)} for {need.what}" for need in needs]
    if others:
        words.append(f"{_mb(others)} for what is being written already")
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    remedies = list(dict.fromkeys(need.remedy for need in needs))
    return LocalError(
        f"The disk of {printable(str(_existing(needs[0].folder)), 300)} would be full: {listed} are needed, and "
        f"{_mb(free)} are free.",
        code="disk-full",
        next_step=type_again("; or ".join([remedies[0], *(text[0].lower() + text[1:] for text in remedies[1:])])),
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
