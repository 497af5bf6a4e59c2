"""A model that was converted to ONNX: what the file says, held against what the original declares."""

from typing import Final

from migrate.core.model_json import Field, ModelJson
from migrate.core.values import Artifact, Inspection
from migrate.formats.onnx.description import describe
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.files import open_file

RUNTIME: Final = "onnx"

_ORIGINAL: Final = "The original runtime serves it."


def inspect_converted(artifact: Artifact, original: Inspection) -> Inspection:
    """The inspection of a converted model: it answers ``/describe`` with every byte of the original's.

    Args:
        artifact: The ONNX file alone; its structure is read, it is not loaded.
        original: What was converted.

    Raises:
        LocalError: The file cannot be read from this machine's disk.
    """
    entry = artifact.files[0].path
    settings = original.settings
    try:
        with open_file(artifact, entry) as (read, size):
            found = describe(read, size, None)
        _check("input", settings.inputs, found.inputs, exactly=True)
        _check("output", settings.outputs, found.outputs, exactly=False)
    except FormatError as problem:
        return problem.inspection(RUNTIME)
    made = ModelJson(
        engine="onnx",
        entry=entry,
        manifest=settings.manifest,
        inputs=settings.inputs,
        outputs=settings.outputs,
        rolling_windows_size=settings.rolling_windows_size,
        onnx=found.engine,
    )
    return Inspection(
        format=original.format,
        runtime=RUNTIME,
        verdict="ready",
        settings=made,
        hazards=original.hazards,
        notes=original.notes,
    )


def _check(role: str, declared: tuple[Field, ...], found: tuple[Field, ...], *, exactly: bool) -> None:
    """The names and types of the file are the declared ones; outputs that nobody asks for may be there too.

    Raises:
        FormatError: One is missing, has another type, or is too many.
    """
    known = {field.name: field.type for field in found}
    for field in declared:
        word = known.pop(field.name, None)
        if word != field.type:
            has = f"has the type {word}, not {field.type}" if word else "is missing"
            raise _different(f"the {role} {quoted(field.name)} {has}")
    if known and exactly:
        raise _different(f"it wants the {role} {quoted(next(iter(known)))}, which the original does not have")


def _different(why: str) -> FormatError:
    return FormatError("conversion-differs", f"The converted file is not the model: {why}.", _ORIGINAL)
