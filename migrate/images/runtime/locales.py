"""The locale en_US.UTF-8 where a system has C.UTF-8 alone, as Debian's images do.

ONNX Runtime asks the C library for it by this name to change the case of texts (StringNormalizer, in text models of
scikit-learn), and loads no such model without it. The letters of both are the same, so a second name is enough
(findings/glibc-c-utf8-has-all-letters.sh).
"""

from pathlib import Path
from typing import Final

IMAGE_PATH: Final = "/opt/migrate/locale"
VARIABLE: Final = "LOCPATH"
"""Where glibc looks for locales before its own folder."""

NAME: Final = "en_US.utf8"
SYSTEM: Final = "/usr/lib/locale/C.utf8"


def link_locale(folder: Path) -> None:
    """Write the second name into a folder, for ``VARIABLE`` to point to; it leads nowhere where C.UTF-8 is missing."""
    folder.mkdir(parents=True)
    folder.joinpath(NAME).symlink_to(SYSTEM)
