"""What must hold after a case, however it was disturbed: asked of the cloud, the registry, the engine and the disk."""

import contextlib
import hashlib
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.chaos.stage import Stage, local_images
from tests.e2e.harness import Ended

DOCUMENTED = frozenset({0, 3, 4, 5, 7, 130})
"""The exit codes that a disturbed command may end with: not those of a bug or of a mistyped command."""

_STAYS = frozenset({"pushed-image", "authorization"})
_IN_THE_CLOUD = {"app": "apps", "token": "tokens", "user": "users", "registration": "registrations"}


class Finding(AssertionError):  # noqa: N818 - what pytest shows as a failure
    """Something that must not be."""


def hold(condition: object, what: str) -> None:
    """Fail with a sentence unless the condition holds."""
    if not condition:
        raise Finding(what)


def ended_in_words(ended: Ended) -> None:
    """A command that failed says why, what to do, and with which code."""
    hold(ended.code in DOCUMENTED, f"exit code {ended.code}: {ended.err}{ended.out[-2000:]}")
    hold(ended.events and ended.events[-1]["event"] == "result", f"no result: {ended.err}")
    if ended.code == 0:
        return
    error = ended.result.get("error")
    failed = [one for one in ended.result["models"] if one["outcome"] != "done"] if "models" in ended.result else []
    hold(error or failed or ended.result.get("data"), f"exit code {ended.code} and not a word: {ended.result}")
    for text in [error["what"]] if error else [one["text"] for one in failed]:
        sentence = text.partition("; its log ends:\n")[0]  # the lines of an app's log follow its sentence
        hold(sentence and "\n" not in sentence and "Traceback" not in sentence, f"no sentence: {sentence!r}")


def readable(stage: Stage, *words: str) -> None:
    """The journal is read by a command that shows what is in it."""
    ended = stage(*words)
    hold(ended.code == 0 or _nothing_yet(ended), f"{words[0]} ended with {ended.code}: {ended.err}{ended.out}")


def _nothing_yet(ended: Ended) -> bool:
    """Whether a journal was not begun: the command was ended before it had listed the models."""
    return ended.code == 2 and ("no-journal" in ended.out or "unknown" in ended.out + ended.err)


def moved(stage: Stage, ended: Ended) -> None:
    """Each model is done, in one app, and nothing exists but what the journal knows."""
    hold(ended.code == 0, f"the last run ended with {ended.code}: {ended.err}{ended.out[-3000:]}")
    done = [name for name, outcome in ended.outcomes.items() if outcome["outcome"] == "done"]
    hold(sorted(done) == sorted(stage.models), f"done: {done}, possible: {stage.models}")
    left = stage.sandbox.left()
    units = 1 if stage.packed else len(stage.models)
    hold(len(left["apps"]) == units, f"{len(left['apps'])} apps for {units}")
    hold(all(app["status"]["state"] == "RUNNING" for app in left["apps"]), "an app does not run")
    hold(len(left["tokens"]) == units, f"{len(left['tokens'])} tokens for {units} apps")
    hold(len(left["users"]) <= 1, f"{len(left['users'])} users")
    hold(len(left["registrations"]) == int(stage.registers), f"{len(left['registrations'])} registrations")
    for unit in left["apps"]:
        header = stage.tool.headers().get(unit["spec"]["name"])
        hold(header, f"no token file for the app {unit['spec']['name']}")
    _same(stage, left)
    half = [str(path) for path in stage.tool.workspace.rglob("*.partial")]
    hold(not half, f"written by half: {half}")
    tidy(stage)


def undone(stage: Stage, ended: Ended) -> None:
    """The bill has stopped: nothing is left outside, and nothing here that nobody knows."""
    hold(ended.code == 0, f"the last undo ended with {ended.code}: {ended.err}{ended.out[-3000:]}")
    left = stage.sandbox.left()
    hold(not any(left.values()), f"left after undo: {left}")
    kept = [f"{effect.kind} {effect.name}" for effect in stage.effects() if effect.kind not in _STAYS]
    hold(not kept, f"the journal says that these exist after undo: {kept}")
    hold(not _images(stage), f"local images after undo: {_images(stage)}")
    tidy(stage)


