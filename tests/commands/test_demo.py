"""What the demo passes on, and when it counts as a success."""

import hashlib
from pathlib import Path

import pytest

from migrate.commands.demo import Act, _acts, _code, _joined, _taken_down, demonstrate
from migrate.core.errors import ExitCode, LocalError
from migrate.core.events import Result
from migrate.core.options.sandboxes import DemoOptions
from migrate.core.values import Outcome
from migrate.images.trial.box.boxes import no_box
from migrate.migration.undo.undo import Undone
from migrate.sandbox.world.samples import FORMATS, read_index, samples_folder

MEANT = {0: "broken", 1: "sentiment-preset"}


@pytest.fixture
def acts(tmp_path: Path) -> tuple[Act, Act]:
    return _acts(tmp_path, "none", as_json=False)


def ended(act: Act, *stopped: str, code: int = 4) -> Result:
    models = tuple(
        Outcome(model=str(model["id"]), outcome="needs-you" if model["id"] in stopped else "done")
        for model in act.index.models
    )
    return Result(command="run", exit_code=code, models=models, data={"again": "migrate run"})


def test_just_the_pickles_among_the_samples_are_allowed_and_named(acts: tuple[Act, Act]) -> None:
    first, second = acts
    folder = samples_folder(FORMATS)
    digests = [
        f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        for file in sorted(folder.rglob("*"))
        if file.suffix in {".pkl", ".pt"}
    ]
    assert first.options.allow_unsafe == ()
    assert list(second.options.allow_unsafe) == digests
    assert all(f"--allow-unsafe {digest}" in second.said for digest in digests)


def test_both_runs_make_images_as_the_demo_was_told(acts: tuple[Act, Act]) -> None:
    assert [act.options.builder for act in acts] == ["none", "none"]


def test_every_model_that_moves_has_requests_with_answers(acts: tuple[Act, Act]) -> None:
    samples = acts[1].options.samples
    assert samples is not None
    models = {str(model["id"]) for model in read_index(FORMATS).models} - {MEANT[1]}
    assert {folder.name for folder in samples.iterdir() if any(folder.glob("*.json"))} == models


def test_it_succeeds_when_just_the_models_that_are_meant_to_need_a_person(acts: tuple[Act, Act]) -> None:
    results = [ended(act, MEANT[place]) for place, act in enumerate(acts)]
    assert _code(acts, results, []) == ExitCode.DONE
    assert _code(acts[:1], results[:1], []) == ExitCode.DONE
    joined = _joined(acts, results, [], ExitCode.DONE)
    assert len(joined.models) == len(acts[0].index.models) + len(acts[1].index.models)
    assert [act["namespace"] for act in joined.data["acts"]] == [  # type: ignore[attr-defined]
        act.index.namespace.id for act in acts
    ]


def undone(*deleted: str, failed: tuple[str, ...] = ()) -> Undone:
    return Undone(source="ns", project="p", deleted=deleted, stay=(), failed=failed)


def test_without_an_engine_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(LocalError) as error:
        demonstrate(DemoOptions(folder=tmp_path / "demo", quick=True))
    assert error.value.code == "engine-not-running"
    assert not (tmp_path / "demo").exists()


def test_where_nothing_runs_images_the_demo_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LocalError) as error:
        demonstrate(DemoOptions(folder=tmp_path / "demo", builder="none"))
    assert error.value.code == "no-box"
    assert "bubblewrap" in error.value.next_step
    assert not (tmp_path / "demo").exists()


def test_where_the_kernel_forbids_name_spaces_that_is_what_to_change() -> None:
    forbidden = no_box("the kernel gives this user no name spaces")
    assert forbidden.code == "no-box"
    assert "user_namespaces(7)" in forbidden.next_step
    assert "Install" not in forbidden.next_step


def test_anything_else_is_no_success(acts: tuple[Act, Act]) -> None:
    good = ended(acts[0], MEANT[0])
    assert _code(acts, [ended(acts[0], MEANT[0], "iris")], []) == ExitCode.NEEDS_YOU
    assert _code(acts, [ended(acts[0], code=0)], []) == ExitCode.BUG
    assert _code(acts, [good, ended(acts[1], MEANT[1], "dates", code=5)], []) == ExitCode.REMOTE
    assert (
        _code(
            acts,
            [good, ended(acts[1], MEANT[1])],
            [undone(failed=("an app",))],
        )
        == ExitCode.REMOTE
    )


def test_the_last_line_says_what_is_left_of_it() -> None:
    assert "3 things deleted again" in _taken_down([undone("a", "b"), undone("c")])
    assert _taken_down([undone("a", failed=("app 1: no answer",))]).splitlines() == [
        "Not taken down:",
        "  app 1: no answer",
    ]
