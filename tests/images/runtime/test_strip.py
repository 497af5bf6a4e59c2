"""What goes from the wheels and what stays."""

import base64
import csv
import hashlib
import shutil
from pathlib import Path

import pytest

from migrate.images.runtime import wheels
from migrate.images.runtime.strip import read_rules, rules_text, strip
from tests.images.runtime.test_elf import installed

RULES = """\
# a comment
tests/   # a folder's name
*.h
pack/tools/
pack/*.so.*
"""


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        ("pack/a.py", False),
        ("pack/a.h", True),
        ("pack/deep/er/a.h", True),
        ("pack/a.hpp", False),
        ("pack/tests/a.py", True),
        ("tests/a.py", True),
        ("pack/tests.py", False),
        ("pack/mytests/a.py", False),
        ("pack/tools/sub/a.py", True),
        ("other/pack/tools/a.py", False),
        ("pack/toolset/a.py", False),
        ("pack/lib/x.so.1", True),
        ("pack/lib/x.so", False),
        ("pack-1.0.dist-info/METADATA", False),
        ("pack-1.0.dist-info/licenses/tests/a.h", False),
        ("pack/tools/LICENSE", False),
        ("pack/tools/third_party/License.txt", False),
        ("pack/tests/NOTICE.md", False),
        ("pack/tools/COPYING", False),
        ("pack/tools/THIRD_PARTY_NOTICES.txt", False),
        ("pack/tools/licenses.py", True),
        ("pack/copyright.h", True),
    ],
)
def test_rules(path: str, goes: bool) -> None:
    assert read_rules(RULES).match(path) is goes


def test_no_rules_match_nothing() -> None:
    assert not read_rules("# nothing\n\n").match("a/b.h")


def test_records_agree_with_what_is_left(tmp_path: Path) -> None:
    place = installed("httptools")
    (metadata,) = place.glob("httptools-*.dist-info")
    for name in ("httptools", metadata.name):
        shutil.copytree(place / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    before = dict.fromkeys(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    record = tmp_path / metadata.name / "RECORD"
    rows = [row for row in csv.reader(record.read_text().splitlines()) if "__pycache__" not in row[0]]
    record.write_text("".join(",".join(row) + "\n" for row in rows))
    strip(tmp_path, read_rules(rules_text()))
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in before.keys() - left} >= {".pyx"}
    kept = list(csv.reader(record.read_text().splitlines()))
    assert left - {row[0] for row in kept} <= {f"{metadata.name}/{name}" for name in ("INSTALLER", "REQUESTED")}
    assert {row[0] for row in kept} <= left
    checked = 0
    for name, digest, size in kept:
        if not digest:
            continue
        data = (tmp_path / name).read_bytes()
        assert digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        assert int(size) == len(data)
        checked += 1
    assert checked > 5
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_the_name_of_the_wheels_follows_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    before = wheels.recipe()
    monkeypatch.setattr(wheels, "rules_text", lambda: rules_text() + "*.more\n")
    assert wheels.recipe() != before
