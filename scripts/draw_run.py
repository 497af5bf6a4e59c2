"""Draws a run as docs/run.svg from what the command prints: ``migrate demo --quick | python scripts/draw_run.py``."""

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

TARGET = Path(__file__).parents[1] / "docs" / "run.svg"


def main() -> None:
    """Read the terminal's text on standard input and write the picture."""
    console = Console(record=True, width=132, file=io.StringIO())
    for line in sys.stdin.read().splitlines():
        console.print(Text.from_ansi(line), overflow="fold")
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(console.export_svg(title="migrate demo"), encoding="utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
