"""What an image holds below the tool's own layers, read where it runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from migrate.images.base.contents import PROBE
from migrate.images.engine.exchange import ExchangeEndedError
from migrate.machine.patience import CONTAINER_PROBE

if TYPE_CHECKING:
    from migrate.images.trial.runner import Runner

_MEMORY: Final = 256 << 20  # bytes; the status of a few hundred packages has some 100 kB
_PROGRAM: Final = f"import sys\nsys.stdin.readline()\n{PROBE}"


def asked_of_runner(runner: Runner, image_id: str) -> str:
    """What the probe of ``base/contents.py`` says in an image; empty where it says nothing.

    Raises:
        LocalError: Nothing can be started in it.
    """
    with runner.start(image_id, None, purpose="contents", memory=_MEMORY) as trial:
        try:
            with trial.exchange([_PROGRAM], inline=True) as exchange:
                return msgspec.json.encode(exchange.ask(0, timeout=CONTAINER_PROBE)).decode()
        except (ExchangeEndedError, TimeoutError):
            return ""
