"""What the steps on this machine tell a person to type: only options that the command at hand has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.cli.main import run

MIGRATE = Path(__file__).parents[2] / "migrate"
STEPS = (
    "migration/journey/slim.py",
    *(f"migration/journey/steps/{name}.py" for name in ("convert", "image", "rehearse")),
)
FILES = ("formats", "machine", "sources", "migration/journey/steps/files.py", "migration/run_folder.py")
FILES += tuple(f"migration/run/{name}.py" for name in ("licences", "permissions", "workspace"))
SAMPLES = ("parity/samples.py", "parity/recording.py", "migration/journey/steps/record.py")
IMAGES = tuple(f"images/{name}" for name in ("base", "engine", "model/context.py", "runtime", "trial"))
WALKED = {
    "build": (*FILES, *SAMPLES, *IMAGES, *STEPS),
    "export": (*FILES, *SAMPLES, *IMAGES, *STEPS, "images/model/export.py"),
    "serve": (*FILES, *SAMPLES, "images/model/local_server.py", "images/runtime"),
}
OTHERS = re.compile(r"docker build [^`]*|--build-arg \S*|-m compileall .*|--aptopt=.*|mount --bind .*")
"""What another program is given."""


def sentences(places: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Every text with more than one word in it that is no docstring."""
    for place in places:
        found = MIGRATE / place
        for file in sorted(found.rglob("*.py")) if found.is_dir() else [found]:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
            for text in (node.value for node in texts if isinstance(node.value, str)):
                if " " in text.strip():
                    yield file, OTHERS.sub("", text)


@pytest.mark.parametrize("command", WALKED)
def test_a_command_names_options_that_it_has(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    has = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    told: set[str] = set()
    for file, text in sentences(WALKED[command]):
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
        assert named <= has, (file, text)
        told |= named
    assert {"--rehearsal-timeout", "--samples", "--workspace"} <= told
