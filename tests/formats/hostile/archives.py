"""Archives that are not plain: what is in them depends on who reads them. All that they hold is words."""

import gzip
from collections.abc import Sequence

from migrate.formats.archive.structure import Archive
from tests.formats.hostile.base import HostileCase, Limit, lowered, zipped
from tests.formats.hostile.opcodes import HARMLESS
from tests.formats.hostile.zips import Member, members, pack, patched

WORDS = b"plain words\n"
GOOD = {"m/data.pkl": HARMLESS, "m/notes.txt": WORDS}
"""A file of PyTorch that holds a dictionary and a note: sound, and no model."""
_CENTRAL, _END = b"PK\1\2", b"PK\5\6"
_LOW = {"RATIO_FROM": 100, "MAXIMUM_RATIO": 2}


def _case(
    word: str,
    refuses: str,
    content: bytes,
    reason: str,
    says: str = "",
    limits: tuple[Limit, ...] = (),
) -> HostileCase:
    return HostileCase(
        f"zip-{word}", refuses, {"m.pt": content}, "quarantined", f"archive-{reason}", says, limits=limits
    )


def _more(*more: Member) -> bytes:
    """The good archive with more entries."""
    return pack([*members(GOOD), *more])


def _note(**changes: object) -> bytes:
    """The good archive with its note changed."""
    entries = members(GOOD)
    for key, value in changes.items():
        setattr(entries[1], key, value)
    return pack(entries)


def _named(name: str | bytes, **changes: object) -> bytes:
    """The good archive with an entry of this name."""
    made = Member(name if isinstance(name, bytes) else name.encode(), WORDS)
    for key, value in changes.items():
        setattr(made, key, value)
    return _more(made)


def _cut(word: str, refuses: str, content: bytes) -> HostileCase:
    return HostileCase(f"zip-{word}", refuses, {"m.pt": content}, "unreadable", "truncated", "no end record")


