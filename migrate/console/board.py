"""The live board of a run: one row a model with its step, bytes and time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from migrate.console.pace import Pace
from migrate.console.words import BYTES, MARKS, STYLES, amount, duration, safe, verdict
from migrate.core.events import Event, ModelFinished, Notice, RunStarted, StepFinished, StepProgress, StepStarted

if TYPE_CHECKING:
    from migrate.core.values import Outcome

_SHARED: Final = None  # the row of what all models wait for


class _Row:
    def __init__(self, name: str) -> None:
        self.name = name
        self.step = ""
        self.detail = ""
        self.done = 0
        self.total: int | None = None
        self.pace = Pace()
        self.left = ""
        self.began: float | None = None
        self.ended: float | None = None
        self.outcome: Outcome | None = None

    def seconds(self) -> float | None:
        return None if self.began is None else (self.ended or time.monotonic()) - self.began


class Board:
    """Draws events on a terminal; threads may share it."""

    def __init__(self, console: Console) -> None:
        self._turn = threading.Lock()
        self._rows: dict[str | None, _Row] = {}
        self._spinner = Spinner("dots")
        self._live = Live(self, console=console, refresh_per_second=8, transient=True, redirect_stdout=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Takes the board off the screen while a person is asked."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def __call__(self, event: Event) -> None:
        """Takes an event in; the next refresh shows it."""
        if isinstance(event, Notice):
            # Not under our lock: printing takes the console's, under which a refresh waits for ours.
            self._tell(event)
            return
        with self._turn:
            self._take(event)

    def _tell(self, notice: Notice) -> None:
        who = "" if notice.model is None else f"{safe(notice.model, 40)}: "
        style = "yellow" if notice.level == "warning" else ""
        self._live.console.print(Text(who + safe(notice.text, 400), style=style))

    def _take(self, event: Event) -> None:
        match event:
            case RunStarted():
                for model in event.models:
                    self._rows[model] = _Row(safe(model, 60))
            case StepStarted() | StepProgress():
                row = self._row(event.model)
                if row.step != event.step or isinstance(event, StepStarted):
                    row.done, row.total, row.pace, row.left = 0, None, Pace(), ""
                row.step, row.detail = event.step, safe(event.detail)
                row.began = row.began or time.monotonic()
                if isinstance(event, StepProgress):
                    row.done, row.total = event.done, event.total
                    if row.step in BYTES:
                        row.left = row.pace.left(row.done, row.total, time.monotonic())
            case StepFinished(model=None):
                self._rows.pop(_SHARED, None)
            case StepFinished():
                row = self._row(event.model)
                row.step, row.detail = event.step, safe(event.detail)
                row.done, row.total = 0, None
            case ModelFinished():
                row = self._row(event.outcome.model)
                row.outcome, row.ended = event.outcome, time.monotonic()
            case _:
                pass

    def _row(self, model: str | None) -> _Row:
        return self._rows.setdefault(model, _Row("" if model is None else safe(model, 60)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._turn:
            rows = list(self._rows.values())
            height = (options.height or console.height) - 3
            shown = rows if len(rows) <= height else [row for row in rows if row.began and not row.outcome][:height]
            narrow = options.max_width < 100
            table = Table.grid(padding=(0, 1), expand=False)
            table.add_column(width=1)
            table.add_column(max_width=max(16, options.max_width - (64 if narrow else 88)), no_wrap=True)
            table.add_column(width=9, no_wrap=True)
            table.add_column(width=0 if narrow else 16)
            table.add_column(max_width=40, no_wrap=True, overflow="ellipsis")
            table.add_column(justify="right", no_wrap=True, min_width=7)
            for row in shown:
                table.add_row(*self._cells(row, narrow=narrow))
            yield table
            finished = sum(row.outcome is not None for row in rows)
            models = sum(name is not _SHARED for name in self._rows)
            if models:
                yield Text(f"{finished} of {models} at their end; Ctrl-C stops cleanly", style="dim")

    def _cells(self, row: _Row, *, narrow: bool) -> tuple[RenderableType, ...]:
        seconds = row.seconds()
        took = "" if seconds is None else duration(seconds)
        if row.outcome is not None:
            kind = row.outcome.outcome
            mark = Text(MARKS[kind], style=STYLES[kind])
            return mark, Text(row.name), Text(verdict(row.outcome), style=STYLES[kind]), "", row.outcome.reason, took
        if row.began is None:
            return "", Text(row.name, style="dim"), Text("waiting", style="dim"), "", "", ""
        bar: RenderableType = ""
        if row.total and not narrow:
            bar = ProgressBar(total=row.total, completed=min(row.done, row.total), width=16)
        moved = amount(row.done, row.total, bytes_=row.step in BYTES) if row.done or row.total else ""
        detail = ", ".join(filter(None, (moved, row.left))) if moved else row.detail
        return self._spinner.render(time.monotonic()), Text(row.name), row.step, bar, Text(detail), took
