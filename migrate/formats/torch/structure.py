"""Files of PyTorch: ZIP archives (TorchScript and ``torch.save``) and the older bare pickles.

The operators that PyTorch has for code of TorchScript are in operators.txt, which a script makes from PyTorch itself.
Layouts: torch/serialization.py, caffe2/serialize/inline_container.h, torch/csrc/jit/serialization.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from msgspec import Struct

from migrate.formats.archive.structure import ZIP, Archive
from migrate.formats.pickle.hazards import IsData, is_data, read_data
from migrate.formats.pickle.imports import STORAGES, is_script_data
from migrate.formats.pickle.in_archives import check_members
from migrate.formats.pickle.machine import Global, Reading, Value, module_class, word_of
from migrate.formats.reading.case import Case
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.wire import Read

PYTORCH: Final = "2.13.0"
MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
MAGIC: Final = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
_LEGACY_VERSION: Final = 1001
_MAXIMUM_CODE: Final = 16 * 1024 * 1024
_MAXIMUM_ELEMENTS: Final = 1 << 56

_EXPORT: Final = "Export the model again and put the new file in its place."
# Operators of TorchScript that open files (torch/csrc/jit/runtime/register_prim_ops.cpp).
_FILE_OPERATORS: Final = re.compile(
    r"\btorch\.(?:save|load|from_file|_save|_load)\b|\bops\.aten\.(?:save|load|from_file)\b"
)
_NAMESPACE: Final = re.compile(r"\bops\.([A-Za-z_]\w*)\.")
_CLASSES: Final = re.compile(r"__torch__\.torch\.classes\.([A-Za-z_]\w*)\.")
# The compiler passes over what stands between a name and its dot, and lets the modules of operators be renamed.
_AROUND_DOT: Final = re.compile(r"[\s\\]*\.[\s\\]*")
_RENAMED: Final = re.compile(r"(?<![\w.])(?:torch|ops)\b(?!\.)")
_BUILT_IN: Final = frozenset(
    {"aten", "prim", "prims", "quantized", "_quantized", "profiler", "sparse", "xnnpack", "rnn"}
)
_TEXT: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|#[^\n]*')
# Gone from PyTorch, and written anew by the server (server/engines/torch_script_period.py).
_BRIDGED: Final = frozenset(("aten", name) for name in ("rfft", "irfft", "fft", "ifft", "solve", "symeig"))
_CALL: Final = re.compile(r"(?<![\w.])(?:torch|ops\.(aten|quantized))\.([A-Za-z_]\w*)\(")


class TorchFile(Struct, frozen=True):
    """What a file of PyTorch holds: a TorchScript module, or the object that its pickle builds."""

    kind: Literal["script", "pickle"]
    reading: Reading


def read_torch(case: Case, path: str) -> TorchFile:
    """Read the structure of a file of PyTorch; what it may do is noted on the case.

    Raises:
        FormatError: It is none, broken, or not plain.
    """
    with case.open(path) as (read, size):
        if size == 0:
            raise FormatError("empty", f"The file {quoted(path)} is empty.", "Upload the complete file in its place.")
        head = read(0, 512)
        if head.startswith(ZIP):
            return _archive(case, path, Archive(path, read, size, case.leave_out))
        if head.startswith(MAGIC):
            return _legacy(case, path, read, size)
        if head[257:262] == b"ustar":
            raise FormatError(
                "older-than-supported",
                f"The file {quoted(path)} was saved by PyTorch 0.1, as a TAR archive.",
                "Load it there and save it again, best with torch.jit.script(model).save(...).",
                verdict="unsupported",
            )
    raise FormatError(
        "not-torch",
        f"The file {quoted(path)} is named as a model of PyTorch and is none.",
        "Check that the right file was uploaded, and put the model in its place.",
    )


def _archive(case: Case, path: str, archive: Archive) -> TorchFile:
    names = archive.entries
    tops = {name.partition("/")[0] for name in names}
    prefix = f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""
    if f"{prefix}data.pkl" not in names:
        if f"{prefix}model.json" in names:
            raise FormatError(
                "older-than-supported",
                f"The archive {quoted(path)} is a TorchScript module of PyTorch 1.0 to 1.2, which today's cannot load.",
                "Load it with PyTorch 1.3 to 1.13 (torch.jit.load) and save it again (torch.jit.save).",
                verdict="unsupported",
            )
        raise FormatError(
            "not-torch",
            f"The archive {quoted(path)} is no model of PyTorch: it has no data.pkl in its one folder.",
            "Save the model with torch.jit.script(model).save(...) or torch.save, and upload that file as it is.",
        )
    is_script = f"{prefix}constants.pkl" in names and any(name.startswith(f"{prefix}code/") for name in names)
    data = is_script_data if is_script else is_data
    known = {f"{prefix}data.pkl"}
    entry = names[f"{prefix}data.pkl"]
    with archive.open(entry) as read:
        reading = _whole(case, path, entry.name, read, entry.size, data)
    known |= _storages(path, prefix, archive, reading)
    if is_script:
        known |= _script(case, path, prefix, archive)
    check_members(case, path, archive, known, data)
    archive.verify()
    return TorchFile("script" if is_script else "pickle", reading)


def _whole(case: Case, path: str, where: str, read: Read, size: int, data: IsData) -> Reading:
    """A pickle that fills its file."""
    reading = read_data(case, path, where, read, 0, size, data=data)
    if reading.end != size:
        raise _not_plain(path, f"{size - reading.end} bytes follow the pickle {quoted(where)}")
    return reading


def _storages(path: str, prefix: str, archive: Archive, reading: Reading, folder: str = "data") -> set[str]:
    """The tensors' values: each is there, and as long as its tensor says."""
    known: set[str] = set()
    for key, length in storages_of(path, reading).items():
        name = f"{prefix}{folder}/{key}"
        entry = archive.entries.get(name)
        if entry is None or entry.size != length:
            what = "is not there" if entry is None else f"has {entry.size} bytes and needs {length}"
            raise FormatError("tensor-missing", f"A tensor's file {quoted(name)} in {quoted(path)} {what}.", _EXPORT)
        known.add(name)
    return known


