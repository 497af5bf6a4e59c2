"""From an artifact to its inspection: which of its files is the model, and what it is (contract: Old discovery)."""

from collections.abc import Collection
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.codes.catalogue import stored_code
from migrate.core.errors import NeedsYouError
from migrate.core.text import type_again
from migrate.core.values import Artifact, Hazard, Inspection
from migrate.formats.manifest.fields import FieldReader, invalid
from migrate.formats.manifest.structure import MAXIMUM_SIZE, read_type
from migrate.formats.not_served import other_format
from migrate.formats.readers import READERS, read_evaluator, without_parts, word_of
from migrate.formats.reading.case import PROGRAM, Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.files import ArtifactFiles, Files
from migrate.formats.recognise import recognise
from migrate.formats.tensorflow.model import GRAPH

_LARGE: Final = 1024 * 1024  # a JSON file above it is read only when its ends look like a manifest's


class _Candidate(Struct, frozen=True):
    """A file of the root that may be the model, and what came of reading it."""

    path: str
    format: str
    case: Case
    found: Found | None = None
    problem: FormatError | None = None


def inspect(artifact: Artifact, *, framework: str | None, allow_unsafe: Collection[str] = ()) -> Inspection:
    """What an artifact is; see ``inspect_files``.

    Raises:
        LocalError: The files cannot be read from this machine's disk.
    """
    archive = artifact.archive if artifact.unpacked else ""
    return inspect_files(ArtifactFiles(artifact), framework=framework, allow_unsafe=allow_unsafe, archive=archive)


def inspect_files(
    files: Files, *, framework: str | None, allow_unsafe: Collection[str] = (), archive: str = ""
) -> Inspection:
    """What the files of a model are, from their structure alone; nothing in them is loaded.

    Files are looked for as the old runtime did: manifests at the root, then models at the root, both by name. Where
    the old runtime took whichever of several the file system listed first, the answer here is ``needs-attention``.

    Args:
        files: The model's files, wherever they lie.
        framework: What ML Serving said the model is (``onnx``, ``tensorflow_1`` and so on), where it is known.
        allow_unsafe: Digests (``sha256:...``) of files that the user lets run as code.
        archive: The name of the archive that the files were unpacked from.

    Raises:
        MigrateError: They cannot be read.
        NotKnown: They lie elsewhere, and the verdict needs more of them than may be read from there.
    """
    roots = sorted(path for path in files.sizes if "/" not in path)
    of_archive = (f"the model's files are those in the archive {quoted(archive)}",) if archive else ()
    manifests = [c for path in roots if path.lower().endswith(".json") for c in _manifest(files, path)]
    good = [c for c in manifests if c.problem is None]
    models: list[_Candidate] = []
    if not good:
        models = _models(files, [path for path in roots if path not in {c.path for c in manifests}])
        good = [c for c in models if c.problem is None]
    left_out = [c for c in manifests + (models if good else []) if c.problem]
    notes = tuple(f"{quoted(c.path)} was left out: {c.problem.text}" for c in left_out if c.problem)
    if len(good) > 1:
        return _several(good, of_archive + notes)
    if good:
        return _answer(good[0], of_archive + notes, allow_unsafe)
    for candidate in manifests + models:
        if candidate.problem:
            return _refused(candidate, candidate.problem, of_archive + notes[1:])
    return _nothing(files, roots, framework, allow_unsafe, archive)


def demand_ready(inspection: Inspection, command: str = "") -> str:
    """The runtime of a model that can go on.

    Args:
        inspection: The model's.
        command: What to type next where its files are quarantined, with the options that allow them.

    Raises:
        NeedsYouError: The verdict is another one; the inspection's reason, text and task.
    """
    if inspection.verdict == "ready" and inspection.runtime is not None:
        return inspection.runtime
    # Some files are never loaded, whatever is allowed: there is nothing to type then.
    allowable = any(not file.allowed for file in inspection.unsafe) and command
    raise NeedsYouError(
        inspection.text or f"The files are {inspection.verdict}.",
        code=stored_code(inspection.reason),
        next_step=f"{inspection.task} Type: {command}" if allowable else inspection.task,
        step="inspect",
    )


def said(inspection: Inspection) -> list[str]:
    """Everything that a person should know of a model's files, a sentence a line."""
    return [*inspection.notes, *(f"{hazard.code}: {hazard.text}" for hazard in inspection.hazards)]


def _answer(candidate: _Candidate, notes: tuple[str, ...], allow_unsafe: Collection[str]) -> Inspection:
    """The inspection of the one model there is."""
    case, found = candidate.case, candidate.found
    if found is None:
        message = f"the candidate {candidate.path!r} has neither a model nor a problem"
        raise ValueError(message)
    notes += tuple(case.notes)
    blocked = case.blocked(allow_unsafe)
    hazards = case.all_hazards()
    if blocked:
        return replace(_quarantined(found, case, blocked, hazards, notes), unsafe=case.unsafe(allow_unsafe))
    if case.dangers:
        names = ", ".join(dict.fromkeys(quoted(hazard.path) for hazard in case.dangers))
        notes += (f"{names} runs code when it is loaded; allowed by {case.words(case.dangers)}",)
    return Inspection(
        format=found.format,
        runtime=found.runtime,
        verdict="ready",
        settings=found.settings,
        hazards=hazards,
        notes=notes,
        unsafe=case.unsafe(allow_unsafe),
        differs=found.differs,
    )


