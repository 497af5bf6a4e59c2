"""Files of PyTorch and fastai: archives, the older bare pickles, and what lies beside their tensors."""

import io
import json
import tarfile

from migrate.formats.torch.structure import read_torch
from tests.formats.hostile.base import Content, HostileCase, changed, example, lowered, unzipped, zipped
from tests.formats.hostile.opcodes import CALLS, GLOBAL, HARMLESS, NOWHERE, PROTO, STOP, call, name, pickle, text

LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."


def archived(data_pkl: bytes, **others: bytes) -> bytes:
    """A file as ``torch.save`` writes it, with this pickle."""
    files = {"m/data.pkl": data_pkl, **{f"m/{path}": content for path, content in others.items()}}
    return zipped({**files, "m/version": b"3\n"})


def _legacy(*streams: bytes, tail: bytes = b"") -> bytes:
    return LEGACY + PROTO + b"M\xe9\x03." + pickle(b"}") + b"".join(streams) + tail


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("notes.txt")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"words"))
    return out.getvalue()


def _tensor(count: bytes) -> bytes:
    """A tensor of one dimension, whose storage has this many values."""
    storage = b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu") + count + b"tQ"
    return call(name("torch._utils", "_rebuild_tensor_v2"), storage, b"K\0K\x04\x85K\x01\x85\x89}")


_FOUR = pickle(_tensor(b"K\x04"))
_MODULE = unzipped(example("species-module")["species.pt"])


def _case(
    word: str, refuses: str, content: bytes, reason: str, verdict: str = "quarantined", says: str = ""
) -> HostileCase:
    return HostileCase(f"torch-{word}", refuses, {"m.pt": content}, verdict, reason, says)


def _manifest(word: str, refuses: str, reason: str, says: str = "", **keys: object) -> HostileCase:
    """The good module with another manifest, which alone is left."""
    files = changed("species-torchscript", "manifest.json", lambda content: {**content, **keys})
    kept: dict[str, Content] = {"manifest.json": files["manifest.json"]}
    return HostileCase(f"torch-{word}", refuses, kept, "unreadable", reason, says)


def _learner(
    word: str, refuses: str, body: bytes, reason: str, verdict: str = "unsupported", says: str = ""
) -> HostileCase:
    return HostileCase(f"fastai-{word}", refuses, {"export.pkl": archived(pickle(body))}, verdict, reason, says)


_TABLE = name("fastai.tabular.core", "TabularPandas") + b")\x81q\0}("
_ITSELF = (
    _TABLE
    + text("cat_names") + name("fastcore.foundation", "L") + b")\x81q\x01}" + text("items") + b"h\x01sb" + b"ub"
)  # fmt: skip
_WORDS = [{"name": "x", "type": "string", "shape": [-1]}]
_NUMBERS = [{"name": "x", "type": "float", "shape": [-1, 4]}]
_OF_LEARNER = {"type": "torch_script", "saved_model_uri": "m.pt", "inputs": _NUMBERS, "outputs": _NUMBERS}

