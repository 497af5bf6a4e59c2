"""Makes a small sample of each format around PyTorch, and of PMML; see make_format_models.py.

python scripts/make_format_models_torch.py [--out examples] [MODEL ...]
"""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

from format_models import pmml, torch_models

MODELS: dict[str, Callable[[Path, Path], None]] = {
    "species-torchscript": torch_models.make_script,
    "species-module": torch_models.make_module,
    "species-regression": pmml.make_regression,
    "species-tree": pmml.make_tree,
    "support-pipeline": torch_models.make_pipeline,
    "species-learner": torch_models.make_learner,
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
