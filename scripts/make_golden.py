"""Makes the golden vectors that this project carries: requests to the old runtime, and what it answered.

    python scripts/make_golden.py [--out tests/golden]

The models are our samples and small graphs; the rules are those of the contract of the old runtime, in our words. No
answer comes from our server: they are written down by hand, computed by numpy, taken from the samples' training code,
or asked of Java itself, on which the old runtime ran. The same versions of the packages give the same bytes anywhere.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from golden import answering, describing, picturing, refusing, requesting, running, units
from golden.folder import Golden
from golden.models import make_models


def main() -> None:
    """Write the folder anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "tests" / "golden", metavar="FOLDER")
    out: Path = parser.parse_args().out
    golden = Golden(out)
    make_models(golden.models)
    for subject in (describing, requesting, picturing, answering, refusing, running, units):
        subject.add(golden)
    picturing.add_forms(golden)
    golden.finish()
    cases = json.loads((out / "index.json").read_text(encoding="utf-8"))
    for subject, count in Counter(case["subject"] for case in cases).items():
        print(f"{count:4} {subject}")
    vectors = json.loads((out / "unit_vectors.json").read_text(encoding="utf-8"))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{len(cases)} cases, {sum(map(len, vectors.values()))} vectors of single rules, {size} bytes")


if __name__ == "__main__":
    main()
