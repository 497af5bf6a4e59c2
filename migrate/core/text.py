"""Text from outside made fit for a terminal and a log line."""


def printable(text: str, limit: int = 120) -> str:
    """``text`` on one line with control, format and lone-surrogate characters escaped, cut to about ``limit``.

    Names of models and objects, log lines and messages of services are hostile input: escape sequences in them
    could rewrite a terminal, and bidirectional marks could reorder what a person reads.
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in cut
    )
