from pathlib import Path

import pytest

from migrate.core.errors import LocalError, UsageError
from migrate.core.options.folders import BuildOptions
from migrate.migration.run.builder import chosen_engine

OUT = Path("/image.tar")
HERE = Path("/models")


def runs() -> None:
    """An engine that answers."""


def runs_not() -> None:
    raise LocalError("No engine answers.", code="engine-not-running")


def fails() -> None:
    raise LocalError("The engine fails.", code="engine-failed")


def test_an_image_without_a_file_is_an_engines() -> None:
    assert chosen_engine(BuildOptions(folder=HERE, tag="iris:1"), fails, {})  # it is asked when it is needed
    assert chosen_engine(BuildOptions(folder=HERE, tag="iris:1", builder="engine", out=OUT), fails, {})


def test_a_named_file_is_made_by_an_engine_where_one_runs() -> None:
    named = BuildOptions(folder=HERE, tag="iris:1", out=OUT)
    assert chosen_engine(named, runs, {})
    assert not chosen_engine(named, runs_not, {})
    with pytest.raises(LocalError) as caught:
        chosen_engine(named, fails, {})
    assert caught.value.code == "engine-failed"


def test_an_engine_that_was_named_is_not_done_without() -> None:
    with pytest.raises(LocalError) as caught:
        chosen_engine(BuildOptions(folder=HERE, tag="iris:1", out=OUT), runs_not, {"DOCKER_HOST": "tcp://builder:1"})
    assert caught.value.code == "engine-not-running"


def test_a_file_without_a_name_needs_no_engine() -> None:
    assert not chosen_engine(BuildOptions(folder=HERE, out=OUT), fails, {})
    assert not chosen_engine(BuildOptions(folder=HERE, tag="iris:1", out=OUT, builder="none"), fails, {})


def test_an_image_for_a_registry_is_made_by_whichever_there_is() -> None:
    named = BuildOptions(folder=HERE, push="registry.test/iris:1")
    assert chosen_engine(named, runs, {})
    assert not chosen_engine(named, runs_not, {})
    assert chosen_engine(BuildOptions(folder=HERE, push="registry.test/iris:1", builder="engine"), fails, {})
    assert not chosen_engine(BuildOptions(folder=HERE, push="registry.test/iris:1", builder="none"), fails, {})


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (BuildOptions(folder=HERE), "--tag"),
        (BuildOptions(folder=HERE), "--push"),
        (BuildOptions(folder=HERE, builder="none"), "--out"),
        (BuildOptions(folder=HERE, builder="none"), "--push"),
        (BuildOptions(folder=HERE, builder="none", tag="iris:1"), "--out"),
        (BuildOptions(folder=HERE, builder="engine", out=OUT), "--tag"),
        (BuildOptions(folder=HERE, builder="none", out=OUT, slim=True), "--slim"),
    ],
)
def test_what_leaves_nothing_to_make_is_refused(options: BuildOptions, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen_engine(options, fails, {})
    assert word in caught.value.next_step
