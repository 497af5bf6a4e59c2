"""What was measured as tables, beside what is wanted."""

from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.runs.sides import Measured
from benchmarks.tables import aligned

Named = Mapping[str, tuple[str, Measured]]

_TIMES_THE_SHELL: Final = 8.0
_OF_FORMER: Final = 0.45
_PUSHED: Final = 1.05
_AGAIN_SECONDS: Final = 3.0
_AGAIN_CALLS: Final = 5


def report(sides: Named, models: int, size: int) -> str:
    """The tables.

    Args:
        sides: By form: its title, and what it took.
        models: How many were moved.
        size: Their bytes.
    """
    parts = [f"{models} models, {size / 1e6:.1f} MB", _totals(sides, size)]
    parts += [_steps(sides, "CPU s", lambda one: one.steps), _steps(sides, "wall s, all models", lambda one: one.walls)]
    parts.append(_wanted(sides, size))
    return "\n\n".join(part for part in parts if part)


def _totals(sides: Named, size: int) -> str:
    head = ["", "wall s", "API calls", "pushed MB", "to models", "CPU s", "peak MB", "again s", "its calls", "load"]
    rows = [head]
    for title, one in sides.values():
        again = [f"{one.again.seconds:.1f}", str(one.again.calls)] if one.again else ["", ""]
        rows.append(
            [
                title,
                f"{one.seconds:.1f}",
                str(one.calls),
                f"{one.received.sent / 1e6:.1f}",
                f"{one.received.sent / size:.2f}",
                f"{one.cpu:.1f}",
                f"{one.peak / 1e6:.0f}",
                *again,
                f"{one.load[0]:.1f} to {one.load[1]:.1f}",
            ]
        )
    return aligned(rows)


def _steps(sides: Named, head: str, of: Callable[[Measured], dict[str, float]]) -> str:
    """Seconds by step, a line for each side that has steps."""
    found = {title: of(one) for title, one in sides.values() if of(one)}
    names = list(dict.fromkeys(name for steps in found.values() for name in steps))
    lines = [[title, *(f"{steps.get(name, 0):.2f}" for name in names)] for title, steps in found.items()]
    return aligned([[head, *names], *lines]) if found else ""


def _wanted(sides: Named, size: int) -> str:
    if "this" not in sides:
        return ""
    this = sides["this"][1]
    lines = []
    if "before" in sides:
        times = sides["before"][1].seconds / this.seconds
        lines.append(
            _line(
                "times as quick as the first shell form",
                f"{times:.1f}",
                f"at least {_TIMES_THE_SHELL:g}",
                times >= _TIMES_THE_SHELL,
            )
        )
    if "former" in sides:
        part = this.seconds / sides["former"][1].seconds
        lines.append(_line("of the earlier commit's time", f"{part:.2f}", f"at most {_OF_FORMER}", part <= _OF_FORMER))
    pushed = (this.received.sent - this.received.shared) / size
    lines.append(
        _line("pushed beside one runtime, to models", f"{pushed:.3f}", f"at most {_PUSHED}", pushed <= _PUSHED)
    )
    if this.again is not None:
        seconds, calls = this.again.seconds, this.again.calls
        lines += [
            _line("seconds again", f"{seconds:.1f}", f"under {_AGAIN_SECONDS:g}", seconds < _AGAIN_SECONDS),
            _line("API calls again", str(calls), f"at most {_AGAIN_CALLS}", calls <= _AGAIN_CALLS),
        ]
    return aligned([["", "is", "wanted", ""], *lines], texts=(0, 2, 3))


def _line(what: str, found: str, wanted: str, met: bool) -> list[str]:
    return [what, found, wanted, "reached" if met else "MISSED"]
