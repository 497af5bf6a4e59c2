"""An ONNX model of an artifact, bare or with a manifest: its settings, or the reason why there are none."""

import binascii
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from msgspec.structs import replace

from migrate.core.model_json import ModelJson
from migrate.formats.manifest.agreement import check_manifest
from migrate.formats.manifest.fields import FieldReader
from migrate.formats.onnx.description import Description, describe
from migrate.formats.onnx.recognise import is_onnx
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted

_LFS: Final = b"version https://git-lfs.github.com/spec/"


def read_onnx(case: Case, path: str) -> Found:
    """The bare model at a path.

    Raises:
        FormatError: It cannot be served.
    """
    found = _describe(case, path)
    made = ModelJson(engine="onnx", entry=path, inputs=found.inputs, outputs=found.outputs, onnx=found.engine)
    return Found("onnx", "onnx", made)


def read_onnx_manifest(case: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
    """The model of a manifest of ``"type": "onnx"`` (contract: Old ONNX); unknown keys are ignored, as before.

    Raises:
        FormatError: The manifest is not valid, or does not fit its model.
    """
    window = reader.batch_size(content)
    embedded = _embedded(reader, content)
    uri = reader.uri(content, "onnx_model_uri") if embedded is None else ""
    inputs, outputs = reader.tensors(content, "inputs"), reader.tensors(content, "outputs")
    if embedded is not None:
        found = describe(lambda offset, length: embedded[offset : offset + length], len(embedded), None)
        engine = replace(found.engine, embedded=True)
        entry = reader.name
    else:
        if uri not in case.sizes:
            raise case.missing(reader.name, uri)
        found = _describe(case, uri)
        engine = found.engine
        entry = uri
    check_manifest(reader.name, inputs, outputs, found)
    made = ModelJson(
        engine="onnx",
        entry=entry,
        manifest=True,
        inputs=inputs,
        outputs=outputs,
        rolling_windows_size=window,
        onnx=engine,
    )
    return Found("onnx", "onnx", made)


def _embedded(reader: FieldReader, content: Mapping[str, Any]) -> bytes | None:
    """The model's bytes, where the manifest has them."""
    binary = content.get("binary")
    if binary is None:
        if not content.get("onnx_model_uri"):
            reader.fail("it has neither onnx_model_uri nor binary")
        return None
    if not isinstance(binary, str):
        reader.fail("binary is not base64 text")
    try:
        return binascii.a2b_base64(binary, strict_mode=True)
    except (binascii.Error, ValueError):
        reader.fail("binary is not base64 text")


def _describe(case: Case, path: str) -> Description:
    with case.open(path) as (read, size):
        if size and not is_onnx(size, read):
            raise no_onnx(path, read(0, len(_LFS)))
        found = describe(read, size, case.beside(path))
    for name in sorted(found.external):
        if not case.is_plain(str(PurePosixPath(path).parent / name)):
            raise FormatError(
                "external-data-outside",
                f"The file {quoted(name)} with the model's weights is a link.",
                "Put the file itself beside the model.",
            )
    return found


def no_onnx(path: str, head: bytes) -> FormatError:
    """The problem of a file that only has the name of an ONNX model."""
    if head == _LFS:
        return lfs_pointer(path)
    return FormatError(
        "not-onnx",
        f"The file {quoted(path)} is named as an ONNX model and is none.",
        "Check that the right file was uploaded, and put the model in its place.",
    )


def lfs_pointer(path: str) -> FormatError:
    """The problem of a file whose content stayed in Git LFS."""
    return FormatError(
        "git-lfs-pointer",
        f"The file {quoted(path)} is a Git LFS pointer: a note of three lines where the model should be.",
        "Run git lfs pull where the model came from, and upload the model itself.",
    )
