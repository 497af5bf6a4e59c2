"""From an artifact to its inspection: which of its files is the model, and what it is (contract, 6.0)."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct

from migrate.core.values import Artifact, Inspection
from migrate.formats.agreement import check_manifest
from migrate.formats.errors import FormatError, quoted
from migrate.formats.files import is_plain, open_file
from migrate.formats.manifest import MAXIMUM_SIZE, OnnxManifest, invalid, read_onnx, read_type
from migrate.formats.onnx import Description, describe
from migrate.formats.others import format_of, unsupported_yet
from migrate.formats.recognise import recognise

SCHEMA: Final = 1
_LARGE: Final = 1024 * 1024  # a JSON file above it is read only when its ends look like a manifest's
_LFS: Final = b"version https://git-lfs.github.com/spec/"


class _Candidate(Struct, frozen=True):
    """A file of the artifact's root that may be the model, and what came of reading it."""

    path: str
    settings: dict[str, object] | None = None
    problem: FormatError | None = None
    other: str | None = None


def inspect(artifact: Artifact, *, framework: str | None) -> Inspection:
    """What an artifact is, from its structure alone; nothing in it is loaded.

    Files are looked for as the old runtime did: manifests at the root, then models at the root, both by name. Where
    the old runtime took whichever of several the file system listed first, the answer here is ``needs-attention``.

    Args:
        artifact: The model's files.
        framework: What ML Serving said the model is (``onnx``, ``tensorflow_1`` and so on), where it is known.

    Raises:
        LocalError: The files cannot be read from this machine's disk.
    """
    sizes = {file.path: file.size for file in artifact.files}
    roots = sorted(path for path in sizes if "/" not in path)
    manifests = [c for path in roots if path.lower().endswith(".json") for c in _manifest(artifact, sizes, path)]
    notes = [f"{quoted(c.path)} was left out: {c.problem.text}" for c in manifests if c.problem]
    good = [c for c in manifests if c.problem is None]
    models: list[_Candidate] = []
    if not good:
        models = [c for path in roots if not path.lower().endswith(".json") for c in _model(artifact, sizes, path)]
        good = [c for c in models if c.problem is None]
        if good:
            notes += [f"{quoted(c.path)} was left out: {c.problem.text}" for c in models if c.problem]
    if good:
        return _answer(good, tuple(notes))
    failed = [c.problem for c in manifests + models if c.problem]
    if failed:
        return failed[0].inspection("onnx", tuple(notes[1:]))
    return _nothing(artifact, framework)


def _answer(good: list[_Candidate], notes: tuple[str, ...]) -> Inspection:
    first = good[0]
    if all(c.settings is None for c in good):
        return unsupported_yet(first.other or "unknown", notes)
    if first.settings is not None and len(good) == 1:
        return Inspection(format="onnx", runtime="onnx", verdict="ready", settings=first.settings, notes=notes)
    names = ", ".join(quoted(c.path) for c in good[:5])
    problem = FormatError(
        "several-models",
        f"The folder holds {len(good)} models ({names}), and the old service took whichever it saw first.",
        "Leave only the one to be served at the root of the folder, or name it in a manifest.",
        verdict="needs-attention",
    )
    return problem.inspection("onnx", notes)


def _manifest(artifact: Artifact, sizes: Mapping[str, int], path: str) -> list[_Candidate]:
    """The manifest at this path; nothing for another JSON file."""
    with open_file(artifact, path) as (read, size):
        if size > _LARGE and recognise(path, size, read) is None:
            return []
        if size > MAXIMUM_SIZE:
            too_large = invalid(path, f"it has {size} bytes, more than the {MAXIMUM_SIZE} that are read")
            return [_Candidate(path, problem=too_large)]
        data = read(0, size)
    try:
        found = read_type(path, data)
        if found is None:
            return []
        if found[0] != "onnx":
            return [_Candidate(path, other=found[0])]
        return [_Candidate(path, settings=_manifest_settings(artifact, sizes, path, read_onnx(path, found[1])))]
    except FormatError as problem:
        return [_Candidate(path, problem=problem)]


