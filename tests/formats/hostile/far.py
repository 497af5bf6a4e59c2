"""Files that lie elsewhere, of which a few kilobytes may be read: what that tells, and what it does not."""

import hashlib
from pathlib import Path

from migrate.core.values import Artifact, Inspection
from migrate.formats.inspect import inspect_files
from migrate.formats.unpack import PackedFiles, opened
from tests.formats.far import far_files, inspect_far
from tests.formats.hostile.base import Content, HostileCase, example, unzipped
from tests.formats.hostile.opcodes import pickle
from tests.formats.hostile.zips import Member, pack, patched

_LEAST = 8000  # bytes of the model that may be read
_NOISE = bytes(13_000)  # more than that, and no pickle
_LOCAL = b"PK\3\4"


def _random(count: int) -> str:
    """Text that cannot be packed to less than so many bytes, always the same."""
    return b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(count // 32)).hex()


def _far(artifact: Artifact) -> Inspection:
    return inspect_far(artifact, _LEAST)


def _far_with_word(artifact: Artifact) -> Inspection:
    """With the user's word for another file."""
    return inspect_far(artifact, _LEAST, f"sha256:{'0' * 64}")


def _far_unpacked(artifact: Artifact) -> Inspection:
    """What is in the archive that it is."""
    (archive,) = (file.path for file in artifact.files)
    files = far_files(Path(artifact.folder), _LEAST)
    with opened(files, archive, lambda _: False) as (checked, wanted):
        return inspect_files(PackedFiles(files, archive, checked, wanted), framework=None, archive=archive)


def _case(word: str, refuses: str, files: dict[str, Content], verdict: str, reason: str, says: str) -> HostileCase:
    return HostileCase(f"far-{word}", refuses, files, verdict, reason, says, look=_far)


def _archive(word: str, refuses: str, content: bytes, reason: str, says: str) -> HostileCase:
    return _case(word, refuses, {"m.pt": content}, "quarantined", reason, says)


_FIRST = Member(b"m/data/0", _NOISE)
_DATA = pickle(b"}")
_GOOD = pack([_FIRST, Member(b"m/data.pkl", _DATA)])
_TREE = example("species-tree")["species-tree.pmml"]
_LARGE = _TREE.replace(b"<Header", b"<!--" + b" " * 13_000 + b"--><Header")
_WORDS = _TREE.replace(b"<Header", f"<!--{_random(4000)}--><Header".encode())
_MODULE = [
    Member(name.encode(), content) for name, content in unzipped(example("species-module")["species.pt"]).items()
]
_NAME = _MODULE[0].name.partition(b"/")[0]

CASES = (
    _archive(
        "archive-overlap",
        "an entry that begins in another, by the directory alone",
        pack([_FIRST, Member(b"m/data.pkl", _DATA, offset=100)]),
        "archive-overlap",
        "overlaps another",
    ),
    _archive(
        "archive-too-long",
        "an entry that reaches into the directory, by it alone",
        pack([_FIRST, Member(b"m/data.pkl", _DATA, length=9000, size=9000)]),
        "archive-overlap",
        "reaches into the directory",
    ),
    _archive(
        "archive-sizes",
        "a stored entry of two sizes, by the directory alone",
        pack([_FIRST, Member(b"m/data.pkl", _DATA, size=9000)]),
        "archive-sizes",
        "two sizes differ",
    ),
    _archive(
        "archive-header",
        "an entry that is none where the directory says",
        patched(_GOOD, _LOCAL, 0, b"PK\1\1"),
        "archive-headers-differ",
        "something else in its own header",
    ),
    _archive(
        "archive-beyond",
        "an entry whose own header puts it beyond the archive",
        patched(_GOOD, _LOCAL, 28, b"\xff\xff"),
        "archive-overlap",
        "reaches beyond the archive",
    ),
    _case(
        "pickle",
        "a pickle that is longer than may be read",
        {"m.pkl": pickle(b"]" + b"(" + b"K\x01" * 7000 + b"e")},
        "not known",
        "",
        "The verdict needs more of",
    ),
    _case(
        "pmml",
        "a document that is longer than may be read",
        {"m.pmml": _LARGE},
        "not known",
        "",
        "only a download reads all of them",
    ),
    _case(
        "pmml-cut",
        "the same without its end",
        {"m.pmml": _LARGE[:-200]},
        "unreadable",
        "truncated",
        "last element is not closed",
    ),
    HostileCase(
        "far-packed",
        "a packed file of an archive that is longer than may be read",
        {"m.zip": pack([Member(b"m/data/0", bytes(8000)), Member(b"m/m.pmml", _WORDS, packed=True)])},
        "not known",
        "",
        "only unpacking all of its",
        look=_far_unpacked,
    ),
    HostileCase(
        "far-word",
        "a file that runs code, of an unknown digest, where others are allowed",
        {"m.pt": pack([*_MODULE, Member(_NAME + b"/noise", _NOISE)])},
        "not known",
        "",
        "tells whether it was allowed",
        look=_far_with_word,
    ),
)
