"""The tutorials run as written: commands exist, answers are those of the samples, light models are served."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
import pytest
import typer

from migrate.cli.application import command_line
from tests.server.format_models import close
from tests.server.process import listening
from tests.waiting import wait_until

pytestmark = pytest.mark.runtimes

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "examples" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Whose packages are small: their pages are carried out command by command.
LIGHT = ("onnx", "processors", "tokenizer", "pmml")
PORT = "8080"
INSTALLED_SECONDS = 800.0  # the first time the packages are installed


class Call(NamedTuple):
    """A command of a page and what the page shows of its answer."""

    command: str
    shown: str


class Part(NamedTuple):
    """``migrate serve`` of a folder and the calls below it."""

    folder: str
    calls: list[Call]


def blocks(page: Path, *kinds: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page of these kinds."""
    return [(kind, text) for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind in kinds]


def commands(page: Path) -> list[str]:
    """Every command of the tool on a page."""
    lines = [line.removeprefix("$ ") for _, text in blocks(page, "sh", "console") for line in text.splitlines()]
    return [line for line in lines if line.startswith("migrate ")]


def parts(page: Path) -> list[Part]:
    """What a page serves, and how it calls that."""
    found: list[Part] = []
    for kind, text in blocks(page, "sh", "console"):
        if kind == "sh" and text.startswith("migrate serve "):
            found.append(Part(shlex.split(text)[2], []))
        elif kind == "console":
            for chunk in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, shown = chunk.partition("\n")
                found[-1].calls.append(Call(command, shown.strip()))
    return found


def samples_of(folder: str) -> list[dict[str, Any]]:
    """The requests and answers of a sample model."""
    source, model_id = Path(folder).parent.name, Path(folder).name
    place = {"models": "samples", "formats": "format-samples"}[source]
    return [json.loads(path.read_bytes()) for path in sorted((ROOT / "examples" / place / model_id).glob("*.json"))]


def body_of(command: str) -> Any:
    """The request of a call: JSON as it stands, or what ``jq .request`` takes from a sample's file."""
    words = shlex.split(command)
    if "-d" not in words:
        return None
    body = words[words.index("-d") + 1]
    file = re.fullmatch(r"\$\(jq \.request (\S+)\)", body)
    return json.loads((ROOT / file[1]).read_bytes())["request"] if file else json.loads(body)


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(tutorials/([\w-]+\.md)\)", index)) == {page.name for page in PAGES}
    assert all(f"scripts/{name}" for name in re.findall(r"`scripts/(\S+)`", index))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_parse_and_files_exist(page: Path) -> None:
    tree: Any = typer.main.get_command(command_line(completion=False))
    found = commands(page)
    assert any(line.startswith("migrate run ") for line in found)
    for line in found:
        name, *arguments = shlex.split(line)[1:]
        tree.commands[name].make_context(name, arguments)
        for word in arguments:
            if word.startswith("examples/"):
                assert (ROOT / word).exists(), word
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:examples|scripts)/[\w./-]+\w", text)
    assert named
    for path in named:
        assert (ROOT / path).exists(), path
    assert len(text.splitlines()) <= 75


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_requests_and_answers_are_those_of_the_samples(page: Path) -> None:
    calls = [(part, call) for part in parts(page) for call in part.calls if body_of(call.command) is not None]
    for part, call in calls:
        (sample,) = [one for one in samples_of(part.folder) if one["request"] == body_of(call.command)]
        assert close(sample["answer"], json.loads(call.shown), 2e-6), call
    assert calls or page.stem == "fastai"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", LIGHT)
def test_a_light_page_does_what_it_shows(name: str, tmp_path: Path) -> None:
    for part in parts(ROOT / "examples" / "tutorials" / f"{name}.md"):
        with served(part.folder, tmp_path / "log") as port:
            for call in part.calls:
                words = [word.replace(PORT, str(port)) for word in shlex.split(call.command)]
                done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", check=True, timeout=60)
                # The last digit of a number may be another one on another processor.
                assert form(done.stdout.strip()) == form(call.shown)
                assert close(json.loads(call.shown), json.loads(done.stdout), 2e-6)


@contextmanager
def served(folder: str, log: Path) -> Iterator[int]:
    """``migrate serve`` of a folder on a free port, ended as Ctrl-C ends it; its workspace is kept."""
    workspace = platformdirs.user_cache_path("mlserving-migrate") / "tutorials"
    command = [str(Path(sys.executable).with_name("migrate")), "serve", folder, "--port", "0"]
    environment = {**os.environ, "MIGRATE_WORKSPACE": str(workspace)}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            port: int = listening(process, log, patience=INSTALLED_SECONDS)["port"]
            wait_until(lambda: is_ready(port), log.read_text)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()  # the test fails and does not hang
                raise
    assert process.returncode == 0, log.read_text()


def is_ready(port: int) -> bool:
    """Whether the server answers that it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def form(text: str) -> str:
    """A text without what its numbers are."""
    return re.sub(r"-?\d+(\.\d+)?(E-?\d+)?", "0", text)
