"""Every model's verdict from ranges of its files, where they lie."""

import contextlib
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from msgspec.structs import replace

from migrate.core.errors import ExitCode, Interrupted, MigrateError
from migrate.core.events import StepFinished, StepProgress, StepStarted
from migrate.core.looked import Looked, NotKnown, Problem
from migrate.core.values import Inspection, ModelRecord
from migrate.formats.inspect import inspect_files
from migrate.formats.reading.errors import FormatError
from migrate.formats.unpack import PackedFiles, opened, packed_in
from migrate.migration.run.licences import under_licences
from migrate.migration.run.run_context import RunContext
from migrate.sources.local import LocalFiles
from migrate.sources.look import open_model
from migrate.sources.paths import check_paths
from migrate.sources.ranged import RangedFiles
from migrate.sources.unread import unread

_STEP: Final = "look"


def look(run: RunContext, record: ModelRecord) -> Looked:
    """What a model is, read where its files lie: nothing is downloaded, written or made, and rights to read suffice.

    What a download would check and a look cannot is never taken for granted: a verdict that depends on it is "not yet
    known". What goes wrong is told in the value.

    Raises:
        Interrupted: The run was asked to stop.
    """
    run.emit(StepStarted(step=_STEP, model=record.id))
    start = time.monotonic()
    found = _look(run, record)
    run.emit(
        StepFinished(step=_STEP, model=record.id, seconds=time.monotonic() - start, detail=_in_short(found)),
    )
    return found


def look_at_all(run: RunContext, records: Iterable[ModelRecord], *, jobs: int) -> dict[str, Looked]:
    """The same of several models side by side, by id.

    Raises:
        Interrupted: The run was asked to stop.
    """
    every = tuple(records)
    found: dict[str, Looked] = {}
    with ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="look") as pool:
        for record, looked in zip(every, pool.map(lambda one: look(run, one), every), strict=True):
            found[record.id] = looked
            run.emit(StepProgress(step=_STEP, done=len(found), total=len(every)))
    return found


def _look(run: RunContext, record: ModelRecord) -> Looked:
    if run.stop.is_set():
        raise Interrupted
    files = None
    try:
        files = open_model(record, run.storage, stopped=run.stop.is_set, environ=run.environ)
        inspection = _inspected(run, record, files)
        inspection = under_licences(inspection, accept_agpl=run.options.accept_agpl)
    except NotKnown as error:
        looked = Looked(record=record, not_known=str(error))
    except MigrateError as error:
        looked = Looked(record=record, problem=_problem(error))
    else:
        unchecked = tuple(files.unchecked)
        looked = Looked(
            record=record,
            inspection=inspection,
            not_known=unchecked[0] if unchecked and inspection.verdict == "ready" else "",
            unchecked=unchecked,
        )
    if files is None:
        return looked
    return replace(looked, objects=files.objects, bytes_read=files.bytes_read, requests=files.requests)


def _inspected(run: RunContext, record: ModelRecord, files: RangedFiles | LocalFiles) -> Inspection:
    archive, allowed = packed_in(files), run.options.allow_unsafe
    if archive is not None:
        # Of one that cannot be unpacked the inspection of the archive itself says why, as after a download.
        with contextlib.suppress(FormatError), opened(files, archive, unread) as (checked, wanted):
            check_paths(wanted)
            inside = PackedFiles(files, archive, checked, wanted)
            found = inspect_files(inside, framework=record.framework, allow_unsafe=allowed, archive=archive)
            inside.verify()
            return found
    return inspect_files(files, framework=record.framework, allow_unsafe=allowed)


def _problem(error: MigrateError) -> Problem:
    # an object that the storage refuses needs a person, as the download of it says too
    code = ExitCode.NEEDS_YOU if error.code == "object-unreadable" else error.exit_code
    return Problem(code=error.code, text=error.what, task=error.next_step, exit_code=code)


def _in_short(found: Looked) -> str:
    if found.problem is not None:
        return found.problem.code
    known = f"{found.inspection.format}, {found.verdict or 'not yet known'}" if found.inspection else "not yet known"
    return f"{known}; {found.bytes_read:,} of {found.size:,} bytes read"
