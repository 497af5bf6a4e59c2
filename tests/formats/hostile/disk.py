"""Folders on this machine's disk that hold more than files."""

import os
import socket
from pathlib import Path

from tests.formats.hostile.base import HostileCase, example

_FILES = example("species-tree")
_SAVED = example("wine-tf2")
_INDEX = "variables/variables.index"


def _link_model(folder: Path) -> None:
    (folder / "m.pmml").symlink_to("/etc/passwd")


def _link_variables(folder: Path) -> None:
    (folder / _INDEX).unlink()
    (folder / _INDEX).symlink_to("/etc/passwd")


def _link_folder(folder: Path) -> None:
    away = folder.parent / "away"
    (folder / "variables").rename(away)
    (folder / "variables").symlink_to(away)


def _link_beside(folder: Path) -> None:
    (folder / "notes.txt").symlink_to("/etc/passwd")


def _hole(folder: Path) -> None:
    """A terabyte that takes no room."""
    with (folder / "m.pt").open("wb") as file:
        file.write(b"PK\3\4")
        file.truncate(1 << 40)


def _hole_onnx(folder: Path) -> None:
    with (folder / "m.onnx").open("wb") as file:
        file.write(b"\x08\x08\x3a\xff\xff\xff\xff\xff\x1f\x0a\x04")
        file.truncate(1 << 40)


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "m.pt")


def _socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(folder)
        try:
            made.bind("m.pt")
        finally:
            os.chdir(here)


CASES = (
    HostileCase("disk-link", "a model that is a symbolic link", {}, "refused", "artifact-unreadable", _link_model),
    HostileCase(
        "disk-link-variables",
        "values of variables that are a symbolic link: nobody opens them before the image",
        _SAVED,
        "refused",
        "artifact-unreadable",
        _link_variables,
    ),
    HostileCase(
        "disk-link-folder", "a folder that is a symbolic link", _SAVED, "unreadable", "variables-missing", _link_folder
    ),
    HostileCase(
        "disk-link-beside",
        "a symbolic link beside a good model, which would be copied into the image",
        _FILES,
        "refused",
        "artifact-unreadable",
        _link_beside,
    ),
    HostileCase("disk-pipe", "a pipe, on which a reader waits for ever", {}, "unreadable", "no-model", _pipe),
    HostileCase("disk-socket", "a socket", {}, "unreadable", "no-model", _socket),
    HostileCase(
        "disk-hole", "a terabyte of nothing with an archive's first bytes", {}, "unreadable", "truncated", _hole
    ),
    HostileCase(
        "disk-hole-onnx", "a terabyte of nothing with a model's first bytes", {}, "unreadable", "truncated", _hole_onnx
    ),
)
