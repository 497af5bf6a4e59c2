"""A case goes to another machine whole, and nothing that comes in one is trusted."""

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from migrate.core.errors import LocalError, MigrateError, RemoteError, UsageError
from migrate.core.options.sources import Typed
from migrate.core.values import App, Artifact, ContainerLocation, Inspection, ModelRecord, Outcome, Parity, PushedImage
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.lock import WriterLock
from migrate.migration.journal.transfer import LEFT, TAKEN
from migrate.migration.journey.outcomes import evidence_of, keep_evidence
from migrate.migration.run import case
from migrate.migration.run.case import export_case, import_case
from migrate.migration.run.leased import lease_name
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.migration.state.lease import LeaseRecord
from migrate.migration.state.store import FolderStore
from tests.migration.kept import KEPT, NAMES, Kept

ENVIRON = {"HOME": "/nonexistent", "OVH_ENDPOINT": "ovh-eu"}
TYPED = Typed("models@GRA", "p")
Lines = list[dict[str, Any]]


class Machine:
    """A workspace of its own."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder)
        self.folder: SourceFolder = self.workspace.source("ovh-eu", "p", "models@GRA")

    def export(self, file: Path, *, state: str | None = None, typed: Typed = TYPED) -> None:
        export_case(typed, file, self.workspace, state=state, environ=ENVIRON)

    def take(self, file: Path, *, state: str | None = None, typed: Typed = TYPED) -> None:
        import_case(typed, file, self.workspace, state=state, environ=ENVIRON)

    def journal(self) -> Journal:
        found = Journal.read(self.folder.journal)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The machine that hands over; no test changes what it knows."""
    machine = Machine(tmp_path_factory.mktemp("first") / "first")
    machine.folder.path.mkdir(parents=True)
    place = ContainerLocation(region="GRA", container="models", container_id="c", path="iris")
    record = ModelRecord(id="iris", source="models@GRA", location=place)
    with closing(
        Journal.create(machine.folder.journal, source="models@GRA", endpoint="ovh-eu", project="p")
    ) as journal:
        journal.begin("run")
        journal.list_models((record,))
        journal.put("model:iris", "fetch", "k", Artifact(folder="/etc", files=(), size=0, digest="sha256:0"))
        journal.put("model:iris", "inspect", "k", Inspection(format="onnx", runtime="onnx", verdict="ready"))
        journal.put("unit:iris", "push", "k", PushedImage(reference="r/x:1", digest="sha256:1", registry="r"))
        app = App(
            id="a1", name="i", url="http://x", state="RUNNING", region="GRA", image="", cpu=1, replicas=1, labels={}
        )
        journal.put("unit:iris", "deploy", "k", app)
        journal.put(
            "model:iris", "prove", "k", Parity(level="engine", origin="", passed=True, calls=2, worst_difference=0.0)
        )
        keep_evidence(journal, "iris", ("a line",))
        effect = journal.effects.intend("app", "unit:iris", {"name": "i", "models": ["iris"]}, unit="unit:iris")
        journal.effects.done(effect, "a1")
        journal.effects.intend("image", "iris:1", {}, unit="unit:iris")
        journal.finish(Outcome(model="iris", outcome="failed", reason="network", text="It broke."))
        journal.end(5)
    (machine.folder.tokens).mkdir()
    (machine.folder.tokens / "iris").write_text("the-token-of-the-customer")
    return machine


@pytest.fixture
def second(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "second")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, first: Machine) -> bytes:
    file = tmp_path_factory.mktemp("exported") / "case.json.gz"
    first.export(file)
    return file.read_bytes()


@pytest.fixture
def file(tmp_path: Path, exported: bytes) -> Path:
    """A copy of its case, to be changed."""
    copy = tmp_path / "case.json.gz"
    copy.write_bytes(exported)
    return copy


