"""Pickles: names that reach code, opcodes that hide them, and streams where nobody looks."""

from tests.formats.hostile.base import HostileCase
from tests.formats.hostile.opcodes import (
    BUILD,
    COMMAND,
    HARMLESS,
    HOSTILE,
    POP,
    SOURCE,
    call,
    data,
    name,
    pickle,
    short,
    stack_name,
    system,
    text,
)
from tests.formats.hostile.torches import archived


def _case(word: str, weakness: str, body: bytes, reason: str = "pickle-dangerous", proto: bytes = b"") -> HostileCase:
    """In the place where PyTorch loads it from."""
    content = pickle(body, proto) if proto else pickle(body)
    return HostileCase(f"pickle-{word}", weakness, {"m.pt": archived(content)}, "quarantined", reason)


_EVAL = call(name("builtins", "eval"), text(SOURCE))
_PARTIAL = call(name("functools", "partial"), name("posix", "system"), text(COMMAND))
_ATTRGETTER = call(call(name("operator", "attrgetter"), text("system")), name("os", "path"))

_GADGETS = {
    "subprocess": ("subprocess.Popen", call(name("subprocess", "Popen"), text(COMMAND))),
    "import": ("importlib.import_module", call(name("importlib", "import_module"), text("antigravity"))),
    "runpy": ("runpy.run_path, which block-lists forgot", call(name("runpy", "run_path"), text("/tmp/x.py"))),
    "pip": ("pip.main installs a package (CVE-2025-1716)", call(name("pip", "main"), b"]" + text("install") + b"a")),
    "f2py": (
        "numpy.f2py evaluates its argument (a name of numpy, so trusted by its first word)",
        call(name("numpy.f2py.crackfortran", "getlincoef"), text(SOURCE), b"}"),
    ),
    "runstring": (
        "numpy.testing runs its argument",
        call(name("numpy.testing._private.utils", "runstring"), text(SOURCE), b"}"),
    ),
    "torch-hub": ("torch.hub.load fetches and runs a program", call(name("torch.hub", "load"), text("a/b"), text("c"))),
    "torch-run": (
        "torch.utils.collect_env.run runs a command",
        call(name("torch.utils.collect_env", "run"), text(COMMAND)),
    ),
    "torch-profile": (
        "torch.utils.bottleneck runs its argument (GHSA-4r9r-ch6f-vxmx)",
        call(name("torch.utils.bottleneck.__main__", "run_cprofile"), text(SOURCE), b"}"),
    ),
    "torch-load": (
        "torch.storage._load_from_bytes loads another pickle without limits",
        call(name("torch.storage", "_load_from_bytes"), data(HOSTILE)),
    ),
    "torch-library": ("torch.ops.load_library", call(name("torch._ops", "_Ops.load_library"), b"N", text("/tmp/x.so"))),
    "pandas": ("pandas.read_pickle loads another pickle", call(name("pandas", "read_pickle"), text("/tmp/x"))),
    "nested": ("a pickle in the bytes of a pickle", call(name("_pickle", "loads"), data(HOSTILE))),
    "marshal": ("byte-code in bytes", call(name("types", "FunctionType"), call(name("marshal", "loads"), data(b"c")))),
    "attrgetter": ("operator.attrgetter reaches what is not named (getattr in other words)", _ATTRGETTER),
    "getattr": (
        "builtins.getattr reaches what is not named",
        call(name("builtins", "getattr"), name("os", "path"), text("os")),
    ),
    "partial": ("functools.partial carries the call", _PARTIAL),
    "asyncio": (
        "asyncio's subprocess, which block-lists forgot",
        call(name("asyncio.unix_events", "_UnixSubprocessTransport._start"), b"}"),
    ),
    "python2": (
        "__builtin__.eval, mapped to builtins by protocols up to 2",
        call(name("__builtin__", "eval"), text(SOURCE)),
    ),
    "dotted": (
        "a dotted name walks from a harmless class to its globals (protocol 4)",
        call(stack_name("torch.nn", "Linear.forward.__globals__.__getitem__"), text("os")),
    ),
    "memory": ("a file of this machine as an array", call(name("numpy", "memmap"), text("/etc/passwd"))),
}

