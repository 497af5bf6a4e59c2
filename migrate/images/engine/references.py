"""Image references: what may be named to an engine or in a Dockerfile."""

import re
from typing import Final

from migrate.core.errors import UsageError
from migrate.core.text import printable

# [registry[:port]/]path[:tag][@digest], as the distribution project defines references.
_REFERENCE: Final = re.compile(
    r"(?=.{1,512}\Z)(?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z",
    re.ASCII,
)


def check_reference(reference: str) -> str:
    """The reference itself, if it is one: nothing else may reach a Dockerfile or an engine.

    Raises:
        UsageError: It is not an image reference (code ``bad-reference``).
    """
    if not _REFERENCE.match(reference):
        raise UsageError(
            f'"{printable(reference, 300)}" is not an image reference.',
            code="bad-reference",
            next_step="Write it as registry/name:tag, in lower case, for example registry.example.com/team/model:1.",
        )
    return reference


def split_reference(reference: str) -> tuple[str, str, str]:
    """The registry, the repository in it, and the tag or digest of a reference.

    What names no registry is Docker Hub's, where a name of one part is in ``library``
    (github.com/distribution/reference, normalize.go).

    Raises:
        UsageError: See ``check_reference``.
    """
    path, at, digest = check_reference(reference).partition("@")
    first, slash, rest = path.partition("/")
    if not slash or (not re.search(r"[.:A-Z]", first) and first != "localhost"):
        first, rest = "docker.io", path
    repository, _, tag = rest.partition(":")
    if first in ("docker.io", "index.docker.io") and "/" not in repository:
        repository = f"library/{repository}"
    return first, repository, digest if at else tag or "latest"
