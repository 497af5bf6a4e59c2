"""Move one model of several GB from object storage to a build context, interrupted and replaced on the way.

    python -m benchmarks.large [--gb 5] [--compare-gb 0.5] [--pace-mb 20] [--only NAME,NAME] [--without-engine]
        [--out FILE]

The model is made on the spot in a folder of TMPDIR, which must have four times its size, as must the container engine;
the sandbox is its object storage. `migrate run` is killed (SIGKILL) in the middle of the download and run again up to
the build; then it begins in a new workspace, and the object is replaced by another one in the middle. What came of it
is exported as a folder. One connection and several are measured beside each other, on an object of their own: as fast
as this machine goes, and with a pace that each connection has, as stores have one. Everything is removed again.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.large.model import MODEL, TABLE, check, write_model, write_table
from benchmarks.large.walk import Event, Walk, walk
from benchmarks.machine import machine
from benchmarks.tables import aligned
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from migrate.sources.ranges import CONNECTIONS

_BOX: Final = "large"
_PIECES: Final = "large_segments"
_SOURCE: Final = f"{_BOX}@GRA"
_PARTS: Final = ("compare", "interrupt", "replace", "export")
_MB: Final = 1_000_000
# ONNX Runtime holds the whole table, which one CPU's memory is too small for, and a busy machine takes long to read it.
_RUN: Final = ("run", _SOURCE, "--yes", "--cpus", "4", "--rehearsal-timeout", "1200")
_COPIES: Final = 4
"""What a run wants of the disk: the object in the sandbox, the download, its context, and the engine's copy."""
_MEMORY: Final = 200 * _MB
"""What the command may hold at most, whatever the model weighs."""


