"""Models of the examples: a table of texts and numbers, and one of each other engine, with a recorded request."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.server.models import Payload, sha256
from migrate.core.model_json import content_of
from migrate.core.values import Artifact, ArtifactFile, to_json
from migrate.formats import inspect

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
ROW: Final = "row"
_TOLERANCE: Final = 1e-5  # the training code computed with other libraries


@dataclass(frozen=True)
class Sample:
    """A model of the examples.

    Attributes:
        runtime: Whose packages serve it.
        framework: What it was deployed as.
        files: Its folder.
        entry: The file that an engine opens, below that folder.
        output: The output that is compared.
        request: Where a request and its answer were recorded, by the training code.
    """

    runtime: str
    framework: str
    files: str
    entry: str
    output: str
    request: str


SAMPLES: Final = {
    "titanic": Sample(
        *("onnx", "onnx", "models/titanic", "pipeline_titanic.onnx", "output_probability"), "samples/titanic"
    ),
    "support-tokens": Sample(
        *("tokenizers", "huggingface", "formats/support-tokens", "tokenizer.json", "ids"),
        "format-samples/support-tokens",
    ),
    "wine-tf2": Sample(
        *("tensorflow", "tensorflow_1", "formats/wine-tf2", "saved_model.pb", "probabilities"),
        "format-samples/wine-tf2",
    ),
    "species-torchscript": Sample(
        *("torch", "torch", "formats/species-torchscript", "species.ts", "probabilities"),
        "format-samples/species-torchscript",
    ),
    "species-regression": Sample(
        *("pmml", "pmml", "formats/species-regression", "species-regression.pmml", "p_setosa"),
        "format-samples/species-regression",
    ),
}


def write_sample(name: str, folder: Path) -> Path:
    """What this server's image holds of a sample; gives what an engine opens."""
    sample = SAMPLES[name]
    place = folder / name / "files"
    shutil.copytree(EXAMPLES / sample.files, place)
    paths = sorted(path for path in place.rglob("*") if path.is_file())
    files = tuple(
        ArtifactFile(path=str(path.relative_to(place)), size=path.stat().st_size, digest=sha256(path.read_bytes()))
        for path in paths
    )
    artifact = Artifact(folder=str(place), files=files, size=sum(file.size for file in files), digest=files[0].digest)
    inspection = inspect(artifact, framework=sample.framework)
    if inspection.verdict != "ready":
        raise SystemExit(f"the model {name} cannot be served: {inspection.text}")
    settings = {"id": name, "title": name, "artifact": artifact.digest, **content_of(inspection.settings)}
    (place.parent / "model.json").write_bytes(to_json(settings))
    return place / sample.entry


def sample_payloads(name: str) -> dict[str, Payload]:
    """The recorded request of one row, and the numbers that it has to be answered with."""
    sample = SAMPLES[name]
    recorded: dict[str, Any] = json.loads(min((EXAMPLES / sample.request).glob("*.json")).read_text())
    wanted = np.array(recorded["answer"][sample.output], np.float32).reshape(-1)
    body = json.dumps(recorded["request"]).encode()
    return {ROW: Payload(ROW, np.empty(0), "", body=body, output=sample.output, wanted=wanted, tolerance=_TOLERANCE)}
