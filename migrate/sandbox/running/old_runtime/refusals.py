"""Answers of the old runtime that are not 200."""

PARSE = "Unable to parse the given bytes into a correct json map of (name -> tensor)"


class RefusalError(Exception):
    """A status and the message of the error body."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)


def internal() -> RefusalError:
    """What the old runtime answered where it met a null pointer or a wrong cast."""
    return RefusalError(500, "Internal error")


def mismatch(sent: str, wanted: str) -> RefusalError:
    """Types that do not fit; the old message names them the wrong way round."""
    return RefusalError(400, f"Incompatibilies in types for tensor : required ({sent}) but found ({wanted})")