def main() -> int:
    """Measure, print, and return 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=5.0, help="the size of the model")
    parser.add_argument("--compare-gb", type=float, default=0.5, help="the size of what connections are compared on")
    parser.add_argument("--pace-mb", type=float, default=20.0, help="MB a second of each connection, in one comparison")
    parser.add_argument("--only", default=",".join(_PARTS), help=f"of {', '.join(_PARTS)}; export needs replace")
    parser.add_argument("--without-engine", action="store_true", help="end when the files were inspected")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the numbers go, as JSON; nowhere without it")
    options = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine().items()), end="\n\n")
    with tempfile.TemporaryDirectory(prefix="bench-large-") as name:
        room, needed = shutil.disk_usage(name).free, int(options.gb * 1e9) * _COPIES
        if room < needed:
            raise SystemExit(
                f"bench-large: {name} has {room / 1e9:.0f} GB of room, {needed / 1e9:.0f} GB are needed; "
                "set TMPDIR to a folder with more, or --gb to a smaller model"
            )
        bench = Bench(Path(name), last="inspect" if options.without_engine else "render")
        bench.start()
        only, size = options.only.split(","), int(options.gb * 1e9)
        try:
            if "compare" in only:
                bench.compare(int(options.compare_gb * 1e9), int(options.pace_mb * _MB))
            if "interrupt" in only:
                bench.interrupt(size)
            if "replace" in only:
                bench.replace(size, export="export" in only)
        finally:
            control.stop(bench.sandbox)
    if options.out is not None:
        options.out.write_text(json.dumps({"machine": machine(), **bench.numbers}, indent=1) + "\n")
    for fault in bench.faults:
        print(f"bench-large: {fault}", file=sys.stderr)
    return 1 if bench.faults else 0


class Bench:
    """The sandbox, what was measured, and what did not hold.

    Args:
        folder: For everything.
        last: The step after which a run is ended.
    """

    def __init__(self, folder: Path, last: str) -> None:
        self.sandbox = folder / "sandbox"
        self.numbers: dict[str, object] = {}
        self.faults: list[str] = []
        self._folder = folder
        self._last = last
        self._environment: Mapping[str, str] = {}

    def start(self) -> None:
        """Start the sandbox."""
        runtime = self._last == "render"
        control.start(self.sandbox, Options(samples=False, authorized=True, runtime=runtime))
        ours = {name: text for name, text in os.environ.items() if not name.startswith(("OVH_", "MIGRATE_"))}
        self._environment = {**ours, **control.env(self.sandbox)}

    def compare(self, size: int, pace: int) -> None:
        """One connection and several, freely and with a pace."""
        self._put(size, seed=1)
        rows = [["fetch", "connections", "s", "MB/s"]]
        for limit in (0, pace):
            if limit:
                control.fail(self.sandbox, "slow", service="storage", path_regex="bin$", bytes_per_second=limit)
            for number in (1, CONNECTIONS):
                found = self._run(f"compare-{limit}-{number}", ends=_after("fetch"), connections=number)
                seconds = next(step.seconds for step in found.steps if step.name == "fetch")
                words = f"{limit / _MB:.0f} MB/s each" if limit else "as fast as it goes"
                rows.append([words, str(number), f"{seconds:.1f}", f"{size / seconds / _MB:.0f}"])
                self.numbers[f"fetch, {words}, {number}"] = seconds
        control.release(self.sandbox)
        _print(f"{size / 1e9:.2f} GB from the sandbox", rows)

    def interrupt(self, size: int) -> None:
        """Kill a run in the middle of the download, and run it again up to the build."""
        total = self._put(size, seed=2)
        cut = 0

        def middle(event: Event) -> bool:
            nonlocal cut
            cut = event["done"] if event["event"] == "step-progress" and event["step"] == "fetch" else cut
            return cut >= 0.4 * total

        self._slowly(total)
        self._run("interrupted", ends=middle, keep=True)
        control.release(self.sandbox)
        there = self._there("interrupted")
        if not cut:
            self.faults.append("the first run ended before the middle of its download")
            return
        before = self._sent()
        found = self._run("interrupted", ends=_after(self._last))
        after = self._sent() - before
        self._steps(f"{total / 1e9:.2f} GB, killed at {cut / 1e9:.2f} GB and run again", found)
        print(
            f"  {there / 1e9:.3f} GB were synced before the kill; {after / 1e9:.3f} GB were fetched after it, "
            f"{after / total:.0%} of the object; {(after - (total - there)) / _MB:.1f} MB twice\n"
        )
        self.numbers |= {"bytes": total, "bytes at the kill": cut, "bytes synced": there, "bytes after": after}
        if after - (total - there) > _MB:
            self.faults.append(f"{after} bytes were fetched where {total - there} were missing")

    def replace(self, size: int, *, export: bool) -> None:
        """Replace the object in the middle of its download, by a manifest that names other segments."""
        control.reset(self.sandbox)
        other = self._folder / "other.bin"
        write_table(other, size, seed=3)
        digest = _digest(other)
        control.put_object(self.sandbox, _PIECES, "after", other)
        other.unlink()
        total = self._put(size, seed=2, segment="before")
        replaced = False

        def seen(event: Event) -> None:
            nonlocal replaced
            fetching = event["event"] == "step-progress" and event["step"] == "fetch"
            if fetching and not replaced and event["done"] > 0.3 * total:
                self._name_segment("after")
                control.release(self.sandbox)
                replaced = True

        self._slowly(total)
        found = self._run("replaced", ends=_after("inspect"), seen=seen, keep=True)
        self._steps(f"{total / 1e9:.2f} GB, replaced in the middle", found)
        for line in found.told:
            print(f"  told: {line}")
        (artifact,) = (self._folder / "replaced" / "store" / "artifacts").iterdir()
        same = _digest(artifact / TABLE) == digest
        print("  the file is the new object, byte for byte\n" if same else "  the file is NOT the new object\n")
        if export:
            self._export(artifact, total)
        shutil.rmtree(self._folder / "replaced")
        if not same or not any("changed" in line for line in found.told):
            self.faults.append("the replaced object was not noticed, or two versions were mixed")

    def _export(self, folder: Path, total: int) -> None:
        """Export a folder of this machine as a build context that stands alone."""
        control.reset(self.sandbox)  # which makes room
        source = self._folder / "source"
        source.mkdir()
        folder.rename(source / "model")
        words = ["export", str(source), "--out", str(self._folder / "context")]
        found = self._run("exported", words, ends=lambda _: False)
        self._steps(f"{total / 1e9:.2f} GB of a folder, exported", found)
        print(f"  {found.seconds:.1f} s in all; the command held at most {found.peak / _MB:.0f} MB\n")
        if not (self._folder / "context" / "Dockerfile").is_file():
            self.faults.append("the folder was not exported")
        for name in ("source", "context"):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _put(self, size: int, seed: int, segment: str = "") -> int:
        """Make the model, put it into the sandbox, alone there but for other segments, and return its table's bytes.

        With ``segment`` the table is a large object of one segment with that name.
        """
        folder = self._folder / "made"
        folder.mkdir()
        if not segment:
            control.reset(self.sandbox)
        total = write_table(folder / TABLE, size, seed)
        write_model(folder / MODEL, total)
        check(folder)
        control.put_object(self.sandbox, _BOX, f"model/{MODEL}", folder / MODEL)
        if segment:
            control.put_object(self.sandbox, _PIECES, segment, folder / TABLE)
            self._name_segment(segment)
        else:
            control.put_object(self.sandbox, _BOX, f"model/{TABLE}", folder / TABLE)
        shutil.rmtree(folder)
        return total

    def _name_segment(self, segment: str) -> None:
        """Put the manifest of the table, which takes no time whatever the segment weighs."""
        empty = self._folder / "empty"
        empty.touch()
        kind = {"segments": [f"{_PIECES}/{segment}"]}
        control.put_object(self.sandbox, _BOX, f"model/{TABLE}", empty, kind=kind)

    def _slowly(self, total: int) -> None:
        """Give connections a pace by which the download takes long enough to be met in its middle."""
        pace = max(5 * _MB, min(100 * _MB, total // (10 * CONNECTIONS)))
        control.fail(self.sandbox, "slow", service="storage", path_regex="bin$", bytes_per_second=pace)

    def _run(
        self,
        name: str,
        words: Sequence[str] = _RUN,
        *,
        ends: Callable[[Event], bool],
        seen: Callable[[Event], None] = lambda _: None,
        connections: int = CONNECTIONS,
        keep: bool = False,
    ) -> Walk:
        workspace = self._folder / name
        environment = {**self._environment, "MIGRATE_DOWNLOAD_CONNECTIONS": str(connections)}
        found = walk(words, environment, workspace, ends=ends, seen=seen)
        self.numbers[f"{name}: memory"] = found.peak
        if found.failed:
            self.faults.append(f"{name}: {found.failed}")
        if found.peak > _MEMORY:
            self.faults.append(f"{name}: the command held {found.peak / _MB:.0f} MB")
        if not keep:
            shutil.rmtree(workspace, ignore_errors=True)
        return found

    def _steps(self, title: str, found: Walk) -> None:
        rows = [["step", "s", "peak MB", "read from disk MB"]]
        rows += [
            [step.name, f"{step.seconds:.1f}", f"{step.peak / _MB:.0f}", f"{step.read / _MB:.0f}"]
            for step in found.steps
        ]
        self.numbers[title] = [vars(step) for step in found.steps]
        _print(title, rows)

    def _there(self, name: str) -> int:
        """What the state of the download says is on the disk."""
        states = [json.loads(path.read_text()) for path in (self._folder / name / "store/partial").glob("*/*.json")]
        return sum(end - start for state in states for start, end in state.get("spans", ()))

    def _sent(self) -> int:
        """Bytes of the table that the sandbox has sent, once nobody takes any more."""
        sent = -1
        while sent != (now := sum(line.bytes for line in control.requests_made(self.sandbox) if TABLE in line.path)):
            sent = now
            time.sleep(1.0)
        return sent


def _after(step: str) -> Callable[[Event], bool]:
    return lambda event: event["event"] == "step-finished" and event["step"] == step


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _print(title: str, rows: list[list[str]]) -> None:
    print(f"{title}\n{aligned(rows)}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
