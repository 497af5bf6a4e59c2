"""Finding models by content among files that nobody described: in a container or a folder.

A model is a file at the root, or a folder at the root with everything below it. Where the root itself holds a
manifest, a SavedModel or the configuration of a pipeline, or nothing but versions of a SavedModel in folders that are
numbers, the whole source is one model. Everything else is listed as
ignored, with the reason.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct

from migrate.core.errors import RefusedError
from migrate.core.text import printable
from migrate.core.values import Ignored
from migrate.sources.paths import check_paths

Recognise = Callable[[str, int, Callable[[int, int], bytes]], str | None]
Read = Callable[[str, int, int], bytes]

MANIFEST: Final = "manifest"
_PIPELINE: Final = "pipeline"
_WHOLE: Final = (MANIFEST, _PIPELINE)
_ZIP: Final = "zip"  # an archive with a model in it, which counts only where there is no other model
_IN_ZIP: Final = "a ZIP archive with a model in it; unpack it to have that served"
_SAVED_MODEL: Final = "saved_model.pb"  # the file that TensorFlow looks for; its variables lie in a folder beside it
_TENSORFLOW: Final = "tensorflow"
_MOST_FILES_READ: Final = 40
_BLOCK: Final = 16 * 1024
_BLOCKS_KEPT: Final = 8
_LIKELY: Final = (".json", ".onnx", ".pb", ".h5", ".pt", ".ts", ".pmml", ".pkl")
_SUFFIXES: Final = frozenset(
    {*_LIKELY, ".hdf5", ".keras", ".pth", ".pickle", ".joblib", ".bin", ".model", ".ort", ".zip", ".tflite", ".pbtxt"}
)


class Entry(Struct, frozen=True):
    """A file of the source: its path relative to the root, with ``/``, and its size."""

    path: str
    size: int


class Found(Struct, frozen=True):
    """A model: its path relative to the root (empty: the whole source), and the word for its format."""

    path: str
    format: str
    is_file: bool


def find_models(
    entries: Iterable[Entry], read: Read, recognise: Recognise
) -> tuple[tuple[Found, ...], tuple[Ignored, ...]]:
    """Tell models from everything else, reading a few kilobytes of a few files."""
    roots: list[Entry] = []
    folders: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.path):
        first, slash, _ = entry.path.partition("/")
        if slash:
            folders[first].append(entry)
        else:
            roots.append(entry)
    found: list[Found] = []
    ignored: list[Ignored] = []
    zipped: list[Entry] = []
    for entry in roots:
        reason = _unfit(entry.path) or ("it is empty" if entry.size == 0 else "")
        word = None if reason else _recognised(entry, read, recognise)
        if word == _ZIP:
            zipped.append(entry)
        elif word:
            found.append(Found(entry.path, word, is_file=True))
        else:
            ignored.append(Ignored(path=entry.path, size=entry.size, reason=reason or "no model by its content"))
    for model in sorted(found, key=lambda model: model.format != MANIFEST):
        if model.format in _WHOLE or model.path == _SAVED_MODEL:
            return (Found("", model.format, is_file=False),), ()
    if not found and _are_versions(folders):
        return (Found("", _TENSORFLOW, is_file=False),), ()
    _look_into(folders, {entry.path for entry in roots}, read, recognise, found, ignored)
    if found:
        ignored += [Ignored(path=entry.path, size=entry.size, reason=_IN_ZIP) for entry in zipped]
    else:
        found = [Found(entry.path, _ZIP, is_file=True) for entry in zipped]
    return tuple(sorted(found, key=lambda item: item.path)), tuple(sorted(ignored, key=lambda item: item.path))


def _look_into(
    folders: Mapping[str, list[Entry]],
    taken: Collection[str],
    read: Read,
    recognise: Recognise,
    found: list[Found],
    ignored: list[Ignored],
) -> None:
    """Add each folder to what is found or to what is ignored; ``taken`` are the names of files beside them."""
    for name, files in folders.items():
        reason = _unfit(name) or ("a file has the same name" if name in taken else "")
        word = None if reason else _folder_format(files, read, recognise)
        if word:
            found.append(Found(name, word, is_file=False))
        else:
            size = sum(entry.size for entry in files)
            text = reason or f"no model by content among its {len(files)} files"
            ignored.append(Ignored(path=f"{name}/", size=size, reason=text))


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
    try:
        check_paths([name])
    except RefusedError as error:
        return f"its name is refused: {error.what.split(' is refused: ')[-1].rstrip('.')}"
    return ""


def _folder_format(files: list[Entry], read: Read, recognise: Recognise) -> str | None:
    likely = sorted((entry for entry in files if entry.size), key=_likelihood)
    zipped = None
    for entry in likely[:_MOST_FILES_READ]:
        word = _recognised(entry, read, recognise)
        if word and word != _ZIP:
            return word
        zipped = zipped or word
    return zipped


def _likelihood(entry: Entry) -> tuple[int, int, str]:
    suffix = "." + entry.path.rpartition(".")[2].lower()
    return entry.path.count("/"), _LIKELY.index(suffix) if suffix in _LIKELY else len(_LIKELY), entry.path


def _recognised(entry: Entry, read: Read, recognise: Recognise) -> str | None:
    return recognise(printable(entry.path.rpartition("/")[2], 255), entry.size, _Blocks(entry, read))


class _Blocks:
    """Reads of a file in blocks of 16 KiB, the last few kept: a format's many small reads become few requests."""

    def __init__(self, entry: Entry, read: Read) -> None:
        self._entry = entry
        self._read = read
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def __call__(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self._entry.size)
        data = bytearray()
        while offset < end:
            number, skip = divmod(offset, _BLOCK)
            piece = self._block(number)[skip : skip + end - offset]
            if not piece:
                break
            data += piece
            offset += len(piece)
        return bytes(data)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start = number * _BLOCK
            self._blocks[number] = self._read(self._entry.path, start, min(_BLOCK, self._entry.size - start))
            while len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        return self._blocks[number]
