"""Finding models by content among files that nobody described: in a container or a folder.

A model is a file at the root with the files that it names, or a folder at the root with everything below it. Where
the root itself holds a manifest, a SavedModel or the configuration of a pipeline, or nothing but versions of a
SavedModel in folders that are numbers, the whole source is one model. Everything else is listed as ignored, with the
reason; a file that cannot be read costs no other.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar, runtime_checkable

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import RefusedError
from migrate.core.text import printable
from migrate.core.values import Ignored
from migrate.sources.paths import check_paths
from migrate.sources.unread import unread

T = TypeVar("T")
R = TypeVar("R")

Read = Callable[[int, int], bytes]


@runtime_checkable
class Knowing(Protocol):
    """What tells a format, and of a model of one file the other files that it needs too."""

    def __call__(self, name: str, size: int, read: Read) -> str | None:
        """The word for a file's format, or None."""

    def beside(self, word: str, size: int, read: Read) -> tuple[str, ...]:
        """The paths of those other files, relative to the model's."""


Recognise = Callable[[str, int, Read], str | None] | Knowing

MANIFEST: Final = "manifest"
_PIPELINE: Final = "pipeline"
_WHOLE: Final = (MANIFEST, _PIPELINE)
_ZIP: Final = "zip"  # an archive with a model in it, which counts only where there is no other model
_IN_ZIP: Final = "a ZIP archive beside other models; put it into a folder of its own to have what is in it served"
_SAVED_MODEL: Final = "saved_model.pb"  # the file that TensorFlow looks for; its variables lie in a folder beside it
_TENSORFLOW: Final = "tensorflow"
_MOST_FILES_READ: Final = 40
_MOST_LIKELY_READ: Final = 400
BLOCK: Final = 16 * 1024
_BLOCKS_KEPT: Final = 8
_LIKELY: Final = (".json", ".onnx", ".pb", ".h5", ".pt", ".ts", ".pmml", ".pkl")
_TELLING: Final = frozenset({"manifest.json", "config.json", "tokenizer.json", _SAVED_MODEL})
_NO_MODEL: Final = "no model by its content"
_SUFFIXES: Final = frozenset(
    {*_LIKELY, ".hdf5", ".keras", ".pth", ".pickle", ".joblib", ".bin", ".model", ".ort", ".zip", ".tflite", ".pbtxt"}
)

_ARCHIVE: Final = "an archive that is no model by its content; put what is in it there instead"
_ARCHIVES: Final = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")


class Entry(Struct, frozen=True):
    """A file of the source: its path relative to the root, with ``/``, its size, and why it cannot be read if so."""

    path: str
    size: int
    problem: str = ""


class Opened(Struct, frozen=True):
    """A file that can be read: its true size, which a listing need not know, and reads of it."""

    size: int
    read: Read


class Unreadable(Exception):  # noqa: N818 - said of one file, and answered by going on
    """One file cannot be read; the text says why, as the end of a sentence."""


Open = Callable[[Entry], Opened]


class Found(Struct, frozen=True):
    """A model: its path relative to the root (empty: the whole source), and the word for its format.

    ``beside`` are the paths of other files that a file at the root needs, such as the external data of ONNX.
    """

    path: str
    format: str
    is_file: bool
    beside: tuple[str, ...] = ()


