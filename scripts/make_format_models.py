"""Makes a small sample of each format that ML Serving took besides ONNX, with the answers of its training code.

    python scripts/make_format_models.py [--out examples] [MODEL ...]

Writes ``formats/<id>/...`` and ``format-samples/<id>/<name>.json`` (``{"request": ..., "answer": ...}``) under the
output folder. What is fitted is fitted here, with scikit-learn and numpy, and rounded far above the noise of
floating-point sums; what needs a framework is exported by a script of ``format_models`` in an environment made by uv
from the hashed lock of a runtime. The same versions give the same bytes.
"""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

from format_models import flows, pmml, processors, tables, tokenizer, torch_models

MODELS: dict[str, Callable[[Path, Path], None]] = {
    "ages-scaler": processors.make_scaler,
    "dates": processors.make_dates,
    "price-interval": processors.make_interval,
    "support-tokens": tokenizer.make_tokenizer,
    "wine-tf2": tables.make_wine,
    "diabetes-tf1": tables.make_diabetes,
    "load-zip": tables.make_load,
    "digits-h5": tables.make_digits,
    "species-torchscript": torch_models.make_script,
    "species-module": torch_models.make_module,
    "species-regression": pmml.make_regression,
    "species-tree": pmml.make_tree,
    "support-pipeline": torch_models.make_pipeline,
    "species-learner": torch_models.make_learner,
    "progression-flow": flows.make_progression,
    "urgency-flow": flows.make_urgency,
}


def main() -> None:
    """Make the models that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "examples", metavar="FOLDER")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)} (default: all)")
    options = parser.parse_args()
    for model_id in options.models or MODELS:
        folder, samples = options.out / "formats" / model_id, options.out / "format-samples" / model_id
        for path in (folder, samples):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        MODELS[model_id](folder.resolve(), samples)
        files = [path for path in folder.rglob("*") if path.is_file()]
        print(f"{folder}  {len(files)} files, {sum(path.stat().st_size for path in files)} bytes")


if __name__ == "__main__":
    main()
