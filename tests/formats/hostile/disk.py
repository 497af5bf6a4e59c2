"""Folders on this machine's disk that hold more than files, files that change while they are read, and conversions."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

from onnx import TensorProto

from migrate.core.model_json import Field, ModelJson
from migrate.core.values import Artifact, Inspection
from migrate.formats.onnx.converted import inspect_converted
from tests.formats.hostile.archives import GOOD
from tests.formats.hostile.base import Files, HostileCase, Read, example, zipped
from tests.formats.hostile.hdf5 import GOOD as HDF5
from tests.formats.hostile.opcodes import HARMLESS
from tests.formats.models import identity, message, number, weights

_FILES = example("species-tree")
_SAVED = example("wine-tf2")
_VALUES = "variables/variables.data-00000-of-00001"
_ONNX = identity().SerializeToString()
_LONG = number(1, 8) + message(8, number(2, 13)) + message(7, message(12, message(1, b"y" * 99)))
_EXTERNAL = {"m.onnx": weights(external={"location": "sub/w.bin"}).SerializeToString(), "sub/w.bin": bytes(16)}


def _link_model(folder: Path) -> None:
    (folder / "m.pmml").symlink_to("kept.pmml")


def _link_variables(folder: Path) -> None:
    (folder / _VALUES).rename(folder / "variables/kept")
    (folder / _VALUES).symlink_to("kept")


def _link_folder(folder: Path) -> None:
    (folder / "variables").rename(folder / "kept")
    (folder / "variables").symlink_to("kept")


def _link_beside(folder: Path) -> None:
    (folder / "notes.txt").symlink_to("species-tree.pmml")


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


def _gone(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def _now_a_pipe(folder: Path) -> None:
    (folder / "m.onnx").unlink()
    os.mkfifo(folder / "m.onnx")


def _now_a_link(folder: Path) -> None:
    (folder / "m.onnx").rename(folder / "kept.onnx")
    (folder / "m.onnx").symlink_to("kept.onnx")


_pread = os.pread


def _failing(descriptor: int, length: int, offset: int) -> bytes:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def _ends(size: int) -> Read:
    """A disk on which a file ends at a byte, while it is read."""
    return lambda descriptor, length, offset: _pread(descriptor, max(0, min(length, size - offset)), offset)


def _case(
    word: str, refuses: str, files: Files, verdict: str, reason: str, finish: Callable[[Path], None]
) -> HostileCase:
    return HostileCase(f"disk-{word}", refuses, files, verdict, reason, finish=finish)


def _changes(word: str, refuses: str, files: Files, says: str, after: Callable[[Path], None]) -> HostileCase:
    return HostileCase(f"disk-{word}", refuses, files, "refused", "artifact-unreadable", says, after=after)


def _shorter(word: str, files: Files, size: int, says: str) -> HostileCase:
    refuses = "a file that becomes shorter while it is read"
    return HostileCase(f"disk-shorter-{word}", refuses, files, "unreadable", "truncated", says, disk=_ends(size))


def _converted(artifact: Artifact) -> Inspection:
    """Held against an original that is the identity of two floats."""
    fields = {role: (Field(name, "float", (-1, 2)),) for role, name in (("inputs", "x"), ("outputs", "y"))}
    made = ModelJson(engine="keras", **fields)
    return inspect_converted(artifact, Inspection(format="keras", runtime="keras", verdict="ready", settings=made))


def _differs(word: str, refuses: str, content: bytes, says: str) -> HostileCase:
    return HostileCase(
        f"converted-{word}", refuses, {"m.onnx": content}, "unreadable", "conversion-differs", says, look=_converted
    )


def _two_inputs() -> bytes:
    made = identity()
    made.graph.input.append(made.graph.input[0])
    made.graph.input[1].name = "z"
    return made.SerializeToString()


CASES = (
    _case(
        "link",
        "a model that is a symbolic link",
        {"kept.pmml": _FILES["species-tree.pmml"]},
        "refused",
        "artifact-unreadable",
        _link_model,
    ),
    _case(
        "link-variables",
        "values of variables that are a link",
        _SAVED,
        "refused",
        "artifact-unreadable",
        _link_variables,
    ),
    _case("link-folder", "a folder that is a link", _SAVED, "unreadable", "variables-missing", _link_folder),
    _case("link-beside", "a link beside a good model", _FILES, "refused", "artifact-unreadable", _link_beside),
    _case("pipe", "a pipe", {}, "unreadable", "no-model", _pipe),
    _case("socket", "a socket", {}, "unreadable", "no-model", _socket),
    HostileCase(
        "disk-zeros",
        "an archive's first bytes, then zeros",
        {"m.pt": b"PK\3\4".ljust(4096, b"\0")},
        "unreadable",
        "truncated",
    ),
    _changes("gone", "a file that vanishes", {"m.onnx": _ONNX}, "No such file", _gone("m.onnx")),
    _changes("gone-weights", "weights that vanish", _EXTERNAL, "No such file", _gone("sub/w.bin")),
    _changes("now-a-pipe", "a file that becomes a pipe", {"m.onnx": _ONNX}, "not a regular file", _now_a_pipe),
    HostileCase(
        "disk-failing",
        "a file that the disk does not give",
        {"m.onnx": _ONNX},
        "refused",
        "artifact-unreadable",
        disk=_failing,
    ),
    _shorter("archive", {"m.pt": zipped(GOOD)}, 40, "no end record"),
    _shorter("onnx", {"m.onnx": _EXTERNAL["m.onnx"]}, 30, "the file ends at byte"),
    _shorter("onnx-name", {"m.onnx": _LONG}, 40, "the file ends before byte"),
    _shorter("hdf5", {"m.h5": HDF5}, 200, "it ends before byte"),
    HostileCase(
        "disk-shorter-pickle",
        "a pickle that becomes shorter while it is read",
        {"m.pkl": HARMLESS},
        "quarantined",
        "pickle-of-unknown-library",
        "inside of a pickle",
        disk=_ends(4),
    ),
    _differs("input", "a conversion with another input", _two_inputs(), "which the original does not have"),
    _differs(
        "output",
        "a conversion to another type",
        identity(TensorProto.DOUBLE).SerializeToString(),
        "has the type double",
    ),
    HostileCase(
        "converted-broken",
        "a conversion that is cut",
        {"m.onnx": _ONNX[:-9]},
        "unreadable",
        "truncated",
        look=_converted,
    ),
    HostileCase(
        "converted-link",
        "a conversion that becomes a link",
        {"m.onnx": _ONNX},
        "refused",
        "artifact-unreadable",
        "it holds a symbolic link",
        after=_now_a_link,
        look=_converted,
    ),
)
