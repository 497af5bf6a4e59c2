"""Small files that become large, or take long, when they are read."""

import zlib

from tests.formats.hostile.archives import GOOD, carried
from tests.formats.hostile.base import HostileCase, example
from tests.formats.hostile.opcodes import PROTO
from tests.formats.hostile.torches import archived
from tests.formats.hostile.zips import Member, members, pack
from tests.formats.models import message, number

_MEGABYTE = 1 << 20
_TREE = example("species-tree")["species-tree.pmml"].decode()
_NAME = next(iter(GOOD)).partition("/")[0]


def _zeros() -> bytes:
    return pack([*members(GOOD), Member(f"{_NAME}/zeros".encode(), bytes(64 * _MEGABYTE), packed=True)])


def _lie() -> bytes:
    """An entry that says it unpacks to 100 bytes, and does to 64 megabytes."""
    return pack([*members(GOOD), Member(f"{_NAME}/zeros".encode(), bytes(64 * _MEGABYTE), packed=True, size=100)])


def _huge_size() -> bytes:
    return pack([*members(GOOD), Member(f"{_NAME}/zeros".encode(), bytes(100), packed=True, size=0xFFFF_FFF0)])


def _entries() -> bytes:
    return pack([Member(f"{_NAME}/{number}".encode()) for number in range(60_000)])


def _lists() -> bytes:
    """Two million empty lists."""
    return archived(PROTO + b"]" * 2_100_000 + b".")


def _texts() -> bytes:
    """Texts of 60 kB each, all of which stay on the stack: 600 MB."""
    one = b"X" + (60_000).to_bytes(4, "little") + b"a" * 60_000
    return archived(PROTO + one * 10_000 + b".")


def _fields() -> bytes:
    at = _TREE.index("<DataField")
    return (_TREE[:at] + '<DataField name="a" dataType="double"/>' * 1_000_000 + _TREE[at:]).encode()


def _attribute() -> bytes:
    """A tag that does not end for 200 megabytes."""
    return (_TREE[:-8] + '<Extension name="').encode() + b"a" * (200 * _MEGABYTE)


def _brackets(size: int, head: bytes, tail: bytes) -> bytes:
    """Lists in a list: 64 bytes of memory for each three of the file."""
    return head + b"[" + b"[]," * size + b"[]]" + tail


def _tokenizer() -> bytes:
    return _brackets(30_000_000, b'{"added_tokens": [], "model": {"type": "BPE", "vocab": ', b"}}")


def _manifest() -> bytes:
    return _brackets(20_000_000, b'{"type": "standard_scaler", "inputs": ', b"}")


def _onnx() -> bytes:
    """A graph of a million inputs."""
    one = message(11, message(1, b"x") + message(2, message(1, number(1, 1))))
    return number(1, 8) + message(8, message(1, b"") + number(2, 13)) + message(7, one * 1_000_000)


def _nodes() -> bytes:
    """A graph of 600,000 nodes."""
    nodes = b"".join(message(1, message(1, b"%d" % name) + message(2, b"NoOp")) for name in range(600_000))
    return number(1, 1) + message(2, message(1, message(4, b"serve")) + message(2, nodes))


def _safetensors() -> bytes:
    header = _brackets(20_000_000, b'{"a": ', b"}")
    return len(header).to_bytes(8, "little") + header


_PIPELINE = {path: content for path, content in example("support-pipeline").items() if path != "model.safetensors"}

CASES = (
    HostileCase(
        "bomb-ratio",
        "an entry that unpacks to a thousand times its size",
        {**carried(b""), "species.ts": _zeros},
        "quarantined",
        "archive-bomb",
    ),
    HostileCase(
        "bomb-lie",
        "an entry that is larger than it says",
        {**carried(b""), "species.ts": _lie},
        "quarantined",
        "archive-sizes",
    ),
    HostileCase(
        "bomb-size",
        "an entry that says it is 4 GB",
        {**carried(b""), "species.ts": _huge_size},
        "quarantined",
        "archive-bomb",
    ),
    HostileCase(
        "bomb-entries", "60,000 entries", {**carried(b""), "species.ts": _entries}, "quarantined", "archive-bomb"
    ),
    HostileCase("bomb-pickle-lists", "a pickle of two million lists", {"m.pt": _lists}, "unsupported", "corrupt"),
    HostileCase(
        "bomb-pickle-texts",
        "a pickle that keeps 600 MB on its stack",
        {"m.pt": _texts},
        "quarantined",
        "pickle-unusual",
    ),
    HostileCase(
        "bomb-gzip",
        "a compressed pickle",
        {"m.pkl": zlib.compress(bytes(10 * _MEGABYTE), wbits=31)},
        "quarantined",
        "pickle-of-unknown-library",
    ),
    HostileCase("bomb-pmml-fields", "a million fields", {"m.pmml": _fields}, "unsupported", "pmml-too-complex"),
    HostileCase(
        "bomb-pmml-attribute", "a tag of 200 megabytes", {"m.pmml": _attribute}, "unsupported", "pmml-too-complex"
    ),
    HostileCase(
        "bomb-tokenizer",
        "a vocabulary of 30 million lists",
        {"tokenizer.json": _tokenizer},
        "unreadable",
        "not-a-tokenizer",
    ),
    HostileCase(
        "bomb-manifest",
        "a manifest of 20 million lists",
        {"manifest.json": _manifest},
        "unreadable",
        "invalid-manifest",
    ),
    HostileCase("bomb-onnx", "a graph of a million inputs", {"m.onnx": _onnx}, "unsupported", "too-complex"),
    HostileCase(
        "bomb-tensorflow", "a graph of 600,000 nodes", {"saved_model.pb": _nodes}, "unsupported", "too-complex"
    ),
    HostileCase(
        "bomb-safetensors",
        "a header of 20 million lists",
        {**_PIPELINE, "model.safetensors": _safetensors},
        "unreadable",
        "corrupt",
    ),
)
