"""What a look at a model's files tells where they lie, before anything of them is downloaded."""

from typing import Final

from msgspec import Struct

from migrate.core.errors import ExitCode
from migrate.core.values import Inspection, ModelRecord, Verdict

_STAYING: Final = frozenset({ExitCode.NEEDS_YOU, ExitCode.REFUSED})


class SeenObject(Struct, frozen=True, kw_only=True):
    """An object of a model, or a file of a folder.

    Attributes:
        name: Its whole name in the container or bucket; in a folder, the path from the model's own folder.
        size: Bytes as they are stored.
        etag: What the storage gives as its ETag, without quotes; of a file of this machine, empty.
        last_modified: RFC 3339 in UTC, to the second.
        is_checked: Whether a download can tell that its bytes changed on the way; of most objects the storage gives an
            MD5.
    """

    name: str
    size: int
    etag: str
    last_modified: str
    is_checked: bool = True


class Problem(Struct, frozen=True, kw_only=True):
    """Why a model cannot be fetched: a code of ``core.codes``, one sentence, what a person does, and an exit code."""

    code: str
    text: str
    task: str
    exit_code: int

    @property
    def stays(self) -> bool:
        """Whether a person has to do something: else trying again may help."""
        return self.exit_code in _STAYING


class Looked(Struct, frozen=True, kw_only=True):
    """What is known of one model's files without a download.

    Exactly one of these holds: ``problem`` says why the model cannot be fetched; ``not_known`` says why only the whole
    of its files tells the verdict; or ``inspection`` is the verdict.

    Attributes:
        record: The model.
        objects: The files that a download would fetch, by name.
        inspection: What the files are. Beside ``not_known`` it is what they look like so far, and no verdict.
        not_known: One sentence; empty where the verdict is known.
        unchecked: What the verdict leaves out that a download checks, a sentence each.
        problem: Why nothing can be fetched.
        bytes_read: Bytes of the objects that were read.
        requests: The requests that took.
    """

    record: ModelRecord
    objects: tuple[SeenObject, ...] = ()
    inspection: Inspection | None = None
    not_known: str = ""
    unchecked: tuple[str, ...] = ()
    problem: Problem | None = None
    bytes_read: int = 0
    requests: int = 0

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(item.size for item in self.objects)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None where it is not yet known."""
        return None if self.inspection is None or self.not_known else self.inspection.verdict


class NotKnown(Exception):  # noqa: N818 - an answer, not an error
    """A reader wants more of a file than a look may read; the text says of what and why, as a whole sentence."""
