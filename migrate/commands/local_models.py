"""Runs build, export and serve: one folder of models, no cloud."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final, TextIO

from migrate.commands.signals import stopping
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import open_outlet
from migrate.console.plain import PlainLines
from migrate.console.words import PROOFS, difference, safe, size
from migrate.core.errors import ExitCode, NeedsYouError
from migrate.core.events import Emit, Notice, Result, StepStarted
from migrate.images.base.image import ensure_base
from migrate.images.engine.connection import connect
from migrate.images.model.export import export
from migrate.images.model.local_server import serve
from migrate.migration.local import Built, LocalModel, build_folder, read_folder, slim_folder
from migrate.migration.run import permissions
from migrate.migration.run.evidence import first_mismatch
from migrate.migration.run.licences import other_engine, served_by
from migrate.migration.run.workspace import open_workspace

_IN_CONTAINER: Final = "in a container without network"
_NOT_HERE: Final = "where the image is run, and not here"
_HERE: Final = "on this machine, by a process with your own rights; `migrate build` loads it in a container instead"


def make_image(  # noqa: PLR0913 - the options of the command
    folder: Path,
    *,
    tag: str,
    base: str | None,
    allow_unsafe: tuple[str, ...],
    accept_agpl: bool,
    slim: bool,
    workspace: Path | None,
    as_json: bool,
    environ: Mapping[str, str],
) -> ExitCode:
    """Builds and rehearses a local image.

    Raises:
        MigrateError: It cannot be built, or answers differently from the engine.
    """
    place, stop = open_workspace(workspace), threading.Event()
    with stopping(stop), open_outlet(as_json=as_json) as outlet:
        models = read_folder(
            folder, place, outlet, stop, allow_unsafe=allow_unsafe, accept_agpl=accept_agpl, loading=_IN_CONTAINER
        )
        built = build_folder(
            models, engine=connect(environ), workspace=place, tag=tag, base=base, emit=outlet, slim=slim, stop=stop
        )
    for name, parity in built.proofs.items():
        if not parity.passed:
            raise NeedsYouError(
                f"The image {tag} was built, but {name} answers differently: {first_mismatch(parity)}.",
                code="rehearsal-differs",
                next_step="Do not use it; report it with the model's signature.",
            )
    _tell("build", _facts(tag, built) | _engine(models), models, as_json=as_json)
    return ExitCode.DONE


def _facts(tag: str, built: Built) -> dict[str, object]:
    worst = max((parity.worst_difference or 0.0 for parity in built.proofs.values()), default=0.0)
    levels = sorted({parity.level for parity in built.proofs.values()})
    return {
        "image": tag,
        "id": built.image.image_id,
        "size": size(built.image.size),
        "models": ", ".join(built.proofs),
        "proof": f"{', '.join(PROOFS[level] for level in levels)}, worst difference {difference(worst)}",
        "cold start": f"{built.cold_start:.1f} s",
        "run it": f"docker run --rm --user 42420:42420 -p 8080:8080 {tag}",
        **_slim_facts(built.slim),
    }


def _engine(models: tuple[LocalModel, ...]) -> dict[str, object]:
    """Which engine serves the models, where that is a choice of licences."""
    text = served_by(models[0].inspection.runtime)
    return {"engine": text} if text else {}


def _slim_facts(told: Mapping[str, str]) -> dict[str, object]:
    """What became of ``--slim``, by model; nothing where nobody asked, or nothing was to be made smaller."""
    return {"slim": ", ".join(f"{name} {text}" for name, text in told.items())} if told else {}


def export_folder(  # noqa: PLR0913 - the options of the command
    folder: Path,
    *,
    out: Path,
    base: str | None,
    allow_unsafe: tuple[str, ...],
    accept_agpl: bool,
    slim: bool,
    workspace: Path | None,
    as_json: bool,
    environ: Mapping[str, str],
) -> ExitCode:
    """Writes a build context that stands alone.

    Raises:
        MigrateError: It cannot be written.
    """
    place, stop = open_workspace(workspace), threading.Event()
    with stopping(stop), open_outlet(as_json=as_json) as outlet:
        models = read_folder(
            folder, place, outlet, stop, allow_unsafe=allow_unsafe, accept_agpl=accept_agpl, loading=_NOT_HERE
        )
        say = _saying(outlet)
        engine = connect(environ) if base is not None or slim else None
        found = ensure_base(engine, base, say) if engine is not None and base is not None else None
        told: dict[str, str] = {}
        if slim and engine is not None:
            models, told = slim_folder(models, engine=engine, workspace=place, base=base, emit=outlet, stop=stop)
        context = export(
            [model.render() for model in models],
            out.expanduser().absolute(),
            store=place.store,
            progress_text=say,
            engine=engine,
            base=found,
        )
    facts: dict[str, object] = {
        "folder": context.folder,
        "models": ", ".join(context.models),
        **_engine(models),
        "size": size(context.size),
        "build it": f"docker build --platform linux/amd64 -t my-model {context.folder}",
        **_slim_facts(told),
    }
    _tell("export", facts, models, as_json=as_json)
    return ExitCode.DONE


def serve_folder(
    folder: Path,
    *,
    host: str,
    port: int,
    allow_unsafe: tuple[str, ...],
    accept_agpl: bool,
    workspace: Path | None,
    as_json: bool,
    environ: Mapping[str, str],
) -> ExitCode:
    """Serves models until Ctrl-C. With JSON the server's own lines go to standard error.

    Raises:
        MigrateError: They cannot be served.
    """
    place, stop = open_workspace(workspace), threading.Event()
    with open_outlet(as_json=as_json) as outlet:
        models = read_folder(
            folder, place, outlet, stop, allow_unsafe=allow_unsafe, accept_agpl=accept_agpl, loading=_HERE
        )
    lines = PlainLines(sys.stderr)
    url = f"http://{host}:{port}"
    allowed = _allowed(models)
    runs_code = f", and runs the code in {len(allowed)} of its files" if allowed else ""
    lines(
        Notice(
            text=f"it is loaded on this machine, by a process with your own rights and without a container{runs_code}",
            level="warning" if allowed else "info",
        )
    )
    lines(Notice(text=f"serving {', '.join(model.record.id for model in models)} at {url}; Ctrl-C ends it"))
    with _aside(sys.stdout) if as_json else nullcontext():
        code = serve(
            [model.render() for model in models],
            host=host,
            port=port,
            store=place.store,
            environ=environ,
            progress_text=_saying(lines),
        )
    ended = ExitCode.DONE if code in {0, 130} else ExitCode.LOCAL
    if ended is not ExitCode.DONE and (advice := other_engine(models[0].inspection.runtime)):
        lines(Notice(text=advice, level="warning"))
    if as_json:
        data: dict[str, object] = {"url": url, "models": [model.record.id for model in models], "server": code}
        data |= {"allowed_unsafe": allowed} if allowed else {}
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


def _saying(emit: Emit) -> Callable[[str], None]:
    return lambda text: emit(StepStarted(step="runtime", detail=text))


def _allowed(models: tuple[LocalModel, ...]) -> list[dict[str, str]]:
    """The files that are loaded because the user gave their word, and the option by which."""
    return [fact for model in models for fact in permissions.facts(model.record.id, model.inspection)]


def _tell(command: str, facts: dict[str, object], models: tuple[LocalModel, ...], *, as_json: bool) -> None:
    allowed = _allowed(models)
    if as_json:
        data = facts | ({"allowed_unsafe": allowed} if allowed else {})
        JsonLines(sys.stdout)(Result(command=command, exit_code=0, data=data))
        return
    rows = [*facts.items(), *(("allowed", f"{safe(fact['path'])} by {fact['option']}") for fact in allowed)]
    width = max(len(name) for name, _ in rows)
    sys.stdout.write("".join(f"{name:<{width}}  {text}\n" for name, text in rows))
