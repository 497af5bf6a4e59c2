"""Files that are two things at once, or none."""

from tests.formats.hostile.archives import GOOD, carried
from tests.formats.hostile.base import HostileCase, example
from tests.formats.hostile.opcodes import HOSTILE
from tests.formats.hostile.zips import members, pack

_ZIP = pack(members(GOOD))
_PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + bytes(17)
_PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"
_DIGITS = example("digits-h5")["digits.h5"]
_TREE = example("species-tree")["species-tree.pmml"]

CASES = (
    HostileCase(
        "polyglot-png-zip", "an image with an archive behind it", carried(_PNG + _ZIP), "unreadable", "not-torch"
    ),
    HostileCase(
        "polyglot-pdf-zip", "a document with an archive behind it", carried(_PDF + _ZIP), "unreadable", "not-torch"
    ),
    HostileCase(
        "polyglot-pickle-zip", "a pickle with an archive behind it", carried(HOSTILE + _ZIP), "unreadable", "not-torch"
    ),
    HostileCase(
        "polyglot-zip-zip", "an archive behind another", carried(_ZIP + _ZIP), "quarantined", "archive-hidden-data"
    ),
    HostileCase(
        "polyglot-hdf5-zip", "an archive behind an HDF5 file", {"m.h5": _DIGITS + _ZIP}, "unreadable", "corrupt"
    ),
    HostileCase(
        "polyglot-hdf5-pickle", "a pickle behind an HDF5 file", {"m.h5": _DIGITS + HOSTILE}, "unreadable", "corrupt"
    ),
    HostileCase(
        "polyglot-pmml-zip", "an archive behind a PMML file", {"m.pmml": _TREE + _ZIP}, "unreadable", "corrupt"
    ),
    HostileCase("zero-bytes", "a file of zero bytes only", {"m.pt": bytes(4096)}, "unreadable", "not-torch"),
    HostileCase("empty-torch", "an empty file", {"m.pt": b""}, "unreadable", "empty"),
    HostileCase("empty-keras", "the same as HDF5", {"m.h5": b""}, "unreadable", "empty"),
    HostileCase("empty-pmml", "the same as PMML", {"m.pmml": b""}, "unreadable", "empty"),
    HostileCase(
        "not-an-archive", "an archive's first bytes and nothing else", {"m.pt": b"PK\3\4"}, "unreadable", "truncated"
    ),
    HostileCase(
        "pickle-beside-a-model",
        "a hostile pickle beside a good model",
        {**example("species-tree"), "evil.pkl": HOSTILE},
        "ready",
        "",
        harmless="the server reads the entry of its settings only; the other file is named in the notes",
    ),
)
