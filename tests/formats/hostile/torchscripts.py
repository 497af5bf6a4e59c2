"""TorchScript: its code is compiled by PyTorch; what it can reach beyond itself are operators."""

from tests.formats.hostile.base import HostileCase, example, unzipped, zipped
from tests.formats.hostile.opcodes import HOSTILE, name, pickle, system
from tests.formats.hostile.torches import archived

_FILES = example("species-torchscript")
_MEMBERS = unzipped(_FILES["species.ts"])
_CODE = next(path for path in _MEMBERS if path.endswith(".py"))
_TOP = _CODE.partition("/")[0]


def script(line: str) -> dict[str, bytes]:
    """The good module, with one more line at the beginning of its method."""
    code = _MEMBERS[_CODE].decode()
    at = code.index(":\n", code.index("def forward")) + 2
    return with_member(_CODE, (code[:at] + f"    {line}\n" + code[at:]).encode())


def with_member(path: str, content: bytes) -> dict[str, bytes]:
    """The good module with another file in it."""
    return {**_FILES, "species.ts": zipped({**_MEMBERS, path: content})}


def _case(
    word: str, weakness: str, line: str, verdict: str = "quarantined", reason: str = "torchscript-file"
) -> HostileCase:
    return HostileCase(f"torchscript-{word}", weakness, script(line), verdict, reason)


CASES = (
    _case("save", "torch.save writes a file", 'torch.save(x, "/tmp/x")'),
    _case("from-file", "torch.from_file maps a file", 'y = torch.from_file("/etc/passwd", False, 10)'),
    _case("ops", "the same by the operator's full name", 'y = ops.aten.from_file("/etc/passwd", False, 10)'),
    _case(
        "spaces",
        "the same with spaces that the compiler passes over",
        'y = torch . from_file("/etc/passwd", False, 10)',
    ),
    _case(
        "alias",
        "the module of operators under another name",
        't = torch; t.save(x, "/tmp/x")',
        reason="torchscript-unusual",
    ),
    _case(
        "quotes",
        "a text in three quotes hides a call from whoever looks for texts in one",
        'y = """a"b"""; torch.save(x, "c"); z = "d"',
    ),
    _case("comment", "what looks like a comment lies in a text", "y = '''a'#'''; torch.save(x, 'c')"),
    _case(
        "custom",
        "operators that a library of the model's own would bring",
        "y = ops.acme.run(x)",
        "unsupported",
        "custom-operators",
    ),
    _case(
        "custom-spaces",
        "the same with a space",
        "y = ops .acme.run(x)",
        "unsupported",
        "custom-operators",
    ),
    _case(
        "class",
        "classes that a library of the model's own would bring",
        "y = __torch__.torch.classes.acme.Runner()",
        "unsupported",
        "custom-operators",
    ),
    HostileCase(
        "torchscript-data",
        "a call of Python in the pickle of a module",
        with_member(f"{_TOP}/data.pkl", pickle(system("posix"))),
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "torchscript-constants",
        "the same among its constants",
        with_member(f"{_TOP}/constants.pkl", pickle(system("posix"))),
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "torchscript-extra",
        "a pickle in a file that nothing names (extra files, debug information)",
        with_member(f"{_TOP}/extra/notes.txt", HOSTILE),
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "torchscript-not-utf8",
        "code that two readers decode differently",
        with_member(_CODE, b"\xff\xfe" + _MEMBERS[_CODE]),
        "quarantined",
        "torch-not-plain",
    ),
    HostileCase(
        "torchscript-name-only",
        "a pickle of PyTorch that calls itself a module of TorchScript",
        {**_FILES, "species.ts": archived(pickle(name("__torch__.m", "M") + b")\x81}b"))},
        "quarantined",
        "pickle-unknown-import",
    ),
)
