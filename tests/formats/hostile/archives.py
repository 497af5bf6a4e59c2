"""Archives that are not plain: what is in them depends on who reads them, or they reach out of their folder."""

from collections.abc import Callable, Sequence

from tests.formats.hostile.base import HostileCase, example, unzipped, zipped
from tests.formats.hostile.opcodes import HOSTILE
from tests.formats.hostile.zips import Member, members, pack

_FILES = example("species-torchscript")
GOOD = unzipped(_FILES["species.ts"])
_NAME = next(iter(GOOD)).partition("/")[0]


def carried(archive: bytes) -> dict[str, bytes]:
    """The good manifest, with another archive as its module."""
    return {**_FILES, "species.ts": archive}


def _more(*more: Member) -> dict[str, bytes]:
    """The good module with more entries."""
    return carried(pack([*members(GOOD), *more]))


def _first(change: Callable[[Member], None]) -> dict[str, bytes]:
    """The good module with its first entry changed."""
    entries = members(GOOD)
    change(entries[0])
    return carried(pack(entries))


def _set(**values: object) -> Callable[[Member], None]:
    def change(member: Member) -> None:
        for key, value in values.items():
            setattr(member, key, value)

    return change


def _inside(name: str) -> bytes:
    return f"{_NAME}/{name}".encode()


def _case(word: str, weakness: str, files: dict[str, bytes], reason: str) -> HostileCase:
    return HostileCase(f"zip-{word}", weakness, files, "quarantined", f"archive-{reason}")


def _overlap() -> list[Member]:
    """Two entries that share their bytes, as in the bomb without nesting."""
    first = Member(_inside("a"), bytes(1000), packed=True)
    return [first, Member(_inside("b"), bytes(1000), packed=True, offset=0)]


def _names(*names: str) -> dict[str, bytes]:
    return _more(*(Member(_inside(name), b"x") for name in names))


_SECOND: Sequence[Member] = (Member(_inside("data.pkl"), HOSTILE),)

CASES = (
    _case(
        "encrypted-flag",
        "a flag makes scanners pass over an entry that PyTorch reads (CVE-2025-1945)",
        _first(_set(flags=1)),
        "encrypted",
    ),
    _case("strong-encryption", "the same with the flag of strong encryption", _first(_set(flags=1 << 6)), "encrypted"),
    _case("masked-header", "the same with masked local headers", _first(_set(flags=1 << 13)), "encrypted"),
    _case("unknown-flag", "flags that not every reader knows", _first(_set(flags=1 << 5)), "method"),
    _case(
        "bad-checksum",
        "scanners stop at a wrong checksum that PyTorch ignores (CVE-2025-10156)",
        _first(_set(crc=1)),
        "checksum",
    ),
    _case(
        "local-name",
        "the local header names another file (python and miniz differ)",
        _first(_set(local_name=b"species/x")),
        "headers-differ",
    ),
    _case(
        "local-flags", "the local header alone says that it is encrypted", _first(_set(local_flags=1)), "headers-differ"
    ),
    _case("local-method", "the two headers name different packing", _first(_set(local_method=8)), "headers-differ"),
    _case(
        "size",
        "the directory says another size than is there",
        _more(Member(_inside("x"), bytes(99), packed=True, size=3)),
        "sizes",
    ),
    _case("duplicate", "two entries of one name: first or last counts", _more(*_SECOND), "duplicate"),
    _case("case-clash", "names that are one on systems that ignore case", _names("Data.pkl"), "case-clash"),
    HostileCase(
        "zip-unicode-clash",
        "names that are one after Unicode's normal form",
        _more(
            Member(_inside("\u00e9"), b"x", flags=1 << 11),
            Member(_inside("e\u0301"), b"x", flags=1 << 11),
        ),
        "quarantined",
        "archive-case-clash",
    ),
    _case("file-and-folder", "a file that is a folder too", _names("data.pkl/x"), "duplicate"),
    _case("slip", "zip slip: ../ leaves the folder (CVE-2025-15031)", _names("../../../evil.py"), "slip"),
    _case("absolute", "an absolute path", _more(Member(b"/etc/cron.d/evil", b"x")), "absolute"),
    _case("drive", "a path with a drive", _more(Member(b"C:/evil.py", b"x")), "absolute"),
    _case("backslash", "backslashes are separators on Windows only", _names("..\\..\\evil.py"), "names"),
    _case("nul", "a zero byte ends the name in C", _more(Member(_inside("a\0.py"), b"x")), "names"),
    _case("device-name", "a name that is a device on Windows", _names("aux.txt"), "names"),
    _case("trailing-dot", "a name that loses its last dot on Windows", _names("data.pkl."), "names"),
    _case("dot", "a name with a detour", _names("./x"), "names"),
    _case("not-utf8", "a name in an unknown encoding", _more(Member(b"caf\xe9", b"x")), "names"),
    _case("symlink", "a symbolic link", _more(Member(_inside("l"), b"/etc/passwd", mode=0o120777)), "link"),
    _case(
        "symlink-not-unix",
        "a symbolic link in an archive that says it is of another system",
        _more(Member(_inside("l"), b"/etc/passwd", mode=0o120777, made_by=19)),
        "link",
    ),
    _case("device", "a device", _more(Member(_inside("d"), mode=0o020666)), "device"),
    _case("pipe", "a pipe", _more(Member(_inside("p"), mode=0o010666)), "device"),
    _case(
        "second-name",
        "a Unicode name in an extra field, which some readers take",
        _more(Member(_inside("x"), b"x", extra=b"\x75\x70\x06\0\x01abcde")),
        "names-differ",
    ),
    _case("nested", "an archive in an archive", _more(Member(_inside("inner.bin"), zipped({"a": b"a"}))), "nested"),
    _case(
        "nested-gzip",
        "a compressed file in an archive",
        _more(Member(_inside("x"), b"\x1f\x8b\x08" + bytes(20))),
        "nested",
    ),
    _case("hidden-gap", "bytes between two entries", carried(pack(members(GOOD), gap=HOSTILE)), "hidden-data"),
    _case(
        "hidden-end",
        "bytes between entries and directory",
        carried(pack(members(GOOD), before_directory=HOSTILE)),
        "hidden-data",
    ),
    _case(
        "hidden-entry",
        "an entry that the directory does not list",
        carried(pack(members(GOOD), gap=pack(members({"x": b"x"}))[:32])),
        "hidden-data",
    ),
    _case(
        "count",
        "the end record counts fewer entries than are listed",
        carried(pack(members(GOOD), count=1)),
        "directory",
    ),
    _case(
        "comment",
        "a comment that holds another end record",
        carried(pack(members(GOOD), comment=pack(members({"x": b"x"})))),
        "hidden-data",
    ),
    _case("trailing", "bytes behind the end", carried(pack(members(GOOD)) + HOSTILE), "trailing-data"),
    _case(
        "overlap",
        "entries that share their bytes (a bomb without nesting)",
        carried(pack([*members(GOOD), *_overlap()])),
        "overlap",
    ),
    HostileCase("zip-cut", "an archive without its end", carried(pack(members(GOOD))[:-30]), "unreadable", "truncated"),
)