def find_models(
    entries: Iterable[Entry], open_file: Open, recognise: Recognise, *, at_once: int = 1
) -> tuple[tuple[Found, ...], tuple[Ignored, ...]]:
    """Tell models from everything else, reading a few kilobytes of a few files.

    Args:
        entries: The files.
        open_file: Opens one, or raises ``Unreadable``.
        recognise: Tells a format from a file's name, size and bytes.
        at_once: How many files are read side by side, each in a thread of its own.
    """
    roots: list[Entry] = []
    folders: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.path):
        first, slash, _ = entry.path.partition("/")
        if slash:
            folders[first].append(entry)
        else:
            roots.append(entry)
    look = _Look(open_file, recognise, at_once)
    found: list[Found] = []
    ignored: list[Ignored] = []
    zipped: list[Entry] = []
    for entry, word, reason in look.at_files(roots):
        if word == _ZIP:
            zipped.append(entry)
        elif word:
            found.append(Found(entry.path, word, is_file=True))
        else:
            told = _ARCHIVE if reason == _NO_MODEL and entry.path.lower().endswith(_ARCHIVES) else reason
            ignored.append(Ignored(path=entry.path, size=entry.size, reason=told))
    for model in sorted(found, key=lambda model: model.format != MANIFEST):
        if model.format in _WHOLE or model.path == _SAVED_MODEL:
            return (Found("", model.format, is_file=False),), ()
    if not found and _are_versions(folders):
        return (Found("", _TENSORFLOW, is_file=False),), ()
    for name, word, reason in look.at_folders(folders, {entry.path for entry in roots}):
        if word:
            found.append(Found(name, word, is_file=False))
        else:
            size = sum(entry.size for entry in folders[name])
            ignored.append(Ignored(path=f"{name}/", size=size, reason=reason))
    if any(item.size and not unread(item.path) for item in ignored):
        found = look.beside(found, roots, folders)
        ignored = _unclaimed(ignored, found, folders)
    ignored += [Ignored(path=entry.path, size=entry.size, reason=_IN_ZIP) for entry in zipped if found]
    models = found or [Found(entry.path, _ZIP, is_file=True) for entry in zipped]
    return tuple(sorted(models, key=lambda item: item.path)), tuple(sorted(ignored, key=lambda item: item.path))


def _unclaimed(ignored: list[Ignored], found: list[Found], folders: Mapping[str, list[Entry]]) -> list[Ignored]:
    """What is ignored still, where some files belong to a model."""
    claimed = {path for model in found for path in model.beside}

    def is_claimed(item: Ignored) -> bool:
        files = [entry.path for entry in folders[item.path[:-1]]] if item.path.endswith("/") else [item.path]
        return claimed.issuperset(files)

    return [item for item in ignored if not is_claimed(item)]


def model_ids(found: Iterable[Found], whole: str) -> dict[Found, str]:
    """Ids for models that never had one: the path, without a model's usual suffix where that stays unique.

    Args:
        found: The models of one source.
        whole: The id when the source itself is the model.
    """
    models = tuple(found)
    short = {model: _stem(model) for model in models}
    uses = Counter(name.casefold() for name in short.values())
    return {model: (short[model] if uses[short[model].casefold()] == 1 else model.path) or whole for model in models}


def _stem(model: Found) -> str:
    stem, dot, suffix = model.path.rpartition(".")
    return stem if model.is_file and stem and f"{dot}{suffix.lower()}" in _SUFFIXES else model.path


def _are_versions(folders: Mapping[str, list[Entry]]) -> bool:
    """Whether these are the versions of one SavedModel, in folders that are numbers, as TensorFlow Serving has them."""
    return len(folders) > 1 and all(
        name.isascii() and name.isdigit() and any(entry.path == f"{name}/{_SAVED_MODEL}" for entry in files)
        for name, files in folders.items()
    )


def _unfit(name: str) -> str:
    if name.startswith(".") and name not in {".", ".."}:
        return "it is hidden"
    return _refusal(name, "its name is refused")


def _unfit_below(path: str) -> str:
    """The same for a file in a folder that has a fit name."""
    return _refusal(path, f"the name {printable(path)!r} is refused")


def _refusal(name: str, words: str) -> str:
    try:
        check_paths([name])
    except RefusedError as error:
        return f"{words}: {error.what.split(' is refused: ')[-1].rstrip('.')}"
    return ""


