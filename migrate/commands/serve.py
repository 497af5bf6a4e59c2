"""Runs serve: the models of a folder, served on this machine without a container."""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Final, TextIO

from migrate.commands.terminal import stopping
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import open_outlet
from migrate.console.plain import PlainLines
from migrate.console.words import PROOFS, difference
from migrate.core.errors import ExitCode, Interrupted
from migrate.core.events import Notice, Result, StepStarted
from migrate.core.model_json import Unserved
from migrate.core.options.folders import ServeOptions
from migrate.images.model.local_server import serve
from migrate.machine.processes import port_to_open
from migrate.migration.run.folder_run import folder_run
from migrate.migration.run.licences import other_engine
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_folder import allowed, hold_against, read_servable, recordings_given

_HERE: Final = "on this machine, by a process with your own rights; `migrate build` loads it in a container instead"


def serve_folder(options: ServeOptions, environ: Mapping[str, str]) -> ExitCode:
    """Serves models until Ctrl-C. With JSON the server's own lines go to standard error.

    Raises:
        MigrateError: They cannot be served.
    """
    place, stop = open_workspace(options.workspace), threading.Event()
    with (
        stopping(stop),
        open_outlet(as_json=options.json) as outlet,
        folder_run(options, workspace=place, emit=outlet, stop=stop, environ=environ) as run,
    ):
        models, unserved = read_servable(run, loading=_HERE)
        recordings = recordings_given(run, models)
    if stop.is_set():
        raise Interrupted
    lines = PlainLines(sys.stderr)
    facts = allowed(models)
    runs_code = f", and runs the code in {len(facts)} of its files" if facts else ""
    lines(
        Notice(
            text=f"it is loaded on this machine, by a process with your own rights and without a container{runs_code}",
            level="warning" if facts else "info",
        )
    )
    with port_to_open(options.host, options.port) as port:
        url = f"http://{options.host}:{port}"
        lines(Notice(text=f"serving {', '.join(model.record.id for model in models)} at {url}; Ctrl-C ends it"))
        proofs: dict[str, str] = {}

        def prove(base: str, reasons: Mapping[str, str]) -> None:
            for name in (name for name in reasons if name not in unserved):
                lines(Notice(text=f"it is not served: {reasons[name]}", model=name, level="warning"))
            unserved.update(reasons)
            served = tuple(model for model in models if model.record.id not in unserved)
            for name, parity in hold_against(served, recordings, base).items():
                proofs[name] = f"{PROOFS[parity.level]}, worst difference {difference(parity.worst_difference or 0.0)}"
                lines(Notice(text=f"answers as recorded: {proofs[name]}", model=name))

        with _aside(sys.stdout) if options.json else nullcontext():
            code = serve(
                [
                    *(model.to_render(None) for model in models),
                    *(Unserved(name, reason) for name, reason in unserved.items()),
                ],
                host=options.host,
                port=port,
                store=place.store,
                environ=environ,
                progress_text=lambda text: lines(StepStarted(step="runtime", detail=text)),
                timeout=options.rehearsal_timeout,
                on_ready=prove,
            )
        ended = ExitCode.DONE if code in {0, 130} else ExitCode.LOCAL
        if ended is not ExitCode.DONE and (advice := other_engine(models[0].inspection.value.runtime)):
            lines(Notice(text=advice, level="warning"))
        if options.json:
            data: dict[str, object] = {"url": url, "models": [model.record.id for model in models], "server": code}
            data |= {"proof": proofs} if proofs else {}
            data |= {"not_served": unserved} if unserved else {}
            data |= {"allowed_unsafe": facts} if facts else {}
            JsonLines(sys.stdout)(Result(command="serve", exit_code=int(ended), data=data))
        return ended


@contextmanager
def _aside(stream: TextIO) -> Iterator[None]:
    """Points a stream's descriptor, which child processes inherit, to standard error."""
    stream.flush()
    kept = os.dup(stream.fileno())
    os.dup2(sys.stderr.fileno(), stream.fileno())
    try:
        yield
    finally:
        os.dup2(kept, stream.fileno())
        os.close(kept)
