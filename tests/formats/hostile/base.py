"""What a hostile case is, and the good models that the cases change one thing of."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

EXAMPLES = Path(__file__).parents[3] / "examples" / "formats"
CANARY = Path(tempfile.gettempdir()) / "migrate-hostile-canary"
"""What the cases that run code would make."""

Content = bytes | Callable[[], bytes]


class HostileCase(Struct, frozen=True):
    """A folder made to do harm, and what must be said of it.

    Attributes:
        name: A short word, unique.
        weakness: What it tries, with the CVE where there is one.
        files: Its files by path; large ones are made when they are needed.
        verdict: That of the inspection; ``refused`` where it ends with an error of this machine's files.
        reason: The reason code; the error's code where it is refused.
        finish: What is done to the folder after the files are written: links, holes.
        harmless: Why it may be ``ready``.
    """

    name: str
    weakness: str
    files: Mapping[str, Content]
    verdict: str
    reason: str
    finish: Callable[[Path], None] | None = None
    harmless: str = ""

    def write(self, folder: Path) -> None:
        """Write the case to an empty folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content())
        if self.finish is not None:
            self.finish(folder)


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