def test_a_case_is_the_same_source_on_another_machine(first: Machine, second: Machine, file: Path) -> None:
    second.take(file)
    with closing(first.journal()) as before, closing(second.journal()) as after:
        assert after.id == before.id
        assert {name: after.fact(name) for name in ("source", "endpoint", "project")} == {
            "source": "models@GRA", "endpoint": "ovh-eu", "project": "p",
        }  # fmt: skip
        assert after.runs() == before.runs()
        assert after.events() == before.events()
        assert after.models()["iris"].outcome == before.models()["iris"].outcome
        assert after.models()["iris"].record == before.models()["iris"].record
        assert evidence_of(after, "iris") == ("a line",)
        (app,) = after.effects.existing()
        assert (app.kind, app.external_id, app.units) == ("app", "a1", ("unit:iris",))
        assert app.intent == before.effects.find("app", "unit:iris").intent  # type: ignore[union-attr]
        stored = after.get("unit:iris", "deploy", App)
        assert stored is not None
        assert stored.digest == before.get("unit:iris", "deploy", App).digest  # type: ignore[union-attr]
    assert second.folder.journal.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in second.folder.path.iterdir() if "partial" in path.name] == []


def test_an_app_of_many_models_is_handed_over(first: Machine, second: Machine, tmp_path: Path) -> None:
    models = {f"model-{number}": f"sha256:{number:064}" for number in range(2000)}
    shutil.copytree(first.workspace.root, tmp_path / "copy")
    machine = Machine(tmp_path / "copy")
    with closing(
        Journal.create(machine.folder.journal, source="models@GRA", endpoint="ovh-eu", project="p")
    ) as journal:
        (app,) = journal.effects.existing("app")
        journal.effects.learn(app, models=list(models), artifacts=models)
    machine.export(tmp_path / "many.gz")
    second.take(tmp_path / "many.gz")
    with closing(second.journal()) as after:
        assert after.effects.existing("app")[0].intent["artifacts"] == models


def test_what_decides_what_runs_is_made_anew(second: Machine, file: Path) -> None:
    second.take(file)
    with closing(second.journal()) as after:
        steps = {step for _, step in after.values()}
        assert steps == {"deploy", "prove", "log"}
        assert {effect.kind for effect in after.effects.all()}.isdisjoint(LEFT)
    assert set(TAKEN).isdisjoint({"fetch", "inspect", "convert", "render", "build", "runtime", "push", "attest"})


@pytest.mark.parametrize(
    ("named", "here"),
    [
        ("/home/ann/.local/state/tokens/iris.header", "iris.header"),
        ("/etc/passwd", "passwd"),
        ("../../journal.sqlite", "journal.sqlite"),
        ("/x/..", None),
        ("/x/.bashrc", None),
        ("a\0b", None),
        (7, "7"),
        ("", None),
    ],
)
def test_no_file_or_image_of_this_machine_is_named(
    second: Machine, file: Path, named: object, here: str | None
) -> None:
    """Undo deletes the file of a token, and the image of a push that was killed."""
    intent = json.dumps({"file": named, "named_here": True, "handed_over": True, "name": "n"})
    edited(file, lambda lines: row(lines, "effect").update(kind="token", intent=intent))
    second.take(file)
    with closing(second.journal()) as journal:
        (effect,) = journal.effects.existing()
    kept = {"handed_over": True, "name": "n"}
    assert effect.intent == (kept if here is None else kept | {"file": str(second.folder.tokens / here)})


def test_a_case_is_its_owners_alone(first: Machine, tmp_path: Path) -> None:
    file = tmp_path / "case.json.gz"
    first.export(file)
    assert file.stat().st_mode & 0o777 == 0o600  # recorded requests and answers are in it


def test_tokens_are_not_in_it(file: Path) -> None:
    text = gzip.decompress(file.read_bytes())
    assert b"iris" in text
    assert b"the-token" not in text


def test_the_same_journal_gives_the_same_rows(first: Machine, file: Path, tmp_path: Path) -> None:
    first.export(tmp_path / "again.gz")
    former, latter = (gzip.decompress(path.read_bytes()).splitlines() for path in (file, tmp_path / "again.gz"))
    assert former[1:-1] == latter[1:-1]


@pytest.mark.parametrize("kept", KEPT, ids=NAMES)
def test_journals_of_earlier_releases_are_handed_over(kept: Path, tmp_path: Path, second: Machine) -> None:
    machine = Machine(tmp_path / "old")
    old = Kept(kept, machine.workspace, endpoint="ovh-eu", project="p")
    old.sql("UPDATE meta SET text = 'ovh-eu' WHERE name = 'endpoint'")
    typed = Typed(old.source, "p")
    machine.export(tmp_path / "old.gz", typed=typed)
    second.take(tmp_path / "old.gz", typed=typed)
    taken = Journal.read(second.workspace.source("ovh-eu", "p", old.source).journal)
    assert taken is not None
    with closing(taken):
        assert taken.id == old.id
        assert list(taken.models()) == list(old.outcomes())


