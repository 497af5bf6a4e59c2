"""Trains and exports the sample models of the sandbox, with the answers that their training code gives.

    python scripts/make_sample_models.py [--out examples]

Writes ``models/<id>/<file>`` (ONNX as it was exported in 2021: IR 7, opset 12, ``ai.onnx.ml`` 1) and
``samples/<id>/<name>.json`` (``{"request": ..., "answer": ...}``) under the output folder. The same versions of the
libraries give the same bytes on one kind of processor. On another, sums are added up in another order and a solver may
stop a step earlier or later: fitted numbers then differ in the third decimal, and answers less. Answers come from
scikit-learn or numpy in double precision.
"""

import argparse
from pathlib import Path

from sample_models.graphs import make_digits, make_housing
from sample_models.tables import make_iris, make_titanic


def main() -> None:
    """Make all models and samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "examples", metavar="FOLDER")
    out: Path = parser.parse_args().out
    for make in (make_iris, make_titanic, make_digits, make_housing):
        make(out)
    make_broken(out)


def make_broken(out: Path) -> None:
    """The first two thirds of the iris model, as an interrupted upload leaves them."""
    whole = (out / "models" / "iris" / "iris.onnx").read_bytes()
    path = out / "models" / "broken" / "churn.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(whole[: len(whole) * 2 // 3])


if __name__ == "__main__":
    main()
