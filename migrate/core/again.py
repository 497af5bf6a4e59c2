"""The sentence that sends a person back to the command they typed."""


def type_again(first: str = "", *, adding: str = "", note: str = "") -> str:
    """The sentence, such as ``Free some space, then type the same command again; it goes on where it stopped.``.

    Args:
        first: What to do before, as the beginning of a sentence; nothing where the command alone is needed.
        adding: The options to type besides.
        note: What comes of it, or what to do if it does not help, as the end of a sentence.
    """
    sentence = f"{first}, then type the same command again" if first else "Type the same command again"
    return sentence + (f" with {adding}" if adding else "") + (f"; {note}" if note else "") + "."
