"""A program in a container that is spoken to: who is at fault when it does not answer."""

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from migrate.core.errors import LocalError, NeedsYouError
from migrate.core.values import Image, RuntimeImage
from migrate.images.engine import containers
from migrate.images.engine.attached import exchange_in, exec_refusal
from migrate.images.engine.build import build_image
from migrate.images.engine.connection import Engine
from migrate.images.engine.exchange import ExchangeEndedError, NotStartedError
from migrate.images.engine.tarstream import Entry, content, folder
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.oracle_run import run_reference
from tests.images.conftest import EXAMPLES, artifact_of, containers_of, silent

pytestmark = pytest.mark.engine

ECHO = "import sys\nfor line in sys.stdin: print(line.strip(), flush=True)\n"


@pytest.fixture
def running(engine: Engine, runtime: RuntimeImage) -> Iterator[Callable[..., str]]:
    """A container that waits, with these variables."""
    made = []

    def give(**environment: str) -> str:
        waiting = containers.container(
            engine,
            runtime.image_id,
            ("/bin/sleep", "60"),
            purpose="test",
            environment=environment,
        )
        made.append(waiting)
        identity = waiting.__enter__()
        engine.client.api.start(identity)
        return identity

    yield give
    for waiting in made:
        waiting.__exit__(None, None, None)


def test_a_program_answers(engine: Engine, running: Callable[..., str]) -> None:
    with exchange_in(engine, running(), [ECHO], inline=True) as exchange:
        assert exchange.ask({"a": [1]}, timeout=30) == {"a": [1]}
        assert exchange.ask("again", timeout=30) == "again"


def test_a_program_that_ends_has_started(engine: Engine, running: Callable[..., str]) -> None:
    with exchange_in(engine, running(), ["raise SystemExit('no more')"], inline=True) as exchange:
        with pytest.raises(ExchangeEndedError) as error:
            exchange.ask(1, timeout=30)
        assert not isinstance(error.value, NotStartedError)
        assert error.value.errors.strip() == "no more"


def test_what_an_engine_has_forgotten_with_the_container_ended_somehow(
    engine: Engine, running: Callable[..., str]
) -> None:
    identity = running()
    with exchange_in(engine, identity, [ECHO], inline=True) as exchange:
        assert exchange.ask(1, timeout=30) == 1
        engine.client.api.remove_container(identity, force=True)
        with pytest.raises(ExchangeEndedError):
            exchange.ask(2, timeout=30)
        assert exchange.exit_code() is None


def test_what_the_engine_cannot_start_has_not_started(engine: Engine, running: Callable[..., str]) -> None:
    with exchange_in(engine, running(PATH="/nowhere"), [ECHO], inline=True) as exchange:
        with pytest.raises(NotStartedError) as error:
            exchange.ask(1, timeout=30)
        assert "python3" in error.value.errors
    failure = exec_refusal(error.value.errors)
    assert failure.code == "engine-failed"
    assert "python3" in failure.what


@pytest.fixture
def without_exec(engine: Engine, runtime: RuntimeImage, new_tag: Callable[[], str]) -> Image:
    """An image in which a container can wait, and nothing more can be started: the program for that is not there."""
    waiting = b"""#!/bin/sh
case "$2" in 'import signal'*) exec sleep 60;; esac
echo 'OCI permission denied' >&2
exit 126
"""
    entries = [
        content("Dockerfile", b"ARG RUNTIME\nFROM ${RUNTIME}\nCOPY layer/ /\n"),
        folder("layer"),
        Entry(name="layer/usr/local/sbin/python3", mode=0o755, content=waiting, size=len(waiting)),
    ]
    arguments = {"RUNTIME": runtime.reference}
    return build_image(engine, entries, tag=new_tag(), progress=silent, arguments=arguments, cache=True)


def test_an_engine_that_starts_nothing_is_not_the_models_fault(
    engine: Engine, runtime: RuntimeImage, without_exec: Image, tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = tmp_path_factory.mktemp("program") / "program.py"
    program.write_text(ECHO)
    image = replace(runtime, image_id=without_exec.image_id)
    with (
        pytest.raises(LocalError) as error,
        run_reference(
            InEngine(engine), image, artifact_of(EXAMPLES / "iris/iris.onnx"), [program], memory=1 << 30, timeout=60
        ) as ask,
    ):
        ask({"ask": 1})
    assert error.value.code == "engine-failed"
    assert "OCI permission denied" in error.value.what
    assert "Export the model" not in error.value.next_step
    assert containers_of(engine, "reference") == []


def test_a_program_that_dies_of_its_model_is(
    engine: Engine, runtime: RuntimeImage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = tmp_path_factory.mktemp("program") / "program.py"
    program.write_text("raise SystemExit('no such operator')")
    with (
        pytest.raises(NeedsYouError) as error,
        run_reference(
            InEngine(engine), runtime, artifact_of(EXAMPLES / "iris/iris.onnx"), [program], memory=1 << 30, timeout=60
        ) as ask,
    ):
        ask({"ask": 1})
    assert error.value.code == "reference-failed"
    assert "no such operator" in error.value.what