CASES = (
    _case("os-system", "os.system", system("os")),
    _case("posix-system", "posix.system, as os.system is pickled (CVE-2025-1889 and all before)", system("posix")),
    _case("eval", "builtins.eval", _EVAL),
    *(_case(word, weakness, body, "pickle-dangerous") for word, (weakness, body) in _GADGETS.items()),
    _case("unknown", "a name that nobody has on a list", call(name("acme.tools", "launch")), "pickle-unknown-import"),
    _case("inst", "opcode INST imports and calls in one", b"(" + text(COMMAND) + b"iposix\nsystem\n"),
    _case("obj", "opcode OBJ calls without REDUCE", b"(" + name("posix", "system") + text(COMMAND) + b"o"),
    _case("newobj", "opcode NEWOBJ", name("subprocess", "Popen") + text(COMMAND) + b"\x85\x81"),
    _case(
        "newobj-ex", "opcode NEWOBJ_EX", name("subprocess", "Popen") + text(COMMAND) + b"\x85}\x92", proto=b"\x80\x04"
    ),
    _case(
        "stack-global", "opcode STACK_GLOBAL", call(stack_name("posix", "system"), short(COMMAND)), proto=b"\x80\x04"
    ),
    _case(
        "built-name",
        "STACK_GLOBAL takes a name that the pickle computes",
        call(
            short("posix") + call(name("_codecs", "encode"), short("flfgrz"), short("rot13")) + b"\x93", short(COMMAND)
        ),
        "pickle-unknown-import",
        b"\x80\x04",
    ),
    _case(
        "memo",
        "names wait in the memo, far from where they are used",
        short("system") + b"\x94" + short("posix") + b"\x94" + POP + POP + call(b"h\x01h\x00\x93", short(COMMAND)),
        proto=b"\x80\x04",
    ),
    _case(
        "memo-order",
        "a memo key far away and written twice",
        text("x") + b"r\xff\xff\xff\x7f" + system("posix") + b"r\xff\xff\xff\x7f",
    ),
    _case("discarded", "the call's result is thrown away and data left", system("posix") + POP + b"}"),
    _case(
        "no-proto",
        "protocol 0 has no mark at its beginning",
        b"cposix\nsystem\n(S'" + COMMAND.encode() + b"'\ntR",
        proto=b"I1\n0",
    ),
    _case("build", "BUILD sets attributes of an imported class", name("posix", "system") + b"}" + BUILD),
    HostileCase(
        "pickle-ext",
        "opcode EXT1 imports by a number of the extension registry",
        {"m.pt": archived(pickle(b"\x82\x01" + text(COMMAND) + b"\x85R"))},
        "unreadable",
        "corrupt",
    ),
    HostileCase(
        "pickle-persistent",
        "opcode PERSID refers to things outside the stream by a text",
        {"m.pt": archived(pickle(b"Pposix system\n"))},
        "unreadable",
        "corrupt",
    ),
    HostileCase(
        "pickle-broken-late",
        "a stream that breaks after the call has run (scanners that fail report nothing)",
        {"m.pt": archived(pickle(system("posix") + b"\xff"))},
        "quarantined",
        "pickle-broken",
    ),
    HostileCase(
        "pickle-number-line",
        "a number that one reader refuses and the loader takes (int-opcode desync)",
        {"m.pt": archived(pickle(b"I0x1\n0" + system("posix")))},
        "unreadable",
        "corrupt",
    ),
    HostileCase(
        "pickle-escaped-name",
        "a text with escapes becomes a name",
        {"m.pt": archived(pickle(call(b"Vp\\u006fsix\nVsystem\n\x93", text(COMMAND)), b"\x80\x04"))},
        "quarantined",
        "pickle-unknown-import",
    ),
    HostileCase(
        "pickle-second-stream",
        "a second stream after STOP",
        {"m.pt": archived(HARMLESS + HOSTILE)},
        "quarantined",
        "torch-not-plain",
    ),
    HostileCase(
        "pickle-second-stream-bare",
        "the same in a file of its own",
        {"m.pkl": HARMLESS + HOSTILE},
        "quarantined",
        "pickle-of-unknown-library",
    ),
    HostileCase(
        "pickle-bare", "a pickle of no framework", {"m.pkl": HOSTILE}, "quarantined", "pickle-of-unknown-library"
    ),
    HostileCase(
        "pickle-wrong-suffix",
        "scanners choose by the suffix (CVE-2025-10155, CVE-2025-1889)",
        {"m.onnx": HOSTILE},
        "quarantined",
        "pickle-of-unknown-library",
    ),
    HostileCase("pickle-as-keras", "the same as HDF5", {"m.h5": HOSTILE}, "quarantined", "pickle-of-unknown-library"),
    HostileCase(
        "pickle-no-suffix",
        "the same without any suffix",
        {"weights": HOSTILE},
        "quarantined",
        "pickle-of-unknown-library",
    ),
    HostileCase(
        "pickle-joblib-zlib",
        "a compressed pickle, as joblib writes them",
        {"m.joblib": b"\x1f\x8b\x08" + bytes(40)},
        "quarantined",
        "pickle-of-unknown-library",
    ),
)
