"""Files that run code are not loaded where nothing limits them."""

import contextlib
import hashlib
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.core.events import Notice
from migrate.core.values import RuntimeImage
from migrate.images.engine.connection import connect
from migrate.migration.journey.order import _demand_limits
from migrate.migration.run_folder import read_folder
from tests.migration.folders import run_of_folder
from tests.podman import podman_service, with_base

pytestmark = [pytest.mark.engine, pytest.mark.slow]
EXAMPLES = Path(__file__).parents[3] / "examples"
PICKLE = EXAMPLES / "formats/species-module"


def test_programs_are_kept_from_an_engine_without_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = f"sha256:{hashlib.sha256((PICKLE / 'species.pt').read_bytes()).hexdigest()}"
    with podman_service(rootless=True) as podman:
        base = with_base(podman)
        with contextlib.closing(connect({"DOCKER_HOST": podman.url})) as engine:
            found = engine.image(base)
            assert found is not None
        image = RuntimeImage(runtime="onnx", reference=base, image_id=str(found["Id"]), key="", size=0, base=base)
        monkeypatch.setenv("DOCKER_HOST", podman.url)
        with run_of_folder(EXAMPLES / "models/iris", tmp_path / "one") as (run, events):
            (model,) = read_folder(run, loading="here")
            for _ in range(2):
                _demand_limits(run, model, image)
            missing = run.unlimited(image.image_id)
            run.engine().close()
        told = [event.text for event in events if isinstance(event, Notice)]
        assert len([text for text in told if "applies no limit of memory" in text]) == ("memory" in missing)
        with run_of_folder(PICKLE, tmp_path / "two", allow_unsafe=(digest,)) as (run, _):
            (model,) = read_folder(run, loading="here")
            if missing:
                with pytest.raises(LocalError) as error:
                    _demand_limits(run, model, image)
                assert error.value.code == "engine-unlimited"
            else:
                _demand_limits(run, model, image)
            run.engine().close()
