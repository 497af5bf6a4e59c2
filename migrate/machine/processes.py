"""Processes of this machine."""

import os


def alive(process: int) -> bool:
    """Whether a process of this machine is there (its id may have gone to another one by now)."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
