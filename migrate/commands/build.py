"""Runs build: the models of a folder become an image of this machine, rehearsed."""

import threading
from collections.abc import Mapping

from migrate.commands.output import answer_facts
from migrate.commands.terminal import stopping
from migrate.console.outlet import open_outlet
from migrate.console.words import PROOFS, difference, size
from migrate.core.errors import ExitCode
from migrate.core.options.folders import BuildOptions
from migrate.migration.run.licences import served_by
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_folder import Built, allowed, build_folder, folder_run, read_servable, slimmed


def build(options: BuildOptions, environ: Mapping[str, str]) -> ExitCode:
    """Builds and rehearses a local image; ends with exit code 4 where models are left out of it.

    Raises:
        MigrateError: It cannot be built, or answers differently from the reference.
    """
    place, stop = open_workspace(options.workspace), threading.Event()
    with (
        stopping(stop),
        open_outlet(as_json=options.json) as outlet,
        folder_run(options, workspace=place, emit=outlet, stop=stop, environ=environ) as run,
    ):
        models, unread = read_servable(run, loading="in a container without network", done="built")
        built = build_folder(run, models)
        program = "podman" if run.engine().is_podman() else "docker"
    return answer_facts(
        "build",
        _facts(options.tag, program, built),
        allowed(built.models),
        as_json=options.json,
        left_out=unread | built.left_out,
    )


def _facts(tag: str, program: str, built: Built) -> dict[str, str]:
    levels = ", ".join(PROOFS[level] for level in sorted({model.recording.value.level for model in built.models}))
    return {
        "image": tag,
        "id": built.image.image_id,
        "size": size(built.image.size),
        "models": ", ".join(model.record.id for model in built.models),
        "proof": f"{levels}, worst difference {difference(built.rehearsal.worst_difference or 0.0)}",
        "cold start": f"{built.rehearsal.cold_start:.1f} s",
        "run it": f"{program} run --rm --user 42420:42420 -p 8080:8080 {tag}",
        "SBOM": built.documents.sbom,
        "provenance": built.documents.provenance,
        "slim": ", ".join(f"{name} {text}" for name, text in slimmed(built.models).items()),
        "engine": served_by(built.models[0].inspection.value.runtime),
    }
