"""A model that lies in a ZIP archive is what it would be if its files had been uploaded."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from migrate.core.errors import MigrateError, NeedsYouError, RefusedError
from migrate.formats.reading.files import ArtifactFiles
from migrate.formats.unpack import packed_in
from migrate.migration.journey.models import Inspected
from tests.formats.hostile.base import zipped
from tests.formats.hostile.zips import Member, pack
from tests.formats.models import artifact, identity
from tests.migration.folders import read

EXAMPLES = Path(__file__).parents[3] / "examples"
ONNX = identity().SerializeToString()


def files_of(*parts: str) -> dict[str, bytes]:
    folder = EXAMPLES.joinpath(*parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def below(name: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}/{path}": content for path, content in files.items()}


def read_one(tmp_path: Path, files: dict[str, bytes]) -> Inspected:
    """The model of a folder with these files, in a workspace beside it."""
    folder = tmp_path / "m"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (model,), _ = read(folder, tmp_path / "workspace")
    return model


IRIS = files_of("models", "iris")
TREE = files_of("formats", "species-tree")
TOKENS = files_of("formats", "support-tokens")
PIPELINE = files_of("formats", "support-pipeline")
BARE_PIPELINE = {name: content for name, content in PIPELINE.items() if name != "manifest.json"}
WINE = files_of("formats", "wine-tf2")
LOAD = files_of("formats", "load-zip")
SCALER = files_of("formats", "ages-scaler")
FLOW = files_of("formats", "progression-flow")
_LOAD_MANIFEST = {"manifest.json": LOAD["manifest.json"].replace(b"load.zip", b"load/saved_model.pb")}
with zipfile.ZipFile(BytesIO(LOAD["load.zip"])) as _inner:
    LOAD_UNPACKED = _LOAD_MANIFEST | {
        f"load/{name}": _inner.read(name) for name in _inner.namelist() if name[-1] != "/"
    }


@pytest.mark.parametrize("packed", [False, True], ids=["stored", "deflated"])
@pytest.mark.parametrize("top", [False, True], ids=["", "in-a-folder"])
@pytest.mark.parametrize(
    "files",
    [IRIS, TREE, TOKENS, PIPELINE, BARE_PIPELINE, LOAD, LOAD_UNPACKED, SCALER, FLOW],
    ids=["onnx", "pmml", "tokenizer", "pipeline", "bare-pipeline", "manifest-zip", "manifest-saved", "scaler", "flow"],
)
def test_an_archive_is_read_as_its_files(tmp_path: Path, files: dict[str, bytes], top: bool, packed: bool) -> None:
    plain = read_one(tmp_path / "plain", below("m", files)).inspection.value
    content = below("what ever", files) if top else files
    model = read_one(tmp_path, {"m/model.zip": zipped(content, packed=packed)})
    found, made = model.inspection.value, model.artifact.value
    assert (found.verdict, found.reason) == ("ready", "")
    assert (found.format, found.runtime, found.settings) == (plain.format, plain.runtime, plain.settings)
    assert 'the model\'s files are those in the archive "model.zip"' in found.notes
    assert {file.path: Path(made.folder, file.path).read_bytes() for file in made.files} == files
    assert made.size == sum(map(len, files.values()))
    assert Path(made.folder).is_relative_to(tmp_path / "workspace" / "store" / "unpacked")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a SavedModel", zipped(WINE)),
        ("a SavedModel", zipped(below("export", WINE))),
        ("a file of PyTorch", (EXAMPLES / "formats/species-module/species.pt").read_bytes()),
        ("a file of TorchScript", next((EXAMPLES / "formats/species-torchscript").glob("*.ts")).read_bytes()),
    ],
)
def test_formats_that_are_archives_stay_closed(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "model.zip").write_bytes(content)
    assert packed_in(ArtifactFiles(artifact(tmp_path))) is None, name


def test_a_saved_model_in_an_archive_is_ready(tmp_path: Path) -> None:
    model = read_one(tmp_path, {"m.zip": zipped(below("export", WINE), packed=True)})
    assert model.inspection.value.verdict == "ready"
    assert model.artifact.value.archive == ""


def test_a_file_of_pytorch_in_an_archive_is_taken_out(tmp_path: Path) -> None:
    module = (EXAMPLES / "formats/species-torchscript").iterdir()
    model = read_one(tmp_path, {"m.zip": zipped({f"t/{file.name}": file.read_bytes() for file in module})})
    assert model.artifact.value.unpacked
    assert model.inspection.value.verdict == "ready"


def test_what_systems_leave_and_nobody_reads_stays_in_the_archive(tmp_path: Path) -> None:
    left = {"__MACOSX/iris/._iris.onnx": b"attributes", "iris/.DS_Store": b"x", "README.md": b"# Iris"}
    model = read_one(tmp_path, {"m.zip": zipped(left | below("iris", IRIS)), "README.md": b"# More"})
    assert [file.path for file in model.artifact.value.files] == sorted(IRIS)
    assert model.inspection.value.verdict == "ready"


def test_the_digest_is_that_of_what_was_fetched(tmp_path: Path) -> None:
    content = {"m.zip": zipped(IRIS)}
    made = read_one(tmp_path, content).artifact.value
    again = read_one(tmp_path, content).artifact.value
    elsewhere = read_one(tmp_path / "other", content).artifact.value
    assert again == made
    assert (elsewhere.digest, elsewhere.files) == (made.digest, made.files)
    (fetched,) = (tmp_path / "workspace/store/artifacts").iterdir()
    assert fetched.name == Path(made.folder).name == made.digest.removeprefix("sha256:")[:40]
    changed = {**IRIS, "labels.txt": b"setosa"}
    assert read_one(tmp_path, {"m.zip": zipped(changed)}).artifact.value.digest != made.digest


def test_files_that_went_missing_are_taken_out_anew(tmp_path: Path) -> None:
    content = {"m.zip": zipped(IRIS)}
    made = read_one(tmp_path, content).artifact.value
    Path(made.folder, made.files[0].path).write_bytes(b"cut")
    assert read_one(tmp_path, content).artifact.value == made
    assert Path(made.folder, made.files[0].path).stat().st_size == made.files[0].size


@pytest.mark.parametrize(
    "files",
    [
        {"m.zip": zipped({"n.zip": zipped({"m.onnx": ONNX}), "pytorch_model.bin": b"x"})},
        {"m.zip": zipped({"m.onnx": ONNX}), "labels.txt": b"a, b"},
        {"m.zip": zipped({"m.onnx": ONNX}), "n.zip": zipped({"m.onnx": ONNX})},
    ],
    ids=["in-another", "beside-a-file", "two"],
)
def test_other_archives_need_a_person(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(NeedsYouError) as error:
        read_one(tmp_path, {f"m/{name}": content for name, content in files.items()})
    assert error.value.code == "model-in-zip"
    assert error.value.next_step == "Unpack it, and upload what is in it in its place."


MODEL = Member(b"m.onnx", ONNX)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([MODEL, Member(b"../m.onnx", ONNX)], "archive-slip"),
        ([MODEL, Member(b"/tmp/m.onnx", ONNX)], "archive-absolute"),
        ([MODEL, Member(b"l", b"/etc/hostname", mode=0o120777)], "archive-link"),
        ([MODEL, Member(b"m.onnx", ONNX)], "archive-duplicate"),
        ([MODEL, Member(b"M.onnx", ONNX)], "archive-case-clash"),
        ([MODEL, Member(b"n", b"x", flags=1)], "archive-encrypted"),
        ([MODEL, Member(b"n", b"x", crc=1)], "archive-checksum"),
        ([MODEL, Member(b"n" * 256, b"x")], "archive-names"),
        ([MODEL, Member(b"zeros", bytes(5_000_000), packed=True)], "archive-bomb"),
        ([MODEL, Member(b"A/n", b"x"), Member(b"a/o", b"x")], "hostile-path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_archive_that_is_not_plain_is_refused_and_leaves_nothing(
    tmp_path: Path, entries: list[Member], code: str
) -> None:
    content = {"m.zip": pack(entries)}
    for _ in range(2):
        with pytest.raises(RefusedError) as error:
            read_one(tmp_path, content)
        assert error.value.code == code
    made = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert {path.name for path in made} == {"m.zip"}
    assert not (tmp_path / "workspace/store/unpacked").exists()


def test_an_archive_that_is_cut_is_named_as_that(tmp_path: Path) -> None:
    with pytest.raises(MigrateError) as error:
        read_one(tmp_path, {"m.zip": zipped({"m.onnx": ONNX, "n.txt": bytes(99)})[:-30]})
    assert error.value.code in {"truncated", "no-models"}
