"""One model under inspection: its files, and what was found in them that could do harm."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct

from migrate.core.codes.catalogue import Code
from migrate.core.looked import NotKnown
from migrate.core.model_json import ModelJson
from migrate.core.options.declaration import written
from migrate.core.options.shared import ALLOW_UNSAFE
from migrate.core.text import type_again
from migrate.core.values import Hazard, UnsafeFile
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.files import Files
from migrate.formats.reading.wire import Read

PROGRAM: Final = "pickled-code"
"""The danger of a pickle that imports its framework's own classes, as it must."""


class Found(Struct, frozen=True):
    """A model that can be served: the word for its format, what serves it, and what the server reads.

    ``differs`` is what in its file the engine is known to answer otherwise than the exporter meant.
    """

    format: str
    runtime: str
    settings: ModelJson
    differs: tuple[str, ...] = ()


class Case:
    """The files of one model, and the findings of one reading of them.

    Attributes:
        sizes: Sizes in bytes by path.
        dangers: What needs the user's word for that very file before it is loaded.
        hazards: What was looked at, is allowed, and is told.
        notes: Sentences for the plan.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self.sizes = files.sizes
        self.dangers: list[Hazard] = []
        self.hazards: list[Hazard] = []
        self.notes: list[str] = []

    def open(self, path: str) -> AbstractContextManager[tuple[Read, int]]:
        """A file, as a reader of ranges and its size.

        Raises:
            MigrateError: It cannot be read.
        """
        return self._files.open(path)

    def affords(self, path: str, length: int) -> bool:
        """Whether so many bytes of a file may be read (``Files.affords``)."""
        return self._files.affords(path, length)

    def leave_out(self, path: str, length: int, what: str) -> bool:
        """Whether a check that reads so many bytes of a file is left out (``Files.leave_out``)."""
        return self._files.leave_out(path, length, what)

    def content(self, path: str, most: int) -> bytes:
        """A small file.

        Raises:
            FormatError: It is larger than ``most`` bytes.
        """
        with self.open(path) as (read, size):
            if size > most:
                raise FormatError(
                    "too-large",
                    f"The file {quoted(path)} has {size} bytes, more than the {most} that are read of such a file.",
                    "Check that the right file was uploaded.",
                    verdict="unsupported",
                )
            return read(0, size)

    def is_plain(self, path: str) -> bool:
        """Whether the file is a regular one that no other name leads to."""
        return self._files.is_plain(path)

    def below(self, folder: str) -> dict[str, int]:
        """Sizes of the files in a folder of the artifact (empty: all), by their paths from there."""
        prefix = "" if folder in ("", ".") else f"{folder}/"
        return {path[len(prefix) :]: size for path, size in self.sizes.items() if path.startswith(prefix)}

    def beside(self, path: str) -> dict[str, int]:
        """Sizes of the files in the folder of a file, by their paths from there."""
        return self.below(str(PurePosixPath(path).parent))

    def danger(self, path: str, code: Code, text: str) -> None:
        """Something that runs as code, or reaches outside the model, when this file is loaded."""
        hazard = Hazard(code=code, text=text, path=path)
        if hazard not in self.dangers:
            self.dangers.append(hazard)
            # the worst is what is told: that a pickled model is a program is known to whoever made it
            self.dangers.sort(key=lambda known: known.code == PROGRAM)

    def hazard(self, path: str, code: Code, text: str) -> None:
        """Something that could have been dangerous, and that was read to its end and found to be in order."""
        hazard = Hazard(code=code, text=text, path=path)
        if hazard not in self.hazards:
            self.hazards.append(hazard)

    def all_hazards(self) -> tuple[Hazard, ...]:
        """Everything that was found, dangers first."""
        return (*self.dangers, *self.hazards)

    def blocked(self, allow_unsafe: Collection[str]) -> tuple[Hazard, ...]:
        """The dangers in files for which the user has not given their word.

        Raises:
            NotKnown: They have for some, and of this one the digest is not known.
        """
        blocked = tuple(hazard for hazard in self.dangers if self._files.digest(hazard.path) not in allow_unsafe)
        for hazard in blocked:
            if allow_unsafe and not self._files.digest(hazard.path):
                raise NotKnown(
                    f"The digest of {quoted(hazard.path)} tells whether it was allowed, and only a download tells it."
                )
        return blocked

    def unsafe(self, allow_unsafe: Collection[str]) -> tuple[UnsafeFile, ...]:
        """The files of the dangers, each once, as far as their digests are known."""
        paths = dict.fromkeys(hazard.path for hazard in self.dangers)
        digests = {path: self._files.digest(path) for path in paths}
        return tuple(UnsafeFile(path=p, digest=d, allowed=d in allow_unsafe) for p, d in digests.items() if d)

    def words(self, hazards: Collection[Hazard]) -> str:
        """The options with which a user allows exactly these files; empty where the digest of one is not known."""
        digests = dict.fromkeys(self._files.digest(hazard.path) for hazard in hazards)
        return " ".join(written(ALLOW_UNSAFE, *digests)) if all(digests) else ""

    def missing(self, manifest: str, entry: str) -> FormatError:
        """The problem of a manifest whose model is not there."""
        return FormatError(
            "model-missing",
            f"The manifest {quoted(manifest)} names the model {quoted(entry)}, which is not there.",
            type_again(f"Put {quoted(entry)} beside the manifest"),
        )