def storages_of(path: str, reading: Reading) -> dict[str, int]:
    """The bytes of each storage that a pickle names, by its key.

    Raises:
        FormatError: One is named in a way that PyTorch does not.
    """
    found: dict[str, int] = {}
    for identifier in reading.storages:
        if module_class(identifier) is not None:
            continue
        key, length = _storage(identifier)
        if key is None or found.setdefault(key, length) != length:
            raise _not_plain(path, "a tensor names its values in a way that PyTorch does not")
    return found


def _storage(identifier: Value) -> tuple[str | None, int]:
    """``("storage", type, key, location, count)``, and in older files a view of it as a sixth."""
    if not isinstance(identifier, tuple) or not 5 <= len(identifier) <= 6 or word_of(identifier[0]) != "storage":
        return None, 0
    kind, key, count = identifier[1], word_of(identifier[2]), identifier[4]
    if not isinstance(kind, Global) or not isinstance(key, str) or not isinstance(count, int):
        return None, 0
    if not 0 <= count <= _MAXIMUM_ELEMENTS:
        return None, 0
    if (kind.module, kind.name) == ("torch.storage", "UntypedStorage"):
        return key, count
    return (key, count * STORAGES[kind.name]) if kind.module == "torch" and kind.name in STORAGES else (None, 0)


def _script(case: Case, path: str, prefix: str, archive: Archive) -> set[str]:
    """The constants and the code of a TorchScript module."""
    entry = archive.entries[f"{prefix}constants.pkl"]
    with archive.open(entry) as read:
        reading = _whole(case, path, entry.name, read, entry.size, is_script_data)
    known = {entry.name, *_storages(path, prefix, archive, reading, "constants")}
    for name, code in archive.entries.items():
        if name.startswith(f"{prefix}code/") and name.endswith(".py"):
            known.add(name)
            _check_code(case, path, name, archive.content(code, _MAXIMUM_CODE))
    return known


