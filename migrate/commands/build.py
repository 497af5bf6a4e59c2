"""Runs build: the models of a folder become an image, on an engine of this machine, as a file, or in a registry."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from migrate.commands.output import answer_facts
from migrate.commands.terminal import stopping
from migrate.console.outlet import open_outlet
from migrate.console.words import PROOFS, difference, size
from migrate.core.errors import ExitCode, Interrupted, UsageError
from migrate.core.events import Step, StepProgress
from migrate.core.options.declaration import absolute
from migrate.core.options.folders import PUSH, BuildOptions
from migrate.core.options.shared import OUT
from migrate.core.text import printable
from migrate.core.values import PushedImage
from migrate.images.base.choice import choose_base
from migrate.images.base.layered import look_into
from migrate.images.base.stored import PREFIX
from migrate.images.engine.build import save_image
from migrate.images.engine.references import split_reference
from migrate.images.model.image import KEPT_BELOW, ON_THE_WAY, write_image
from migrate.images.model.sending import send, send_large
from migrate.images.oci.archive import archive, write_layout
from migrate.images.oci.blobs import BaseImage
from migrate.images.oci.store import BlobStore
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.credentials import credentials_for
from migrate.images.runtime.registry_base import InRegistry, kept
from migrate.machine.files import write_whole
from migrate.migration.journey.models import Inspected
from migrate.migration.journey.steps.record import record_given
from migrate.migration.run.builder import Destination
from migrate.migration.run.folder_run import FolderRun, folder_run
from migrate.migration.run.licences import served_by
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_folder import Built, allowed, build_folder, read_servable, slimmed

_OWN: Final = "the server compares the answers of your samples when it starts"


def build(options: BuildOptions, environ: Mapping[str, str]) -> ExitCode:
    """Builds an image, and rehearses it where an engine makes it; ends with exit code 4 where models are left out.

    Raises:
        MigrateError: It cannot be built, or answers differently from the reference.
    """
    to = _destination(options.push, environ)
    place, stop = open_workspace(options.workspace), threading.Event()
    with (
        stopping(stop),
        open_outlet(as_json=options.json) as outlet,
        folder_run(options, workspace=place, emit=outlet, stop=stop, environ=environ) as run,
    ):
        made: tuple[Inspected, ...]
        if run.uses_engine():
            models, left_out = read_servable(run, loading="in a container without network", done="built")
            built = build_folder(run, models)
            facts, made = _on_engine(run, options, built, to), built.models
            left_out |= built.left_out
        else:
            _check_out(options.out)
            base, python = _base(run, options)
            made, left_out = read_servable(run, loading="where the image is run, and not here", done="built")
            facts = _unaided(run, options, base, python, made, to)
    return answer_facts("build", facts, allowed(made), as_json=options.json, left_out=left_out)


def _on_engine(run: FolderRun, options: BuildOptions, built: Built, to: Destination | None) -> dict[str, str]:
    levels = ", ".join(PROOFS[level] for level in sorted({model.recording.value.level for model in built.models}))
    if options.out is not None:
        run.say(f"writing {options.out}", step="build")
        write_whole(options.out, save_image(run.engine(), options.name or ""))
    pushed = None
    if to is not None:
        pushed = run.builder().push(
            built.image,
            to,
            named_before=options.name == options.push or run.builder().has_name(options.push or ""),
            progress=_progress(run, "push"),
        )
    program = "podman" if run.engine().is_podman() else "docker"
    return {
        "image": options.name or "",
        "file": str(options.out or ""),
        **_told(pushed),
        "id": built.image.image_id,
        "size": size(built.image.size),
        "models": ", ".join(model.record.id for model in built.models),
        "proof": f"{levels}, worst difference {difference(built.rehearsal.worst_difference or 0.0)}",
        "cold start": f"{built.rehearsal.cold_start or 0.0:.1f} s",
        "run it": f"{program} run --rm --user 42420:42420 -p 8080:8080 {options.name}",
        "SBOM": built.documents.sbom,
        "provenance": built.documents.provenance,
        "slim": ", ".join(f"{name} {text}" for name, text in slimmed(built.models).items()),
        "engine": served_by(built.models[0].inspection.value.runtime),
    }


def _unaided(
    run: FolderRun,
    options: BuildOptions,
    base: BaseImage,
    python: str,
    models: tuple[Inspected, ...],
    to: Destination | None,
) -> dict[str, str]:
    """Puts the image together without an engine, writes it, and pushes it."""
    blobs, out, pushed = BlobStore(run.workspace.store), options.out, None
    recordings = [record_given(run, run.steps, model) for model in models]
    given = any(recording is not None for recording in recordings)
    rendered = [model.to_render(recording) for model, recording in zip(models, recordings, strict=True)]
    client = None
    if to is not None:
        client = RegistryClient(to.registry, to.repository, to.credentials, pushing=True, stop=run.stop)
        if out is None:
            send_large(client, rendered, blobs=blobs, progress=_progress(run, "push"))
    image = write_image(
        rendered,
        base,
        python=python,
        blobs=blobs,
        progress_text=run.say,
        progress=_progress(run, "build"),
        keep_below=ON_THE_WAY if out is None else KEPT_BELOW,
    )
    if out is not None:
        run.say(f"writing {out}", step="build")
        if out.is_dir():
            write_layout(blobs, image, options.name, out)
        else:
            write_whole(out, archive(blobs, image, options.name))
    if client is not None and to is not None:
        pushed = send(client, image, blobs=blobs, tag=to.tag, mounts={}, progress=_progress(run, "push"))
    return {
        "image": options.name or "",
        "file": str(out or ""),
        **_told(pushed),
        "id": image.configuration.digest,
        "digest": image.manifest.digest,
        "size": size(sum(blob.size for blob in image.blobs)),
        "models": ", ".join(model.record.id for model in models),
        "proof": "not rehearsed here: no engine was used" + (f"; {_OWN}" if given else ""),
        "load it": "" if out is None or out.is_dir() else f"docker load --input {out}",
        "engine": served_by(models[0].inspection.value.runtime),
    }


def _progress(run: FolderRun, step: Step) -> Callable[[int, int | None], None]:
    def progress(done: int, total: int | None) -> None:
        if run.stop.is_set():
            raise Interrupted
        run.emit(StepProgress(step=step, done=done, total=total))

    return progress


def _told(pushed: PushedImage | None) -> dict[str, str]:
    return {} if pushed is None else {"pushed": f"{pushed.reference.rpartition(':')[0]}@{pushed.digest}"}


def _destination(named: str | None, environ: Mapping[str, str]) -> Destination | None:
    """Where the image is pushed to.

    Raises:
        UsageError: It is no reference, or names no tag that could be given (``bad-reference``).
        ConfigurationError: The login cannot be read (``docker-config``).
    """
    if named is None:
        return None
    registry, repository, tag = split_reference(named)
    if "@" in named:
        raise UsageError(
            f"{printable(named, 300)} names an image by its digest, and an image is pushed under a tag.",
            code="bad-reference",
            next_step=f"Write it as registry/name:tag with {PUSH.name}.",
        )
    login = credentials_for(registry, None, environ)
    return Destination(registry=registry, repository=repository, tag=tag, credentials=login)


def _check_out(out: Path | None) -> None:
    if out is not None and out.is_dir() and any(out.iterdir()):
        raise UsageError(
            f"{out} is not an empty folder.", code="not-empty", next_step=f"Name a file with {OUT.name}, or empty it."
        )


def _base(run: FolderRun, options: BuildOptions) -> tuple[BaseImage, str]:
    """The base image, and its Python as major.minor."""
    named = options.base_image
    if named is not None and named.startswith(PREFIX):
        named = f"{PREFIX}{absolute(Path(named.removeprefix(PREFIX)))}"
    name, image = choose_base(named, lambda reference: InRegistry(reference, run.environ, run.stop), run.say)
    if not name.startswith(PREFIX):
        run.say(f"fetching the base image {name}")
        image = kept(image, BlobStore(run.workspace.store))
    return image, look_into(image, name).python
