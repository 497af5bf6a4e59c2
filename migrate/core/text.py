"""Text for people: what comes from outside made fit for a terminal, and the sentence that sends them back."""


def printable(text: str, limit: int = 120) -> str:
    """``text`` on one line with control, format and lone-surrogate characters escaped, cut to about ``limit``.

    Names of models and objects, log lines and messages of services are hostile input: escape sequences in them
    could rewrite a terminal, and bidirectional marks could reorder what a person reads.
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in cut
    )


def counted(count: int, noun: str) -> str:
    """``1 file``, ``1,234 files``; for nouns that take an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def type_again(first: str = "", *, adding: str = "", note: str = "") -> str:
    """The sentence, such as ``Free some space, then type the same command again; it goes on where it stopped.``.

    Args:
        first: What to do before, as the beginning of a sentence; nothing where the command alone is needed.
        adding: The options to type besides.
        note: What comes of it, or what to do if it does not help, as the end of a sentence.
    """
    sentence = f"{first}, then type the same command again" if first else "Type the same command again"
    return sentence + (f" with {adding}" if adding else "") + (f"; {note}" if note else "") + "."


def plan_again(text: str) -> str:
    """A next step as a plan has it, whose readers typed another command than the one to type again."""
    return text.replace("Type the same command again", "Plan again").replace(
        "type the same command again", "plan again"
    )
