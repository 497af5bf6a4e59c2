"""Writes docs/licences.md: the licence of every package that a lock pins, by the metadata of its wheel.

    python scripts/list_licences.py [--anew]

pip reads that metadata from the package index without fetching the wheels, for the system that the line of a lock is
for. What the page has already is not asked again, but with ``--anew``. The words of ``scripts/licences.toml`` are
allowed; a package with another licence is named, and the script ends with 1.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from license_expression import ExpressionError, Licensing, get_spdx_licensing
from packaging.markers import Marker

from migrate.images.attestation.lock import Pinned, licence_of, parse_lock
from migrate.images.runtime.wheels import TORCH_WHEELS

ROOT: Final = Path(__file__).parents[1]
TARGET: Final = ROOT / "docs" / "licences.md"
ALLOWED: Final = ROOT / "scripts" / "licences.toml"
TOOL: Final = "the tool"

Package = tuple[str, str]

_HEAD: Final = """<!-- Made by scripts/list_licences.py (make licences); change the locks or scripts/licences.toml. -->

# Licences of all packages

What the wheels say of themselves: `License-Expression`, else their classifiers, else `License`. *The tool* is the lock
of this repository's own environment, tests and benchmarks included; the others are those of the runtimes' images
(`dockerfile_templates/`), and `convert` that of `--slim`. JPMML is fetched only with `--accept-agpl`.

| package | version | licence | in the lock of |
|---|---|---|---|
"""
_ROW: Final = re.compile(r"^\| (\S+) \| (\d\S*) \| (.+) \| (.+) \|$", re.MULTILINE)
_OLD_LINUX: Final = ("manylinux1", "manylinux2010", "manylinux2014")
_LINUX: Final = (*_OLD_LINUX, *(f"manylinux_2_{minor}" for minor in range(5, 29)))
# Where a line of a lock may count: pip's platforms, the Python, and what markers are held against.
_SYSTEMS: Final = (
    (tuple(f"{name}_x86_64" for name in _LINUX), "3.11", "linux", "Linux", "posix"),
    (tuple(f"{name}_x86_64" for name in _LINUX), "3.12", "linux", "Linux", "posix"),
    (("win_amd64",), "3.11", "win32", "Windows", "nt"),
    (tuple(f"macosx_{major}_0_arm64" for major in range(11, 16)), "3.11", "darwin", "Darwin", "posix"),
    ((), "3.12", "emscripten", "Emscripten", "posix"),
)


def locks() -> dict[str, str]:
    """The text of every lock by the name of what it is for."""
    found = {TOOL: ROOT / "requirements.lock"}
    found |= {file.parent.name: file for file in sorted(ROOT.glob("dockerfile_templates/*/requirements.lock"))}
    return {name: file.read_text(encoding="utf-8") for name, file in found.items()}


def pinned() -> dict[Package, list[str]]:
    """Every package of any lock, with the names of its locks."""
    found: dict[Package, list[str]] = {}
    for name, text in locks().items():
        for pin in parse_lock(text):
            found.setdefault((pin.name, pin.version), []).append(name)
    return dict(sorted(found.items()))


def told(page: str) -> dict[Package, str]:
    """The licences that the page has."""
    return {(name, version): licence for name, version, licence, _ in _ROW.findall(page)}


def not_allowed(licences: Mapping[Package, str]) -> list[str]:
    """The packages whose licence is not on the list, each in a sentence."""
    rules = tomllib.loads(ALLOWED.read_text(encoding="utf-8"))
    words, packages = frozenset(rules["licences"]), rules["packages"]
    return [
        f"{name} {version}: {licence} is not on the list of {ALLOWED.name}"
        for (name, version), licence in licences.items()
        if packages.get(name) != licence and not _allowed(licence, words)
    ]


def _allowed(licence: str, words: frozenset[str]) -> bool:
    """Whether all of a licence, or of one side of an OR, is on the list."""
    try:
        parsed = _spdx().parse(licence, validate=True, strict=True)
    except ExpressionError:
        parsed = None
    if parsed is None:  # classifiers, and texts of packages that know no SPDX
        return set(licence.split(" AND ")) <= words
    return _holds(parsed, words)


@cache
def _spdx() -> Licensing:
    """All names of licences, read once."""
    return get_spdx_licensing()


def _holds(node: Any, words: frozenset[str]) -> bool:
    match type(node).__name__:
        case "AND":
            return all(_holds(part, words) for part in node.args)
        case "OR":
            return any(_holds(part, words) for part in node.args)
        case _:
            return str(node) in words


def _ask(pins: Iterable[Pinned]) -> Iterator[tuple[Package, str]]:
    """The licences of the lines of one lock, from the metadata that the package index has of their wheels."""
    left = {(pin.name, pin.version): pin for pin in pins}
    for platforms, python, system, name, family in _SYSTEMS:
        where = {
            "sys_platform": system,
            "platform_system": name,
            "os_name": family,
            "python_full_version": f"{python}.0",
        }
        where |= {
            "python_version": python,
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
        }
        batch = [package for package, pin in left.items() if not pin.marker or Marker(pin.marker).evaluate(where)]
        if not batch:
            continue
        report = _report(batch, platforms, python)
        for one in report["install"]:
            said = one["metadata"]
            package = re.sub(r"[-_.]+", "-", said["name"]).lower(), str(said["version"])
            left.pop(package)
            yield (
                package,
                licence_of(
                    expression=said.get("license_expression", ""),
                    text=said.get("license", ""),
                    classifiers=said.get("classifier", []),
                ),
            )
    if left:
        sys.exit(f"no system was found for {', '.join('=='.join(package) for package in left)}")


def _report(batch: list[Package], platforms: tuple[str, ...], python: str) -> dict[str, Any]:
    """What ``pip install --dry-run`` would install (https://pip.pypa.io/en/stable/reference/installation-report/)."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
    command += ["--only-binary", ":all:", "--python-version", python]
    command += [word for platform in platforms for word in ("--platform", platform)]
    if any("+cpu" in version for _, version in batch) and not os.environ.get("PIP_FIND_LINKS"):
        command += ["--find-links", os.environ.get("MIGRATE_TORCH_WHEELS") or TORCH_WHEELS]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command += ["--target", str(Path(folder, "none")), "--report", str(report)]
        subprocess.run([*command, *("==".join(package) for package in batch)], check=True, stderr=subprocess.PIPE)
        found: dict[str, Any] = json.loads(report.read_bytes())
        return found


def page(licences: Mapping[Package, str]) -> str:
    """The page."""
    rows = (
        f"| {name} | {version} | {licences[name, version].replace('|', '/')} | {', '.join(where)} |\n"
        for (name, version), where in pinned().items()
    )
    return _HEAD + "".join(rows)


def main() -> int:
    """Ask for what is not known yet, write the page, and name what is not allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anew", action="store_true", help="ask for every package")
    known = {} if parser.parse_args().anew or not TARGET.exists() else told(TARGET.read_text(encoding="utf-8"))
    for name, text in locks().items():
        missing = [pin for pin in parse_lock(text) if (pin.name, pin.version) not in known]
        print(f"{name}: {len(missing)} to ask for")
        known |= {package: licence or "not said" for package, licence in _ask(missing)}
    TARGET.write_text(page(known), encoding="utf-8")
    wrong = not_allowed({package: known[package] for package in pinned()})
    print("\n".join(wrong or [f"wrote {TARGET.name}: {len(pinned())} packages, each with a licence of the list"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