def edited(file: Path, change: Callable[[Lines], object], *, sealed: bool = True) -> None:
    """Changes the lines of a case, and its end with them."""
    lines: Lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    change(lines)
    if sealed and lines and lines[-1].get("row") == "end":
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines[:-1])
        lines[-1] = {"row": "end", "rows": len(lines) - 2, "digest": hashlib.sha256(content).hexdigest()}
    file.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))


def row(lines: Lines, kind: str) -> dict[str, Any]:
    return next(line for line in lines if line["row"] == kind)


def test_an_edited_case_that_is_sealed_again_is_one(second: Machine, file: Path) -> None:
    edited(file, lambda lines: row(lines, "run").update(command="apply"))
    second.take(file)


HOSTILE: dict[str, Callable[[Lines], object]] = {
    "no head": lambda lines: lines.pop(0),
    "no end": lambda lines: lines.pop(),
    "nothing": lambda lines: lines.clear(),
    "two ends": lambda lines: lines.append(lines[-1]),
    "a row after the end": lambda lines: lines.append(lines[1]),
    "an unknown row": lambda lines: lines.insert(1, {"row": "file", "path": "../../x"}),
    "an unknown field": lambda lines: row(lines, "run").update(path="/etc/passwd"),
    "a missing field": lambda lines: row(lines, "run").pop("command"),
    "another type": lambda lines: row(lines, "run").update(id="1"),
    "a negative number": lambda lines: row(lines, "run").update(id=-1),
    "a number that SQLite has not": lambda lines: row(lines, "run").update(id=2**63),
    "a form of none": lambda lines: lines[0].update(form=0),
    "an id that is none": lambda lines: lines[0].update(journal="../../../x"),
    "an empty source": lambda lines: lines[0].update(source=""),
    "two runs of one number": lambda lines: lines.insert(1, dict(row(lines, "run"))),
    "a model under another's id": lambda lines: row(lines, "model").update(id="other"),
    "the outcome of another": lambda lines: row(lines, "model").update(outcome='{"model":"x","outcome":"done"}'),
    "a record that is none": lambda lines: row(lines, "model").update(record="[]"),
    "files of this machine": lambda lines: row(lines, "value").update(step="fetch"),
    "an inspection": lambda lines: row(lines, "value").update(step="inspect", json='{"verdict":"ready"}'),
    "what was pushed": lambda lines: row(lines, "value").update(step="push"),
    "a value that is none": lambda lines: row(lines, "value").update(step="deploy", json="{"),
    "an effect of an unknown kind": lambda lines: row(lines, "effect").update(kind="disk"),
    "a local image": lambda lines: row(lines, "effect").update(kind="image"),
    "an intent that is none": lambda lines: row(lines, "effect").update(intent="[]"),
    "an event that is none": lambda lines: lines.insert(
        1, {"row": "event", "run": 1, "at": "", "model": None, "json": "[]", "schema": 1}
    ),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_case_is_refused_and_leaves_nothing(
    second: Machine, file: Path, change: Callable[[Lines], object]
) -> None:
    edited(file, change)
    refused(second, file)


def refused(machine: Machine, file: Path, code: str = "bad-case", **given: Any) -> MigrateError:
    with pytest.raises(MigrateError) as caught:
        machine.take(file, **given)
    assert caught.value.code == code, caught.value.what
    assert caught.value.what.endswith(".")
    assert "\n" not in caught.value.what
    assert not machine.folder.journal.exists()
    assert not list(machine.workspace.root.rglob("*.partial"))
    return caught.value


def test_a_changed_row_without_its_seal_is_refused(second: Machine, file: Path) -> None:
    edited(file, lambda lines: row(lines, "run").update(command="apply"), sealed=False)
    refused(second, file)


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1, -9])
def test_a_cut_file_is_refused(second: Machine, file: Path, cut: int) -> None:
    file.write_bytes(file.read_bytes()[:cut])
    refused(second, file)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"{}", gzip.compress(b"\xff\xfe\n", mtime=0), gzip.compress(b"[" * 5000 + b"\n", mtime=0)],
    ids=["empty", "zip", "json", "no text", "deep"],
)
def test_other_files_are_refused(second: Machine, file: Path, data: bytes) -> None:
    file.write_bytes(data)
    refused(second, file)


