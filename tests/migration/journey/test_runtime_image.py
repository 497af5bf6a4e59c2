"""The image of a runtime belongs to the journal whose run began to build it, also where that run was killed."""

import os
from pathlib import Path

import pytest

from migrate.images.engine.connection import connect
from migrate.images.runtime.image import ensure_runtime
from migrate.migration.journey.steps.runtime import runtime
from migrate.migration.run.step_engine import Performer
from migrate.ovhcloud.session import Cloud
from tests.migration.runs import run_of

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]  # the first time, the image is built


@pytest.mark.parametrize("begun", [True, False], ids=["ours", "somebody's"])
def test_an_image_that_a_killed_run_had_built_is_ours(cloud: Cloud, tmp_path: Path, begun: bool) -> None:
    engine = connect(os.environ)
    there = ensure_runtime(engine, "onnx", base=None, store=tmp_path / "store", progress_text=lambda _: None)
    engine.close()
    with run_of(cloud, tmp_path) as (run, _):
        run.environ = os.environ
        effects = run.journal.effects
        if begun:
            effects.intend("runtime-image", there.reference, {}, unit="runtime:onnx")
        made = runtime(run, Performer(run.journal, run.emit, run.stop), "onnx").value
        run.engine().close()
        assert made.reference == there.reference
        assert [effect.external_id for effect in effects.existing("runtime-image")] == [there.image_id] * begun


def test_an_image_is_written_down_before_it_is_built(tmp_path: Path) -> None:
    engine = connect(os.environ)
    told: list[str] = []

    def refuse(reference: str) -> None:
        assert engine.image(reference) is None
        told.append(reference)
        raise InterruptedError

    base = f"{ensure_runtime(engine, 'onnx', base=None, store=tmp_path, progress_text=lambda _: None).reference}"
    with pytest.raises(InterruptedError):  # over another base it is another image, which is not there
        ensure_runtime(engine, "onnx", base=base, store=tmp_path, progress_text=lambda _: None, on_missing=refuse)
    engine.close()
    assert len(told) == 1