CASES = (
    _case(
        "argument",
        "a name that is no data, as an argument of a call that is",
        archived(pickle(call(name("torch._utils", "_rebuild_from_type_v2"), GLOBAL))),
        "pickle-dangerous",
    ),
    _case(
        "other-pickle",
        "a pickle beside data.pkl, under another name",
        archived(HARMLESS, **{"extra.txt": CALLS}),
        "pickle-dangerous",
    ),
    _case(
        "other-pickle-module",
        "the same beside a module",
        zipped({**_MODULE, "species/notes.md": CALLS}),
        "pickle-dangerous",
    ),
    _case(
        "own-class",
        "a module of a class of somebody's own",
        archived(pickle(name("__main__", NOWHERE) + b")\x81}" + text("_modules") + b"}sb")),
        "class-missing",
        "unsupported",
    ),
    _case(
        "storage-pickle",
        "a pickle where a tensor's values lie",
        archived(_FOUR, **{"data/0": HARMLESS.ljust(16, b"\0")}),
        "weights-only",
        "unsupported",
    ),
    _case(
        "storage-huge",
        "a tensor of more values than numbers can say",
        archived(pickle(_tensor(b"\x8a\x08" + (1 << 57).to_bytes(8, "little")))),
        "torch-not-plain",
    ),
    _case(
        "storage-short",
        "a tensor longer than its file",
        archived(_FOUR, **{"data/0": bytes(8)}),
        "tensor-missing",
        "unreadable",
    ),
    _case(
        "no-stop",
        "weights whose pickle has no end",
        archived(_FOUR.removesuffix(STOP), **{"data/0": bytes(16)}),
        "truncated",
        "unreadable",
    ),
    _case(
        "no-pickle",
        "an archive without data.pkl",
        zipped({"m/notes.txt": b"words"}),
        "not-torch",
        "unreadable",
        "has no data.pkl",
    ),
    _case(
        "legacy",
        "a name that is no data, in the oldest form",
        _legacy(pickle(GLOBAL), pickle(b"]")),
        "pickle-dangerous",
    ),
    _case(
        "legacy-last",
        "the same in the last of its streams",
        _legacy(pickle(b"}"), pickle(GLOBAL + b"0]")),
        "pickle-dangerous",
    ),
    _case(
        "legacy-tail",
        "a stream behind the last tensor",
        _legacy(pickle(b"}"), pickle(b"]"), tail=HARMLESS),
        "torch-not-plain",
        says="follow its tensors",
    ),
    _case(
        "legacy-header",
        "the magic number, then another pickle",
        LEGACY + HARMLESS,
        "torch-not-plain",
        says="its header",
    ),
    _case(
        "legacy-keys",
        "a list of tensors that is not the pickle's",
        _legacy(pickle(b"}"), pickle(b"]" + text("0") + b"a")),
        "torch-not-plain",
        says="its list of tensors",
    ),
    _case(
        "legacy-streams",
        "the oldest form without its last stream",
        _legacy(pickle(b"}")),
        "truncated",
        "unreadable",
        "is incomplete.",
    ),
    _case(
        "legacy-values",
        "the oldest form without the tensor's values",
        _legacy(_FOUR, pickle(b"]" + text("0") + b"a")),
        "truncated",
        "unreadable",
        "it has",
    ),
    _case("tar", "a TAR archive of PyTorch 0.1", _tar(), "older-than-supported", "unsupported"),
    HostileCase(
        "joblib-zipped",
        "a pickle of joblib in an archive",
        {"m.pkl": zipped({"model.joblib": CALLS})},
        "quarantined",
        "pickle-of-unknown-library",
    ),
    _learner(
        "outside",
        "an export of fastai that calls more than fastai",
        call(name("fastai.learner", "Learner"), GLOBAL),
        "pickle-dangerous",
        "quarantined",
    ),
    _learner("itself", "a learner that holds itself", _ITSELF, "unsupported-learner", says="names no columns"),
    _learner(
        "kind",
        "a learner of neither tables nor texts",
        call(name("fastai.learner", "Learner")),
        "unsupported-learner",
        says="neither tables",
    ),
    _learner(
        "language",
        "a language model",
        call(name("fastai.text.learner", "LMLearner")),
        "unsupported-learner",
        says="language model",
    ),
    _learner("first", "an export of fastai 1", call(name("fastai.basic_train", "Learner")), "older-than-supported"),
    _learner("images", "a learner of images", call(name("fastai.vision.learner", "Learner")), "vision-learner"),
    HostileCase(
        "fastai-manifest",
        "an export of fastai that a manifest calls a module",
        {
            "manifest.json": json.dumps(_OF_LEARNER).encode(),
            "m.pt": archived(pickle(call(name("fastai.learner", NOWHERE)))),
        },
        "unsupported",
        "fastai-by-manifest",
    ),
    _manifest("words", "a module that takes texts", "invalid-manifest", "needs a number's", inputs=_WORDS),
    _manifest("no-outputs", "a module without outputs", "invalid-manifest", "no inputs, or no outputs", outputs=[]),
    _manifest("missing", "a module that is not there", "model-missing"),
    HostileCase(
        "torch-no-manifest",
        "a TorchScript module without a manifest",
        {"species.ts": example("species-torchscript")["species.ts"]},
        "needs-attention",
        "manifest-missing",
    ),
    HostileCase(
        "torch-code-size",
        "code longer than any module's",
        example("species-torchscript"),
        "quarantined",
        "archive-too-large",
        limits=lowered(read_torch, _MAXIMUM_CODE=64),
    ),
)