def _extra(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(content).to_bytes(2, "little") + content


_ACCENTS: Sequence[Member] = (
    Member("m/\u00e9".encode(), WORDS, flags=1 << 11),
    Member("m/e\u0301".encode(), WORDS, flags=1 << 11),
)
_ZEROS = bytes(1000)
_PLAIN = pack(members(GOOD))
_FLAGS = (
    _case("encrypted", "an entry whose flag says that it is encrypted", _note(flags=1), "encrypted"),
    _case("strong-encryption", "the flag of strong encryption", _note(flags=1 << 6), "encrypted"),
    _case("masked-header", "the flag of masked headers", _note(flags=1 << 13), "encrypted"),
    _case("unknown-flag", "a flag that is not known", _note(flags=1 << 5), "method"),
    _case("method", "a way of packing that is not known", patched(_PLAIN, _CENTRAL, 10, b"\x0c\0"), "method"),
)
_HEADERS = (
    _case("checksum", "an entry with a wrong checksum", _note(crc=1), "checksum"),
    _case("local-name", "an entry of another name in its own header", _note(local_name=b"m/x"), "headers-differ"),
    _case("local-flags", "other flags in its own header", _note(local_flags=1), "headers-differ"),
    _case("local-method", "another way of packing in its own header", _note(local_method=8), "headers-differ"),
    _case("local-checksum", "another checksum in its own header", _note(local_crc=1), "headers-differ", "other sizes"),
    _case("descriptor", "no sizes behind an entry that has them there", _note(flags=8), "headers-differ", "behind it"),
    _case("size-more", "an entry that holds more than it says", _note(packed=True, size=3), "sizes", "more than"),
    _case("size-less", "an entry that holds less than it says", _note(packed=True, size=99), "sizes", "less than"),
    _case("size-stored", "a stored entry of two sizes", _note(size=3), "sizes", "two sizes differ"),
    _case("unpackable", "an entry that cannot be unpacked", _note(packed=True, body=b"\xff" * 9), "corrupt"),
    _case("no-wide-size", "an entry whose 64-bit size is missing", _note(size=0xFFFF_FFFF), "zip64", "has no sizes"),
    _case(
        "wide-size", "an entry of two 64-bit sizes", _note(extra=_extra(1, bytes(7) + b"\1")), "zip64", "two different"
    ),
    _case("extra", "an extra field that is cut", _note(extra=b"\x09\0\x09\0"), "extra-field"),
    _case("second-name", "a second name in an extra field", _note(extra=_extra(0x7075, b"\x01abcde")), "names-differ"),
)
_NAMES = (
    _case("duplicate", "two entries of one name", _named("m/notes.txt"), "duplicate", "in it twice"),
    _case("case-clash", "names that are one where case is ignored", _named("m/Notes.txt"), "case-clash"),
    _case("unicode-clash", "names that are one in Unicode's normal form", _more(*_ACCENTS), "case-clash"),
    _case("file-in-file", "a file in a file", _named("m/notes.txt/x"), "duplicate", '"m/notes.txt" is a file and a'),
    _case("file-of-folder", "a file that is a folder too", _named("m"), "duplicate", '"m" is a file and a folder'),
    _case("folder-content", "a folder with content", _named("m/sub/", mode=0o040755), "names", "has content"),
    _case("slip", "a name with .. in it", _named("m/../notes.txt"), "slip"),
    _case("absolute", "an absolute name", _named("/notes.txt"), "absolute"),
    _case("drive", "a name with a drive", _named("C:/notes.txt"), "absolute"),
    _case("backslash", "a name with a backslash", _named("m\\x.txt"), "names", "no plain name"),
    _case("line-break", "a name with a line break", _named("m/a\nb"), "names", "no plain name"),
    _case("long-name", "a name of more than 1024 characters", _named("m/" + "a" * 1024), "names", "no plain name"),
    _case("long-part", "a part of a name that no system takes", _named("m/" + "a" * 256), "names", "longer than any"),
    _case("device-name", "a name of a device of some systems", _named("m/aux.txt"), "names", "different things"),
    _case("trailing-dot", "a name that ends with a dot", _named("m/a."), "names", "different things"),
    _case("dot", "a name with a detour", _named("m/./a"), "names", "different things"),
    _case("not-utf8", "a name in an unknown encoding", _named(b"m/caf\xe9"), "names", "is not UTF-8"),
    _case("link", "a symbolic link", _named("m/l", data=b"notes.txt", mode=0o120777), "link"),
    _case("link-other", "the same, said to be of another system", _named("m/l", mode=0o120777, made_by=19), "link"),
    _case("device", "a device", _named("m/d", mode=0o020666), "device"),
    _case("pipe", "a pipe", _named("m/p", mode=0o010666), "device"),
)
_LAYOUT = (
    _case("nested", "an archive in an archive", _named("m/x", data=zipped({"a": WORDS})), "nested"),
    _case(
        "nested-packed", "a compressed file in an archive", _named("m/x", data=gzip.compress(WORDS, mtime=0)), "nested"
    ),
    _case("gap", "bytes between two entries", pack(members(GOOD), gap=WORDS), "hidden-data", "follows other bytes"),
    _case(
        "before", "bytes before the directory", pack(members(GOOD), before_directory=WORDS), "hidden-data", "bytes lie"
    ),
    _case(
        "unlisted",
        "an entry that is not listed",
        pack(members(GOOD), gap=pack(members({"x": b"x"}))[:32]),
        "hidden-data",
    ),
    _case(
        "behind",
        "bytes between directory and end",
        patched(_PLAIN, _END, 12, b"\1\0\0\0"),
        "hidden-data",
        "does not reach",
    ),
    _case("comment", "a comment that is no text", pack(members(GOOD), comment=b"\0\xff"), "trailing-data"),
    _case(
        "comment-end",
        "a comment with another end record",
        pack(members(GOOD), comment=b"PK\5\6" + bytes(18)),
        "hidden-data",
        "does not reach",
    ),
    _case(
        "comment-mark", "a comment with the mark of a record", pack(members(GOOD), comment=b"a PK b"), "trailing-data"
    ),
    _case(
        "comment-before",
        "a comment, and an end record in an entry",
        pack([*members(GOOD), Member(b"m/x", b"PK\5\6" + bytes(18))], comment=WORDS),
        "trailing-data",
    ),
    _case(
        "comment-length",
        "a comment that is longer than its end record says",
        pack(members(GOOD), comment=WORDS) + b"more",
        "trailing-data",
    ),
    _case("trailing", "bytes behind the end", _PLAIN + WORDS, "trailing-data"),
    _case("overlap", "entries that share their bytes", _named("m/x", offset=0), "overlap", "overlaps another"),
    _case(
        "into-directory", "an entry that reaches into the directory", _note(length=999, size=999), "overlap", "reaches"
    ),
    _case("count", "fewer entries than are listed", pack(members(GOOD), count=1), "directory", "is broken"),
    _case("count-more", "more entries than are listed", pack(members(GOOD), count=3), "directory", "and lists"),
    _case(
        "listed-cut",
        "an entry in the directory that is cut",
        patched(_PLAIN, _CENTRAL, 32, b"\x09\0"),
        "directory",
        "is broken",
    ),
    _case("part", "an entry of another part", patched(_PLAIN, _CENTRAL, 34, b"\1\0"), "disks"),
    _case("parts", "one part of several", patched(_PLAIN, _END, 4, b"\1\0"), "disks"),
    _case("no-wide-end", "a missing 64-bit end record", pack(members(GOOD), count=0xFFFF), "zip64", "needs one"),
    _case(
        "wide-end-first",
        "a 64-bit end record before the file",
        b"PK\3\4" + bytes(34) + b"PK\6\7" + bytes(16) + _PLAIN[-22:],
        "zip64",
        "not where",
    ),
    _case(
        "wide-end-away", "a 64-bit end record elsewhere", pack(members(GOOD), wide={"away": 1}), "zip64", "not where"
    ),
    _case(
        "wide-end-mark",
        "a broken 64-bit end record",
        pack(members(GOOD), wide={"mark": b"PK\6\0"}),
        "zip64",
        "is broken",
    ),
    _case(
        "wide-end-other", "two end records that differ", pack(members(GOOD), wide={"short": 1}), "zip64", "contradict"
    ),
    _case(
        "wide-end-none",
        "a 64-bit end record without numbers",
        pack(members(GOOD), count=0xFFFF, wide={"count": 0xFFFF}),
        "zip64",
        "no numbers",
    ),
    _cut("cut", "an archive without its end", _PLAIN[:-30]),
    _cut("start", "the first bytes of an archive", b"PK\3\4"),
    _cut(
        "no-room",
        "an entry that has no room before the directory",
        pack([Member(b"m/a", offset=0)], before_directory=b"PK\3\4"),
    ),
)
_SIZES = (
    _case(
        "entries", "more entries than any model", _PLAIN, "bomb", "has 2 entries", lowered(Archive, MAXIMUM_ENTRIES=1)
    ),
    _case(
        "unpacked",
        "more bytes than may be unpacked",
        _PLAIN,
        "bomb",
        "more than the 9",
        lowered(Archive, MAXIMUM_UNPACKED=9),
    ),
    _case(
        "ratio",
        "an archive far smaller than its content",
        _more(Member(b"m/z", _ZEROS, packed=True)),
        "bomb",
        "it unpacks to",
        lowered(Archive, **_LOW),
    ),
    _case(
        "ratio-entry",
        "an entry far smaller than its content",
        _more(Member(b"m/z", _ZEROS[:300], packed=True)),
        "bomb",
        '"m/z" unpacks',
        lowered(Archive, **_LOW),
    ),
)

CASES = (*_FLAGS, *_HEADERS, *_NAMES, *_LAYOUT, *_SIZES)
