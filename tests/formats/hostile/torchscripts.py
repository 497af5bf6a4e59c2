"""TorchScript: its code is compiled by PyTorch; what it can reach beyond itself are operators."""

from tests.formats.hostile.base import HostileCase, example, unzipped, zipped
from tests.formats.hostile.opcodes import CALLS, GLOBAL, name, pickle
from tests.formats.hostile.torches import archived

FILES = example("species-torchscript")
MEMBERS = unzipped(FILES["species.ts"])
_CODE = next(path for path in MEMBERS if path.endswith(".py"))
_TOP = _CODE.partition("/")[0]


def script(line: str) -> dict[str, bytes]:
    """The good module, with one more line at the beginning of its method."""
    code = MEMBERS[_CODE].decode()
    at = code.index(":\n", code.index("def forward")) + 2
    return with_member(_CODE, (code[:at] + f"    {line}\n" + code[at:]).encode())


def with_member(path: str, content: bytes) -> dict[str, bytes]:
    """The good module with another file in it."""
    return {**FILES, "species.ts": zipped({**MEMBERS, path: content})}


def _case(
    word: str, refuses: str, line: str, verdict: str = "quarantined", reason: str = "torchscript-file"
) -> HostileCase:
    """The operators are named and not called, and their files are nowhere."""
    return HostileCase(f"torchscript-{word}", refuses, script(line), verdict, reason)


def _member(word: str, refuses: str, path: str, content: bytes, reason: str = "pickle-dangerous") -> HostileCase:
    return HostileCase(f"torchscript-{word}", refuses, with_member(path, content), "quarantined", reason)


CASES = (
    _case("file", "an operator that opens files", "y = torch.save"),
    _case("ops", "the same by its full name", "y = ops.aten.save"),
    _case("spaces", "the same with spaces around its dot", "y = torch . save"),
    _case("quotes", "code with texts in three quotes, which all counts", 'y = """torch.save"""'),
    _case("alias", "the module of operators under another name", "t = torch", reason="torchscript-unusual"),
    _case(
        "custom", "operators of a library of the model's own", "y = ops.nowhere.x", "unsupported", "custom-operators"
    ),
    _case("custom-spaces", "the same with a space", "y = ops .nowhere.x", "unsupported", "custom-operators"),
    _case(
        "class",
        "classes of a library of the model's own",
        "y = __torch__.torch.classes.nowhere.X",
        "unsupported",
        "custom-operators",
    ),
    _case(
        "gone",
        "an operator that PyTorch does not have any more",
        "y = torch.lstsq(x)",
        "unsupported",
        "older-than-supported",
    ),
    HostileCase(
        "torchscript-json",
        "a module of the first form of TorchScript",
        {**FILES, "species.ts": zipped({f"{_TOP}/model.json": b"{}", f"{_TOP}/version": b"1\n"})},
        "unsupported",
        "older-than-supported",
    ),
    _member("data", "a name that is no data, in a module's pickle", f"{_TOP}/data.pkl", pickle(GLOBAL)),
    _member("constants", "the same among its constants", f"{_TOP}/constants.pkl", pickle(GLOBAL)),
    _member("extra", "a pickle in a file that nothing names", f"{_TOP}/extra/notes.txt", CALLS),
    _member("not-utf8", "code that is not UTF-8", _CODE, b"\xff" + MEMBERS[_CODE], "torch-not-plain"),
    HostileCase(
        "torchscript-name-only",
        "a pickle of PyTorch that calls itself a module of TorchScript",
        {**FILES, "species.ts": archived(pickle(name("__torch__.m", "M") + b")\x81}b"))},
        "quarantined",
        "pickle-unknown-import",
    ),
)