class _Look:
    """Looking into files, several side by side; each answer is a word for the format, or the reason for none."""

    def __init__(self, open_file: Open, recognise: Recognise, at_once: int) -> None:
        self._open = open_file
        self._recognise = recognise
        self._at_once = at_once

    def at_files(self, files: list[Entry]) -> Iterator[tuple[Entry, str, str]]:
        """Files at the root.

        Of very many with one suffix the largest are read, and the others only where one of these is a model: a
        container of ten thousand texts costs no more than some of them.
        """
        groups: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in files:
            if reason := _unfit(entry.path) or ("" if entry.size or entry.problem else "it is empty"):
                yield entry, "", reason
            else:
                groups[_suffix(entry)].append(entry)
        for suffix, group in groups.items():
            most = _MOST_LIKELY_READ if suffix in _SUFFIXES else _MOST_FILES_READ
            group.sort(key=lambda entry: (entry.path.lower() not in _TELLING, -entry.size, entry.path))
            answers = list(self._map(self._file, group[:most]))
            if any(word for word, _ in answers):
                answers += self._map(self._file, group[most:])
            ending = f"end in {printable(suffix, 20)}" if suffix else "have no suffix"
            unread = f"{most} of the {len(group)} files here that {ending} were read, and none is a model"
            answers += [("", unread)] * (len(group) - len(answers))
            for entry, (word, reason) in zip(group, answers, strict=True):
                yield entry, word, reason

    def at_folders(self, folders: dict[str, list[Entry]], taken: set[str]) -> Iterator[tuple[str, str, str]]:
        """Folders at the root; ``taken`` are the names of the files there."""

        def one(name: str) -> tuple[str, str]:
            reason = _unfit(name) or ("a file has the same name" if name in taken else "")
            return ("", reason) if reason else self._folder(folders[name])

        yield from ((name, *answer) for name, answer in zip(folders, self._map(one, list(folders)), strict=True))

    def beside(self, found: list[Found], roots: list[Entry], folders: Mapping[str, list[Entry]]) -> list[Found]:
        """The same models with those of the other files that they need which are there."""
        knowing = self._recognise
        if not isinstance(knowing, Knowing):
            return found
        entries = {entry.path: entry for files in (roots, *folders.values()) for entry in files}

        def one(model: Found) -> Found:
            if not model.is_file:
                return model
            try:
                opened = self._open(entries[model.path])
                named = knowing.beside(model.format, opened.size, _Blocks(opened))
            except Unreadable:
                return model  # which fetching will explain
            there = tuple(path for path in named if path in entries and path != model.path and not _unfit_below(path))
            return replace(model, beside=there)

        return self._map(one, found)

    def _folder(self, files: list[Entry]) -> tuple[str, str]:
        refusals = [_unfit_below(entry.path) for entry in files]
        reasons = [refusal for refusal in refusals if refusal]
        fit = [entry for entry, refusal in zip(files, refusals, strict=True) if not refusal]
        likely = sorted((entry for entry in fit if entry.size or entry.problem), key=_likelihood)
        zipped = ""
        for entry in likely[:_MOST_FILES_READ]:
            word, reason = self._file(entry)
            if word and word != _ZIP:
                return word, ""
            zipped = zipped or word
            if not word and reason != _NO_MODEL:
                reasons.append(f"{printable(entry.path)}: {reason}")
        if zipped:
            return zipped, ""
        text = f"no model by content among its {len(files)} files"
        return "", f"{text}; {reasons[0]}" if reasons else text

    def _file(self, entry: Entry) -> tuple[str, str]:
        if entry.problem:
            return "", f"it cannot be read: {entry.problem}"
        try:
            opened = self._open(entry)
            name = printable(entry.path.rpartition("/")[2], 255)
            word = self._recognise(name, opened.size, _Blocks(opened))
        except Unreadable as error:
            return "", f"it cannot be read: {error}"
        return (word, "") if word else ("", _NO_MODEL)

    def _map(self, function: Callable[[T], R], items: list[T]) -> list[R]:
        if self._at_once == 1 or len(items) < 2:
            return list(map(function, items))
        with ThreadPoolExecutor(max_workers=self._at_once, thread_name_prefix="look") as pool:
            return list(pool.map(function, items))


def _suffix(entry: Entry) -> str:
    stem, dot, suffix = entry.path.rpartition("/")[2].rpartition(".")
    return f"{dot}{suffix.lower()}" if stem else ""


def _likelihood(entry: Entry) -> tuple[int, int, str]:
    suffix = _suffix(entry)
    return entry.path.count("/"), _LIKELY.index(suffix) if suffix in _LIKELY else len(_LIKELY), entry.path


class _Blocks:
    """Reads of a file in blocks of 16 KiB, the last few kept: a format's many small reads become few requests."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def __call__(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self._opened.size)
        data = bytearray()
        while offset < end:
            number, skip = divmod(offset, BLOCK)
            piece = self._block(number)[skip : skip + end - offset]
            if not piece:
                break
            data += piece
            offset += len(piece)
        return bytes(data)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start = number * BLOCK
            self._blocks[number] = self._opened.read(start, min(BLOCK, self._opened.size - start))
            while len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        return self._blocks[number]
