"""Files of PyTorch: archives and the older bare pickles, with pickles where scanners do not look."""

import io
import tarfile

from tests.formats.hostile.base import HostileCase, example, unzipped, zipped
from tests.formats.hostile.opcodes import HARMLESS, HOSTILE, PROTO, STOP, call, name, pickle, system, text

LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."


def archived(data_pkl: bytes, **others: bytes) -> bytes:
    """A file as ``torch.save`` writes it, with this pickle."""
    files = {"m/data.pkl": data_pkl, **{f"m/{path}": content for path, content in others.items()}}
    return zipped({**files, "m/version": b"3\n"})


def _legacy(*streams: bytes, tail: bytes = b"") -> bytes:
    return LEGACY + PROTO + b"M\xe9\x03." + pickle(b"}") + b"".join(streams) + tail


def _tar() -> bytes:
    """PyTorch 0.1's files, with a link among them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        link = tarfile.TarInfo("storages")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        device = tarfile.TarInfo("tensors")
        device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
        hard = tarfile.TarInfo("sys_info")
        hard.type, hard.linkname = tarfile.LNKTYPE, "../../etc/shadow"
        held = tarfile.TarInfo("pickle")
        held.size = len(HOSTILE)
        for member in (link, device, hard):
            archive.addfile(member)
        archive.addfile(held, io.BytesIO(HOSTILE))
    return out.getvalue()


_STORAGE = b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"
_TENSOR = call(name("torch._utils", "_rebuild_tensor_v2"), _STORAGE, b"K\0K\x04\x85K\x01\x85\x89}")
_HUGE = (
    b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu")
    + b"\x8b" + (4000).to_bytes(4, "little") + b"\x7f" * 4000 + b"tQ"
)  # fmt: skip
_MODULE = unzipped(example("species-module")["species.pt"])

CASES = (
    HostileCase(
        "torch-load-weights",
        "torch.load of a file of weights (CVE-2025-32434, CVE-2026-24747: also with weights_only)",
        {"m.pt": archived(pickle(call(name("torch._utils", "_rebuild_from_type_v2"), name("posix", "system"))))},
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "torch-other-pickle",
        "a pickle beside data.pkl, under another name",
        {"m.pt": archived(HARMLESS, **{"extra.txt": HOSTILE})},
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "torch-other-pickle-module",
        "the same beside a good module (its word of trust must name what is hidden)",
        {"m.pt": zipped({**_MODULE, "species/notes.md": HOSTILE})},
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "torch-storage-pickle",
        "a pickle where a tensor's values lie; nothing unpickles them",
        {"m.pt": archived(pickle(_TENSOR), **{"data/0": HOSTILE[:16]})},
        "unsupported",
        "weights-only",
    ),
    HostileCase(
        "torch-storage-huge",
        "a tensor of 2 to the 31,999 values (a number too long to be printed)",
        {"m.pt": archived(pickle(_HUGE))},
        "quarantined",
        "torch-not-plain",
    ),
    HostileCase(
        "torch-storage-short",
        "a tensor longer than its file",
        {"m.pt": archived(pickle(_TENSOR), **{"data/0": bytes(8)})},
        "unreadable",
        "tensor-missing",
    ),
    HostileCase(
        "torch-legacy",
        "a call in the oldest form of a file",
        {"m.pt": _legacy(pickle(system("posix")), pickle(b"]"))},
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "torch-legacy-last",
        "a call in the last of its five streams",
        {"m.pt": _legacy(pickle(b"}"), pickle(system("posix") + b"0]"))},
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "torch-legacy-tail",
        "a stream behind the last tensor",
        {"m.pt": _legacy(pickle(b"}"), pickle(b"]"), tail=HOSTILE)},
        "quarantined",
        "torch-not-plain",
    ),
    HostileCase(
        "torch-magic-only",
        "the magic number, then another program's pickle",
        {"m.pt": LEGACY + HOSTILE},
        "quarantined",
        "torch-not-plain",
    ),
    HostileCase(
        "torch-tar",
        "PyTorch 0.1's TAR, with a symbolic link, a hard link, a device and a pickle (CVE-2025-4517 and its like)",
        {"m.pt": _tar()},
        "unsupported",
        "older-than-supported",
    ),
    HostileCase(
        "fastai-hostile",
        "an export of fastai that calls more than fastai",
        {"export.pkl": archived(pickle(call(name("fastai.learner", "Learner"), system("posix"))))},
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "fastai-loop",
        "a learner that holds itself (a reader that follows it never ends)",
        {"export.pkl": archived(_loop := pickle(
            name("fastai.tabular.core", "TabularPandas") + b")\x81q\0}(" + text("cat_names")
            + name("fastcore.foundation", "L") + b")\x81q\x01}" + text("items") + b"h\x01sb" + b"ub"
        ))},
        "unsupported",
        "unsupported-learner",
    ),
    HostileCase(
        "joblib-zipped",
        "a pickle of joblib in an archive",
        {"m.pkl": zipped({"model.joblib": HOSTILE})},
        "quarantined",
        "pickle-of-unknown-library",
    ),
    HostileCase(
        "torch-no-stop",
        "a pickle whose STOP is missing",
        {"m.pt": archived(pickle(_TENSOR).removesuffix(STOP), **{"data/0": bytes(16)})},
        "unreadable",
        "truncated",
    ),
)  # fmt: skip