def test_what_follows_the_archive_is_refused(second: Machine, file: Path) -> None:
    file.write_bytes(file.read_bytes() + gzip.compress(b"more\n"))
    refused(second, file)


def test_sizes_are_bounded(second: Machine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = file.read_bytes()
    monkeypatch.setattr(case, "LONGEST_LINE", 100_000)
    file.write_bytes(gzip.compress(b"x" * 5_000_000))
    assert "too long" in refused(second, file).what
    monkeypatch.setattr(case, "MOST_UNPACKED", 1_000)
    file.write_bytes(whole)
    assert "more than" in refused(second, file).what
    monkeypatch.setattr(case, "MOST_UNPACKED", 500_000_000)
    monkeypatch.setattr(case, "MOST_ROWS", 2)
    assert "rows" in refused(second, file).what
    monkeypatch.setattr(case, "MOST_BYTES", 100)
    assert "larger" in refused(second, file).what


def test_a_file_that_is_not_there_is_refused(second: Machine, tmp_path: Path) -> None:
    refused(second, tmp_path / "missing.gz")
    refused(second, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[0].update(form=2, more="fields"),
        lambda lines: lines[0].update(format=99),
        lambda lines: row(lines, "model").update(record_schema=99),
        lambda lines: row(lines, "effect").update(schema=99),
    ],
)
def test_what_a_newer_release_wrote_is_refused(second: Machine, file: Path, change: Callable[[Lines], object]) -> None:
    edited(file, change)
    assert "newer release" in refused(second, file, "journal-format").what


@pytest.mark.parametrize("typed", [Typed("other@GRA", "p"), Typed("models@GRA", "q"), Typed("models@BHS", "p")])
def test_a_case_of_another_source_is_refused(second: Machine, file: Path, typed: Typed) -> None:
    assert "models@GRA" in refused(second, file, "other-case", typed=typed).what


def test_nothing_is_overwritten(first: Machine, file: Path) -> None:
    before = first.folder.journal.read_bytes()
    with pytest.raises(UsageError) as caught:
        first.take(file)
    assert caught.value.code == "case-exists"
    assert first.folder.journal.read_bytes() == before


def test_nothing_is_exported_while_a_run_works(first: Machine, tmp_path: Path) -> None:
    with WriterLock(first.folder.lock, doing="run models@GRA"), pytest.raises(LocalError) as caught:
        first.export(tmp_path / "case.gz")
    assert caught.value.code == "journal-locked"
    assert not (tmp_path / "case.gz").exists()


def lease(tmp_path: Path, *, fence: int, free: bool) -> str:
    folder = tmp_path / f"shared-{fence}-{free}"
    folder.mkdir()
    record = LeaseRecord(
        fence=fence, taken="t", holder="ann@desk", doing="run", since="2026-01-01", renewed="2026-01-01", free=free
    )
    name = lease_name("ovh-eu", "p", "models@GRA", lambda: ())
    assert FolderStore(folder).create(f"{name}/lease", msgspec.json.encode(record))
    return str(folder)


def test_the_lease_goes_along(first: Machine, second: Machine, tmp_path: Path) -> None:
    file = tmp_path / "case.gz"
    first.export(file, state=lease(tmp_path, fence=3, free=True))
    assert json.loads(gzip.decompress(file.read_bytes()).splitlines()[0])["lease"]["fence"] == 3
    assert "ann@desk" in refused(second, file, "stale-case", state=lease(tmp_path, fence=4, free=True)).what
    second.take(file, state=str(tmp_path / "shared-3-True"))


def test_who_works_is_not_disturbed(first: Machine, second: Machine, tmp_path: Path) -> None:
    held = lease(tmp_path, fence=1, free=False)
    with pytest.raises(RemoteError) as caught:
        first.export(tmp_path / "case.gz", state=held)
    assert caught.value.code == "lease-held"
    first.export(tmp_path / "case.gz")
    refused(second, tmp_path / "case.gz", "lease-held", state=held)


def test_no_text_of_the_file_is_part_of_a_path(second: Machine, file: Path, tmp_path: Path) -> None:
    edited(file, lambda lines: lines[0].update(project="../../../up", endpoint="../x"))
    refused(second, file, "other-case")
    import_case(Typed("models@GRA"), file, second.workspace, state=None, environ={"HOME": "/nonexistent"})
    (journal,) = tmp_path.rglob("second/*/*/*/journal.sqlite")
    assert ".." not in str(journal)
