"""Some of what `make chaos` plays, with fixed seeds: runs that are killed, and runs while everything goes wrong."""

import random
from pathlib import Path

import pytest

from tests.chaos import faults, kills
from tests.chaos.__main__ import FIRST_FAULT, aim_of
from tests.chaos.stage import set_up, store_without_engine
from tests.e2e.harness import Sandbox

WITHOUT = ("fetch", "build", "rehearse", "upload", "blob", "manifest", "attach", "deploy", "prove")
KILLS = (1, 4, 5, 6, 8, 9, 11, 12, 14, 15)
FAULTS = range(FIRST_FAULT, FIRST_FAULT + 25)


def _kill(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    step = aim_of(seed)
    with set_up(sandbox, tmp_path_factory.mktemp("chaos") / str(seed), chance, registers=step == "register") as stage:
        assert kills.play(stage, step, chance).step in kills.STEPS


def _faults(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, seed: int, names: tuple[str, ...] = ()
) -> dict[str, int]:
    chance = random.Random(seed)  # noqa: S311
    with set_up(sandbox, tmp_path_factory.mktemp("chaos") / str(seed), chance) as stage:
        fired, _ = faults.play(stage, chance, names=names)
    return fired


@pytest.mark.slow
@pytest.mark.parametrize("seed", KILLS)
def test_killed(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    _kill(sandbox, tmp_path_factory, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", FAULTS)
def test_disturbed(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    _faults(sandbox, tmp_path_factory, seed)


@pytest.fixture(scope="module")
def store(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_without_engine(running_sandbox, tmp_path_factory.mktemp("without") / "first")


@pytest.mark.slow
@pytest.mark.parametrize("step", WITHOUT)
def test_killed_without_an_engine(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, store: Path, step: str
) -> None:
    seed = kills.UNAIDED.index(step)
    chance = random.Random(seed)  # noqa: S311
    with set_up(sandbox, tmp_path_factory.mktemp("chaos") / step, chance, store=store) as stage:
        assert kills.play(stage, step, chance).step in (*kills.UNAIDED, "runtime", "attest", "nowhere")


@pytest.mark.slow
def test_killed_when_the_project_was_opened(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    seed = 32
    assert aim_of(seed) == "authorize"
    _kill(sandbox, tmp_path_factory, seed)


@pytest.mark.slow
def test_disturbed_by_three_faults_at_once(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    names = ("cut answer of an effect", "registry cuts the push", "truncated download")
    fired = _faults(sandbox, tmp_path_factory, 1, names)
    assert fired.keys() >= {"drop", "truncated-download"}, fired
