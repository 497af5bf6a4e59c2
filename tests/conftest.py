"""How the tests are shared out between processes: a file's stay together, and so do those that share more."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before the plugin that reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path.relative_to(HERE))))


def _group(path: Path) -> str:
    """A file of its own; images by their folder, which makes them once; whole journeys by what they may delete.

    The kill tests use the one runtime that no undo owns. The others undo runtimes that a journey beside them would use.
    """
    if path.parts[0] == "images":
        return "images"
    if path.parts[0] == "e2e" and path.name != "test_kill.py":
        return "e2e"
    return str(path)
