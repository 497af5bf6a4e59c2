"""The golden vectors: those of this project, and those of the old runtime where they are beside a checkout."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).parents[1]
OURS = CHECKOUT / "tests" / "golden"
BESIDE = CHECKOUT.parent / "shared" / "golden"
FOLDERS = [OURS, *([BESIDE] if BESIDE.exists() else [])]


class GoldenCase(NamedTuple):
    """A case and the folder it is in."""

    folder: Path
    case: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name, for pytest."""
        return f"{self.folder.parent.name}-{self.case['case']}"

    @property
    def model(self) -> Path:
        """The folder of its model."""
        return self.folder / str(self.case["model_dir"])

    @property
    def body(self) -> bytes | None:
        """What is sent."""
        file = self.case["request"]["body_file"]
        return None if file is None else (self.folder / file).read_bytes()


def cases() -> list[GoldenCase]:
    """All of them."""
    return [
        GoldenCase(folder, case)
        for folder in FOLDERS
        for case in json.loads((folder / "index.json").read_text(encoding="utf-8"))
    ]


def paths(pattern: str) -> list[Path]:
    """What matches in each folder."""
    return [path for folder in FOLDERS for path in sorted(folder.glob(pattern))]


def vectors(rule: str) -> list[dict[str, Any]]:
    """The vectors of a single rule."""
    found: list[dict[str, Any]] = []
    for folder in FOLDERS:
        entries = json.loads((folder / "unit_vectors.json").read_text(encoding="utf-8"))[rule]
        found += entries if isinstance(entries, list) else [entries]
    return found


def descriptions() -> Iterator[tuple[Path, str]]:
    """The folders of models with what ``/describe`` says of each, to the byte."""
    for path in sorted(BESIDE.glob("_describe/*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        yield BESIDE / "_models" / path.stem, json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    for folder, case in cases():
        if case["request"]["path"] == "/describe" and case["expect"].get("compare") == "bytes":
            text = (folder / case["expect"]["body_file"]).read_text(encoding="utf-8")
            yield folder / case["model_dir"], text
