"""What stops a file from being a model that can be served: a verdict, a reason code, a sentence and a task."""

from migrate.core.codes.catalogue import Code
from migrate.core.text import printable
from migrate.core.values import Hazard, Inspection, Verdict


class FormatError(Exception):
    """Raised while a file is read, and turned into an ``Inspection`` at the edge of this package.

    Attributes:
        reason: The reason code, a stable word for programs; ``core.codes`` says what each means.
        text: One sentence: what is wrong and where.
        task: What a person does about it.
        verdict: ``unreadable`` for broken files, ``unsupported`` for sound ones that cannot be served.
        stands: Whether it is told beside dangers of the same file too, which else are all that is told.
    """

    def __init__(
        self, reason: Code, text: str, task: str, *, verdict: Verdict = "unreadable", stands: bool = False
    ) -> None:
        self.reason: Code = reason
        self.text = text
        self.task = task
        self.verdict: Verdict = verdict
        self.stands = stands
        super().__init__(text)

    def inspection(
        self, model_format: str, notes: tuple[str, ...] = (), hazards: tuple[Hazard, ...] = ()
    ) -> Inspection:
        """The inspection of a file of this format that has this problem."""
        return Inspection(
            format=model_format,
            runtime=None,
            verdict=self.verdict,
            reason=self.reason,
            text=self.text,
            task=self.task,
            hazards=hazards,
            notes=notes,
        )


def quoted(text: str) -> str:
    """A customer's text for a sentence: printable, in quotes, and short."""
    return f'"{printable(text, 80)}"'