def _check_code(case: Case, path: str, name: str, data: bytes) -> None:
    """TorchScript is compiled by PyTorch and not by Python; what it can reach beyond itself are operators."""
    try:
        code = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _not_plain(path, f"the code {quoted(name)} is not UTF-8") from None
    if '"""' not in code and "'''" not in code:  # texts in three quotes end elsewhere: then all counts as code
        code = _TEXT.sub('""', code)
    code = _AROUND_DOT.sub(".", code)
    if found := _FILE_OPERATORS.search(code):
        case.danger(path, "torchscript-file", f"The code {quoted(name)} opens files with {quoted(found[0])}.")
    elif found := _RENAMED.search(code):
        text = f"The code {quoted(name)} gives {quoted(found[0])} another name, which no export does."
        case.danger(path, "torchscript-unusual", text)
    custom = sorted({*_NAMESPACE.findall(code), *_CLASSES.findall(code)} - _BUILT_IN)
    if custom:
        raise FormatError(
            "custom-operators",
            f"The model uses operators that PyTorch does not have: those of {', '.join(map(quoted, custom[:8]))}.",
            "Export the model with PyTorch's own operators only.",
            verdict="unsupported",
        )
    if missing := missing_operators(code):
        raise FormatError(
            "older-than-supported",
            f"The model uses operators that PyTorch {PYTORCH} does not have any more: "
            f"{', '.join(map(quoted, missing[:8]))}.",
            "Replace them in the model's code (torch.fft and torch.linalg have their successors), and export it again.",
            verdict="unsupported",
        )


def _legacy(case: Case, path: str, read: Read, size: int) -> TorchFile:
    """Five pickles, then the tensors' values one after the other, as ``torch.save`` wrote them before 1.6."""
    at = 0
    readings: list[Reading] = []
    for number in range(5):
        if at >= size:
            raise FormatError("truncated", f"The file {quoted(path)} is incomplete.", "Upload the complete file.")
        readings.append(read_data(case, path, "", read, at, size))
        at = readings[-1].end
        if number < 2 and readings[-1].root != (MAGIC_NUMBER, _LEGACY_VERSION)[number]:
            raise _not_plain(path, "its header is not that of PyTorch")
    reading, keys = readings[3], readings[4].root
    lengths = storages_of(path, reading)
    names = [str(word_of(key)) for key in keys] if isinstance(keys, list) else None
    if names is None or sorted(names) != sorted(lengths):
        raise _not_plain(path, "its list of tensors is not that of its pickle")
    for name in names:
        length = lengths[name]
        at += 8 + length  # the count of elements, and they
    if at != size:
        if at > size:
            text = f"The file {quoted(path)} is incomplete: it has {size} of {at} bytes."
            raise FormatError("truncated", text, "Upload the complete file in its place.")
        raise _not_plain(path, f"{size - at} bytes follow its tensors")
    return TorchFile("pickle", reading)


def _not_plain(path: str, why: str) -> FormatError:
    return FormatError(
        "torch-not-plain",
        f"The file {quoted(path)} is not one that PyTorch wrote: {why}.",
        "Do not load this file. " + _EXPORT,
        verdict="quarantined",
    )


def missing_operators(code: str) -> list[str]:
    """The operators that code calls and this PyTorch does not have, as the code names them."""
    known = _table()
    found = {(match[1] or "aten", match[2]) for match in _CALL.finditer(code)}
    gone = {(namespace, name) for namespace, name in found if name not in known[namespace]}
    return sorted(f"{namespace}::{name}" for namespace, name in gone if (namespace, name) not in _BRIDGED)


@cache
def _table() -> dict[str, frozenset[str]]:
    text = files("migrate.formats.torch").joinpath("operators.txt").read_text(encoding="utf-8")
    found: dict[str, frozenset[str]] = {}
    namespace = ""
    for line in text.splitlines():
        if line.startswith("["):
            namespace = line.strip("[]")
            found[namespace] = frozenset()
        elif not line.startswith("#"):
            found[namespace] |= frozenset(line.split())
    return found
