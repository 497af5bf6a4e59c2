"""``python -m migrate.server ROOT [--port N] [--metrics-port N] [--host ADDRESS]``."""

import argparse
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from migrate.server.lifecycle import FAILED, serve
from migrate.server.limits import SettingError, read_settings
from migrate.server.logs import log, set_up
from migrate.server.model_files import ModelFileError, read_models


def main(arguments: list[str]) -> int:
    """Serve the models of a folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m migrate.server", description=main.__doc__)
    parser.add_argument("root", type=Path, help="folder of model folders, each with a model.json")
    parser.add_argument("--port", type=int, help="serving port (default: MIGRATE_PORT, 8080)")
    parser.add_argument("--metrics-port", type=int, help="second port for /metrics, 0 for none (default: 8081)")
    parser.add_argument("--host", help="address to listen on (default: MIGRATE_HOST, 0.0.0.0)")
    options = parser.parse_args(arguments)
    set_up()
    try:
        settings = read_settings(os.environ)
        models, unserved = read_models(options.root)
    except (SettingError, ModelFileError) as error:
        log(logging.ERROR, "cannot start", reason=str(error))
        return FAILED
    given = {"port": options.port, "metrics_port": options.metrics_port, "host": options.host}
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    return serve(settings, models, unserved)


def end(code: int) -> NoReturn:
    """End the process. With Java in it at once: its threads may not wake up in a Python that is being taken down."""
    if "jpype" not in sys.modules:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
