"""Runs export: the models of a folder become a folder that any ``docker build`` accepts."""

import threading
from collections.abc import Mapping

from migrate.commands.output import answer_facts
from migrate.commands.terminal import stopping
from migrate.console.outlet import open_outlet
from migrate.console.words import size
from migrate.core.errors import ExitCode
from migrate.core.options.folders import ExportOptions
from migrate.images.base.image import ensure_base
from migrate.images.model.export import export
from migrate.migration.run.folder_run import folder_run
from migrate.migration.run.licences import served_by
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_folder import allowed, export_models, read_folder


def export_folder(options: ExportOptions, environ: Mapping[str, str]) -> ExitCode:
    """Writes a build context that stands alone.

    Raises:
        MigrateError: It cannot be written.
    """
    place, stop = open_workspace(options.workspace), threading.Event()
    with (
        stopping(stop),
        open_outlet(as_json=options.json) as outlet,
        folder_run(options, workspace=place, emit=outlet, stop=stop, environ=environ) as run,
    ):
        models = read_folder(run, loading="where the image is run, and not here")
        base = options.base_image
        engine = run.engine() if base is not None or options.slim else None
        found = ensure_base(engine, base, run.say) if engine is not None and base is not None else None
        rendered, slimmed = export_models(run, models)
        context = export(
            rendered,
            options.out,
            store=place.store,
            progress_text=run.say,
            engine=engine,
            base=found,
        )
    facts = {
        "folder": context.folder,
        "models": ", ".join(context.models),
        "engine": served_by(models[0].inspection.value.runtime),
        "size": size(context.size),
        "build it": f"docker build --platform linux/amd64 -t my-model {context.folder}",
        "slim": ", ".join(f"{name} {text}" for name, text in slimmed.items()),
    }
    return answer_facts("export", facts, allowed(models), as_json=options.json)