def _manifest_settings(
    artifact: Artifact, sizes: Mapping[str, int], path: str, manifest: OnnxManifest
) -> dict[str, object]:
    if manifest.embedded is not None:
        model = manifest.embedded
        found = describe(lambda offset, length: model[offset : offset + length], len(model), None)
        engine = {**found.engine, "embedded": True}
        entry = path
    else:
        entry = manifest.uri or ""
        if entry not in sizes:
            raise FormatError(
                "model-missing",
                f"The manifest {quoted(path)} names the model {quoted(entry)}, which is not there.",
                f"Put {quoted(entry)} beside the manifest and run again.",
            )
        found = _read_onnx(artifact, sizes, entry)
        engine = found.engine
    check_manifest(path, manifest, found)
    return {
        **_settings(entry, Description(manifest.inputs, manifest.outputs, engine, found.external)),
        "manifest": True,
        "rolling_windows_size": manifest.batch_size,
    }


def _model(artifact: Artifact, sizes: Mapping[str, int], path: str) -> list[_Candidate]:
    """The bare model at this path; nothing for any other file."""
    if not path.lower().endswith(".onnx"):
        with open_file(artifact, path) as (read, size):
            if recognise(path, size, read) != "onnx":
                return []
    try:
        return [_Candidate(path, settings=_settings(path, _read_onnx(artifact, sizes, path)))]
    except FormatError as problem:
        return [_Candidate(path, problem=problem)]


def _read_onnx(artifact: Artifact, sizes: Mapping[str, int], path: str) -> Description:
    with open_file(artifact, path) as (read, size):
        if size and recognise(path, size, read) != "onnx":
            raise _no_onnx(path, read(0, len(_LFS)))
        found = describe(read, size, _siblings(sizes, path))
    for name in sorted(found.external):
        if not is_plain(artifact, str(PurePosixPath(path).parent / name)):
            raise FormatError(
                "external-data-outside",
                f"The file {quoted(name)} with the model's weights is a link.",
                "Put the file itself beside the model.",
            )
    return found


def _settings(entry: str, found: Description) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "engine": "onnx",
        "files": "files",
        "entry": entry,
        "manifest": False,
        "inputs": found.inputs,
        "outputs": found.outputs,
        "rolling_windows_size": 1,
        "onnx": found.engine,
    }


def _siblings(sizes: Mapping[str, int], path: str) -> dict[str, int]:
    """The files in the model's folder and below it, by their paths from there: where external data may lie."""
    folder = str(PurePosixPath(path).parent)
    prefix = "" if folder == "." else f"{folder}/"
    return {name[len(prefix) :]: size for name, size in sizes.items() if name.startswith(prefix)}


def _no_onnx(path: str, head: bytes) -> FormatError:
    if head == _LFS:
        return FormatError(
            "git-lfs-pointer",
            f"The file {quoted(path)} is a Git LFS pointer: a note of three lines where the model should be.",
            "Run git lfs pull where the model came from, and upload the model itself.",
        )
    return FormatError(
        "not-onnx",
        f"The file {quoted(path)} is named as an ONNX model and is none.",
        "Check that the right file was uploaded, and put the model in its place.",
    )


def _nothing(artifact: Artifact, framework: str | None) -> Inspection:
    word = format_of((file.path for file in artifact.files), framework)
    if word is not None:
        return unsupported_yet(word)
    deeper = sorted(f.path for f in artifact.files if f.path.lower().endswith(".onnx"))
    where = f"; {quoted(deeper[0])} lies in a folder of its own" if deeper else ""
    problem = FormatError(
        "no-model",
        f"None of the {len(artifact.files)} files at the root of the model's storage is a model{where}.",
        "Check the model's storage path: the model or its manifest must lie directly in it.",
    )
    return problem.inspection("unknown")