def _refused(candidate: _Candidate, problem: FormatError, notes: tuple[str, ...]) -> Inspection:
    """The inspection of a model that cannot be served; nobody is told to repair one that does harm."""
    case = candidate.case
    if case.dangers and case.dangers[0].code != PROGRAM and problem.verdict != "quarantined" and not problem.stands:
        worst = case.dangers[0]
        problem = FormatError(
            stored_code(worst.code),
            worst.text,
            "Do not load this file. Export the model again from where it was trained.",
            verdict="quarantined",
        )
    return problem.inspection(candidate.format, notes, case.all_hazards())


def _quarantined(
    found: Found, case: Case, blocked: tuple[Hazard, ...], hazards: tuple[Hazard, ...], notes: tuple[str, ...]
) -> Inspection:
    words = case.words(blocked)
    return Inspection(
        format=found.format,
        runtime=None,
        verdict="quarantined",
        reason=blocked[0].code,
        text=blocked[0].text,
        task=type_again(
            "Make sure that you trust whoever made it",
            adding=words,
            note="it is then loaded in a container without network first",
        )
        if words
        else "Make sure that you trust whoever made it; once it is downloaded, the option that allows it is named.",
        hazards=hazards,
        notes=notes,
    )


def _several(good: list[_Candidate], notes: tuple[str, ...]) -> Inspection:
    names = ", ".join(quoted(c.path) for c in good[:5])
    problem = FormatError(
        "several-models",
        f"The folder holds {len(good)} models ({names}), and the old service took whichever it saw first.",
        "Leave only the one to be served at the root of the folder, or name it in a manifest.",
        verdict="needs-attention",
    )
    return problem.inspection(good[0].format, notes)


def _versions(folders: list[str]) -> Inspection:
    names = ", ".join(map(quoted, folders[:5]))
    problem = FormatError(
        "several-models",
        f"The folder holds {len(folders)} SavedModels, each in a folder of its own ({names}), and an app serves one.",
        "Leave only the one to be served. Of versions, TensorFlow Serving takes the highest number.",
        verdict="needs-attention",
    )
    return problem.inspection("tensorflow")


def _manifest(files: Files, path: str) -> list[_Candidate]:
    """The manifest at this path; nothing for another JSON file."""
    case = Case(files)
    with case.open(path) as (read, size):
        if size > _LARGE and recognise(path, size, read) != "manifest":
            return []
        if size > MAXIMUM_SIZE:
            too_large = invalid(path, f"it has {size} bytes, more than the {MAXIMUM_SIZE} that are read")
            return [_Candidate(path, "manifest", case, problem=too_large)]
        data = read(0, size)
    try:
        found = read_type(path, data)
    except FormatError as problem:
        return [_Candidate(path, "manifest", case, problem=problem)]
    if found is None:
        return []
    kind, content = found
    try:
        return [_Candidate(path, kind, case, read_evaluator(case, FieldReader(path), content))]
    except FormatError as problem:
        return [_Candidate(path, kind, case, problem=problem)]


def _models(files: Files, paths: list[str]) -> list[_Candidate]:
    """The bare models among these files; the parts of a pipeline belong to it."""
    words: dict[str, str] = {}
    for path in paths:
        with Case(files).open(path) as (read, size):
            word = word_of(path, recognise(path, size, read))
        if word is not None:
            words[path] = word
    return [_model(files, path, word) for path, word in without_parts(words).items()]


def _model(files: Files, path: str, word: str) -> _Candidate:
    case = Case(files)
    try:
        return _Candidate(path, word, case, READERS[word](case, path))
    except FormatError as problem:
        return _Candidate(path, word, case, problem=problem)


def _nothing(
    files: Files, roots: list[str], framework: str | None, allow_unsafe: Collection[str], archive: str
) -> Inspection:
    """The verdict on a folder without a model at its root."""
    other = other_format(roots)
    if other is not None:
        return other.inspection("unknown")
    deeper = sorted(path for path in files.sizes if path.lower().endswith((".onnx", f"/{GRAPH}")))
    if len(deeper) == 1 and deeper[0].endswith(GRAPH):
        # exports of TensorFlow's estimators lie in a folder named by the time of the export
        found = _model(files, deeper[0], "tensorflow")
        if found.problem is not None:
            return _refused(found, found.problem, ())
        return _answer(found, (f"the SavedModel is the one in {quoted(deeper[0])}",), allow_unsafe)
    if len(deeper) > 1 and all(path.endswith(GRAPH) for path in deeper):
        return _versions([path.removesuffix(f"/{GRAPH}") for path in deeper])
    where = f"; {quoted(deeper[0])} lies in a folder of its own" if deeper else ""
    called = f" (ML Serving called it {quoted(framework)})" if framework else ""
    place = f"the archive {quoted(archive)}" if archive else "the model's storage"
    problem = FormatError(
        "no-model",
        f"None of the {len(files.sizes)} files at the root of {place}{called} is a model{where}.",
        "Check the model's storage path: the model or its manifest must lie directly in it.",
    )
    return problem.inspection("unknown")