def tidy(stage: Stage) -> None:
    """No container, no file and no pushed image that nobody knows."""
    hold(not _containers(stage), f"containers of ended commands: {_containers(stage)}")
    scratch = [str(path) for path in stage.scratch.iterdir()]
    hold(not scratch, f"temporary files: {scratch}")
    partial = [str(path) for path in stage.tool.workspace.glob("store/partial/*") if path.suffix != ".lock"]
    hold(not partial, f"unfinished downloads, or what boxes were made of: {partial}")
    hold(not _boxes(stage), f"processes that know this case's folder: {_boxes(stage)}")
    spoiled = [path.name for path in _blobs(stage) if _digest(path) != path.name]
    hold(not spoiled, f"blobs of the store that are not what their names say: {spoiled}")
    images = [effect for effect in stage.effects() if effect.kind == "pushed-image"]
    known = {effect.name for effect in images}
    # What belongs to an image is listed under a tag made of the image's digest.
    known |= {f"{one.name.rpartition(':')[0]}:{(one.external_id or '').replace(':', '-')}" for one in images}
    pushed = _pushed(stage)
    hold(pushed <= known, f"pushed images that the journal does not know: {pushed - known}")


def _same(stage: Stage, left: dict[str, list[Any]]) -> None:
    """The journal and the cloud name the same things."""
    effects = stage.effects()
    for kind, field in _IN_THE_CLOUD.items():
        ours = sorted(str(effect.external_id) for effect in effects if effect.kind == kind)
        theirs = sorted(str(item["id"]) for item in left[field])
        hold(ours == theirs, f"{field}: the journal says {ours}, the cloud has {theirs}")
    hold(not [one for one in effects if one.kind == "proof-token"], "the token of a proof is still there")
    open_ = [f"{one.kind} {one.name}" for one in effects if one.external_id is None]
    hold(not open_, f"only meant to be made, says the journal: {open_}")


def _blobs(stage: Stage) -> list[Path]:
    """The blobs of the store that the case made: those that it began with have another name somewhere."""
    found = stage.tool.workspace.glob("store/blobs/sha256/*")
    return [path for path in found if path.stat().st_nlink == 1]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _boxes(stage: Stage) -> list[str]:
    """Programs that were told of the workspace, such as boxes; those that end just now get some seconds."""
    place = str(stage.tool.workspace).encode()

    def running() -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes()
                if place in words:
                    found.append(words.replace(b"\0", b" ").decode(errors="replace")[:200])
        return found

    end = time.monotonic() + 3
    while (left := running()) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def _containers(stage: Stage) -> list[str]:
    """Containers that commands of this case started: label ``mlserving-migrate.process``."""
    if stage.unaided:
        return []
    words = ["docker", "ps", "--all", "--format", '{{.ID}} {{.Label "mlserving-migrate.process"}}']
    listed = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    ours = {f"{platform.node()}:{pid}" for pid in stage.pids}
    return [line for line in listed.splitlines() if line.partition(" ")[2] in ours]


def _images(stage: Stage) -> list[str]:
    """Names of local images that only this case can have made."""
    return sorted(name for name in local_images() if any(f"/{ours}" in name for ours in stage.repositories))


def _pushed(stage: Stage) -> set[str]:
    """The tags in the registry that only this case can have pushed, as references."""
    root = stage.sandbox.folder / "registry" / "data" / "docker" / "registry" / "v2" / "repositories"
    port = (stage.sandbox.folder / "registry" / "port").read_text(encoding="ascii").strip()
    found = set()
    for tag in root.glob("**/_manifests/tags/*"):
        repository = str(tag.parents[2].relative_to(root))
        if any(Path(repository).name.startswith(ours) for ours in stage.repositories):
            found.add(f"127.0.0.1:{port}/{repository}:{tag.name}")
    return found
