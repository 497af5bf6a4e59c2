"""Write the hashed locks of the runtimes.

    python scripts/lock_runtimes.py [RUNTIME ...]

For each folder of ``dockerfile_templates`` (or those named) ``requirements.lock`` is resolved anew from
``requirements.in``, held to ``constraints.txt``. A line ``# without NAME: why`` in ``requirements.in`` leaves out a
package that others ask for. What the lock has already stays at its version while that fits.
"""

import argparse
import os
import re
import subprocess
import tempfile
from pathlib import Path

import uv

from migrate.images.runtime.uv_settings import uv_environment

TEMPLATES = Path(__file__).parent.parent / "dockerfile_templates"
WITHOUT = re.compile(r"^# without ([a-z0-9-]+):", re.MULTILINE)
OPTIONS = ("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet")


def write_lock(runtime: str) -> None:
    """Resolve one runtime's lock for every platform and Python from 3.11."""
    folder = TEMPLATES / runtime
    unwanted = WITHOUT.findall((folder / "requirements.in").read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as overrides:
        overrides.write("".join(f"{name} ; python_full_version < '3'\n" for name in unwanted))
        overrides.flush()
        command = [uv.find_uv_bin(), "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"]
        command += [*OPTIONS, "--constraint", str(TEMPLATES / "constraints.txt"), "--override", overrides.name]
        command += ["--output-file", "requirements.lock", "requirements.in"]
        subprocess.run(command, cwd=folder, check=True, env={**os.environ, **uv_environment(os.environ)})


def main() -> None:
    """Write the locks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = sorted(file.parent.name for file in TEMPLATES.glob("*/requirements.in"))
    parser.add_argument("runtimes", nargs="*", metavar="RUNTIME")
    for runtime in parser.parse_args().runtimes or every:
        print(runtime)
        write_lock(runtime)


if __name__ == "__main__":
    main()
