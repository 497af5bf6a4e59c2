"""What an earlier run told of the files of a container or bucket: nothing is read twice to see what it is.

A listing has names, sizes and times to the second, and no content. Where all of it is as it was, so are the models,
which took a read of each file, and mostly a call for an URL of each. It is the trust that fetching has: what is
uploaded again has another time.
"""

from collections.abc import Callable
from typing import Final

from migrate import __version__
from migrate.core.values import Listing
from migrate.migration.journal.journal import Journal
from migrate.migration.run.step_engine import step_key
from migrate.sources.containers import Recall

SUBJECT: Final = "source"
STEP: Final = "list"
VERSION: Final = 2  # raised where other files are recognised than before


def recall_from(journal: Journal) -> Recall:
    """Recalls what the journal has, and writes what is told anew."""

    def recall(lies_there: str, make: Callable[[], tuple[Listing, bool]]) -> Listing:
        key = step_key(STEP, VERSION, (lies_there, __version__))
        stored = journal.usable(SUBJECT, STEP, Listing, key=key)
        if stored is not None:
            return stored.value
        listing, whole = make()
        if whole:
            journal.put(SUBJECT, STEP, key, listing)
        return listing

    return recall
