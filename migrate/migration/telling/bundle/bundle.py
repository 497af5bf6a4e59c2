"""A bundle: plain text files about one source in a ZIP archive that is the same for the same facts."""

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from migrate.core.looking import BundleFile, Removed
from migrate.core.options.sources import Typed
from migrate.core.text import printable
from migrate.migration.run.journals import find_journal
from migrate.migration.run.workspace import Workspace
from migrate.migration.telling.bundle import content
from migrate.migration.telling.bundle.content import Facts
from migrate.migration.telling.bundle.known import learn_names
from migrate.migration.telling.bundle.redaction import RULES, Redactor
from migrate.ovhcloud.call_log import read_commands

_FILES: Final[tuple[tuple[str, str, Callable[[Facts, Redactor], Iterator[str]]], ...]] = (
    ("summary.txt", "each model: how it ended, whose that is, at which step, and the evidence", content.summary),
    ("versions.txt", "releases, system, and which variables are set, without their values", content.versions),
    ("runs.txt", "the commands that wrote to the journal", content.runs),
    ("steps.txt", "which steps have a value, without the values", content.steps),
    ("effects.txt", "what was made outside this machine", content.effects),
    ("events.txt", "what was told during the runs", content.events),
    ("calls.txt", "the calls of OVHcloud's API, with the query ids by which its support finds them", content.calls),
)
_MADE: Final = (1980, 1, 1, 0, 0, 0)  # the first time that a ZIP archive can say

_README: Final = """A case of migrate, for support. It was made by `migrate bundle` and sent by nobody but you.

It is made of fields that are known to be harmless, not of everything less what is known to be secret. There are no
values, requests, answers, credentials or files of models in it. Names and ids are pseudonyms, which are numbered in
the order of their use, are the same in all files, and can be undone only by whoever has the journal:
`migrate bundle SOURCE --explain` lists them there. Of messages and logs only known words are kept; each other word is
word-N, a number is #.

{files}
Read summary.txt first.
"""


class Bundle(Struct, frozen=True, kw_only=True):
    """A bundle.

    Attributes:
        files: Its files.
        texts: Their content, by name.
        removed: What was taken out, by rule.
        names: Each pseudonym with what it stands for; this is not in the files.
    """

    files: tuple[BundleFile, ...]
    texts: Mapping[str, str]
    removed: tuple[Removed, ...]
    names: Mapping[str, str]

    def archive(self) -> bytes:
        """The ZIP archive."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in self.files:
                member = zipfile.ZipInfo(file.name, _MADE)
                member.compress_type = zipfile.ZIP_DEFLATED
                member.create_system = 3  # the same on every system
                member.external_attr = 0o600 << 16
                archive.writestr(member, self.texts[file.name])
        return target.getvalue()


def make_bundle(typed: Typed, workspace: Workspace, *, environ: Mapping[str, str]) -> Bundle:
    """The bundle of a source; nobody is asked.

    Raises:
        UsageError: Nothing is known of the source.
        LocalError: Its journal cannot be read.
    """
    opened = find_journal(workspace, typed, environ=environ)
    redactor = Redactor()
    with contextlib.closing(opened.journal) as journal:
        learn_names(redactor, opened)
        facts = Facts(journal=journal, commands=read_commands(workspace.calls, journal.id), environ=environ)
        texts = {name: "".join(f"{_line(one)}\n" for one in lines(facts, redactor)) for name, _, lines in _FILES}
    removed = tuple(
        Removed(rule=rule.name, about=rule.about, instead=rule.instead, times=redactor.removed[rule.name])
        for rule in RULES.values()
    )
    texts["removed.txt"] = "".join(f"{one.times:>7}  {one.about}: {one.instead} instead\n" for one in removed)
    about = {name: text for name, text, _ in _FILES} | {"removed.txt": "what was taken out, by rule"}
    listed = "".join(f"{name:<13} {text}\n" for name, text in about.items())
    texts = {"README.txt": _README.format(files=listed), **texts}
    about = {"README.txt": "what the files are, and how names were replaced", **about}
    files = tuple(BundleFile(name=name, size=len(text), about=about[name]) for name, text in texts.items())
    return Bundle(files=files, texts=texts, removed=removed, names=redactor.names)


def _line(text: str) -> str:
    """A line of ASCII alone: no escape sequence, and no mark that reorders what is read."""
    return printable(text, 4000).encode("ascii", "backslashreplace").decode()
