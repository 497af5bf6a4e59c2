"""What a case is, and the good models that the cases change one thing of."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from migrate.core.values import Artifact, Inspection
from migrate.formats import inspect

EXAMPLES = Path(__file__).parents[3] / "examples" / "formats"

Content = bytes | Callable[[Path], bytes]
"""A file's bytes, or what makes them for the folder that it is written to."""
Files = Mapping[str, Content]
Limit = tuple[str, str, int]
"""A module, the name of a limit in it, and the value that it has while a case is inspected."""
Read = Callable[[int, int, int], bytes]
"""``os.pread``: descriptor, length, offset."""


def look(artifact: Artifact) -> Inspection:
    """How most cases are inspected."""
    return inspect(artifact, framework=None)


class HostileCase(Struct, frozen=True):
    """A folder that must be refused, as small as it can be, and harmless to whatever else reads it.

    Attributes:
        name: A short word, unique.
        refuses: The kind of file that is refused.
        files: The files by path.
        verdict: That of the inspection; ``refused`` where it ends with an error of this machine's files, ``not known``
            where only the whole of a file that lies elsewhere tells it.
        reason: The reason code; the error's code where it is refused.
        says: Words of the sentence, or of a hazard's, where several guards have the same code.
        finish: What is done to the folder after the files are written: links, pipes.
        after: What is done to it after its files are listed.
        limits: Limits that are lower for this case, so that a small file is over them.
        disk: Reads in place of ``os.pread``: a disk that fails.
        look: How it is inspected.
        harmless: Why it may be ``ready``.
    """

    name: str
    refuses: str
    files: Files
    verdict: str
    reason: str
    says: str = ""
    finish: Callable[[Path], None] | None = None
    after: Callable[[Path], None] | None = None
    limits: tuple[Limit, ...] = ()
    disk: Read | None = None
    look: Callable[[Artifact], Inspection] = look
    harmless: str = ""

    def write(self, folder: Path) -> None:
        """Write the case to an empty folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content(folder))
        if self.finish is not None:
            self.finish(folder)


def lowered(where: Callable[..., object], **limits: int) -> tuple[Limit, ...]:
    """Lower limits of the module that a function or class is defined in."""
    return tuple((where.__module__, name, value) for name, value in limits.items())


def example(name: str) -> dict[str, bytes]:
    """The files of a good model."""
    folder = EXAMPLES / name
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unzipped(data: bytes) -> dict[str, bytes]:
    """The files of a good archive, in their order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def zipped(files: Mapping[str, bytes], *, packed: bool = False) -> bytes:
    """A plain archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed(name: str, path: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    """The files of a good model, with one JSON file of it changed."""
    files = example(name)
    content = json.loads(files[path])
    files[path] = json.dumps(change(content) or content).encode()
    return files
