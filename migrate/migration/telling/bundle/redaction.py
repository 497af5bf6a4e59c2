"""What is taken out of a bundle, and what stands in its place.

Nothing gets into a bundle but through a method here, and each lets one kind of thing pass: a word of a known set, a
number, a time, a query id. Everything else becomes a pseudonym, or is left out.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from migrate.contract import contract
from migrate.core.secret import redact
from migrate.migration.telling.bundle.vocabulary import words

LONGEST: Final = 600  # characters of a line that are looked at
UNSHOWN: Final = "(another word)"

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")
# Cluster, service, time, process and number of a request, all but the first two in hexadecimal digits.
_QUERY_ID: Final = re.compile(r"(?:EU|CA|US)\.[a-z]{2,6}-[0-9]{1,3}(?:\.[0-9a-f]{1,32}){2,4}")
_VERSION: Final = re.compile(r"\d{1,5}(?:\.\d{1,5}){1,3}(?:(?:a|b|rc|\.dev|\.post)\d{1,4})?")
_CHUNK: Final = re.compile(r"\s+|\S+")
_EDGE: Final = "\"'`()[]{}<>,.;:!?…*|"
_BEFORE_A_SECRET: Final = frozenset(
    {"password", "passwd", "token", "secret", "key", "bearer", "basic", "authorization"}
)


class Rule(Struct, frozen=True, kw_only=True):
    """A rule: what it is about, and what stands in the place of what it takes out."""

    name: str
    about: str
    instead: str


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule(name="name", about="names and ids of the customer's and of the cloud", instead="a pseudonym"),
            Rule(
                name="word", about="words of messages and logs that are not in the list of known ones", instead="word-N"
            ),
            Rule(name="secret", about="values that this process knows as secrets", instead="nothing"),
            Rule(name="number", about="numbers of messages and logs that are no HTTP status or exit code", instead="#"),
            Rule(name="value", about="requests, answers and values of tensors", instead="nothing"),
            Rule(name="text", about="texts with commands to type, and files' paths", instead="the code's explanation"),
            Rule(
                name="form",
                about="what should have been a time, a version, a state or an id, and is not",
                instead="nothing",
            ),
            Rule(name="unread", about="what the journal holds and this release cannot read", instead="nothing"),
            Rule(
                name="long",
                about="ends of lines beyond 600 characters, and lines beyond the last 50",
                instead="nothing",
            ),
        )
    }
)


class Redactor:
    """Lets pass what may, gives the rest its pseudonyms, and counts what was taken out by each rule.

    Attributes:
        removed: How often each rule was used.
    """

    def __init__(self) -> None:
        self.removed: Counter[str] = Counter()
        self._names: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        self._pattern: re.Pattern[str] | None = None

    @property
    def names(self) -> dict[str, str]:
        """Each pseudonym with what it stands for, for whoever makes the bundle; words of logs are left out."""
        shown: dict[str, str] = {}
        for name, pseudonym in self._names.items():
            if not pseudonym.startswith("word-"):
                shown.setdefault(pseudonym, name)
        return shown

    def know(self, kind: str, name: str | None, *others: str) -> None:
        """Gives a name its pseudonym before texts are looked at; ``others`` are further spellings of the same."""
        if not name:
            return
        pseudonym = self._pseudonym(kind, name)
        for other in others:
            if other and other not in self._names:
                self._names[other] = pseudonym
                self._pattern = None

    def name(self, kind: str, name: str | None) -> str:
        """The pseudonym of a name; empty for none."""
        if not name:
            return ""
        self.removed["name"] += 1
        return self._pseudonym(kind, name)

    def word(self, text: str | None, known: Collection[str]) -> str:
        """A word of a known set."""
        if not text:
            return ""
        if text in known:
            return text
        self.removed["form"] += 1
        return UNSHOWN

    def time(self, text: str | None) -> str:
        """A time."""
        return self._of_form(text, _TIME)

    def query_id(self, text: str | None) -> str:
        """A query id of OVHcloud's."""
        return self._of_form(text, _QUERY_ID)

    def version(self, text: str | None) -> str:
        """A version."""
        return self._of_form(text, _VERSION)

    def path(self, template: str) -> str:
        """A path of the API as its description has it."""
        return self.word(template, contract().paths)

    def magnitude(self, number: float | None) -> str:
        """A number's order of magnitude, which tells how bad a difference is and no value."""
        if number is None:
            return ""
        self.removed["value"] += 1
        if math.isnan(number) or math.isinf(number):
            return str(number)
        return "0" if number == 0 else f"about 1e{math.floor(math.log10(abs(number))):+03d}"

    def leave_out(self, rule: str, count: int = 1) -> None:
        """Counts what is not even looked at."""
        if count:
            self.removed[rule] += count

    def text(self, text: str | None) -> str:
        """A line of a log or of a message: its known words, and pseudonyms for names and for all other words."""
        if not text:
            return ""
        clean = redact(text)
        if clean != text:
            self.removed["secret"] += 1
        if len(clean) > LONGEST:
            self.removed["long"] += 1
            clean = clean[:LONGEST].rpartition(" ")[0]  # half a word is none
        parts: list[str] = []
        position = 0
        for found in self._known().finditer(clean):
            parts += self._words(clean[position : found.start()])
            parts.append(self.name("name", self._spelling(found.group())))
            position = found.end()
        parts += self._words(clean[position:])
        return " ".join("".join(parts).split())

    def _words(self, text: str) -> list[str]:
        parts: list[str] = []
        expecting = False  # a secret, because of the word before
        for chunk in _CHUNK.findall(text):
            if chunk.isspace():
                parts.append(" ")
                continue
            bare = chunk.strip(_EDGE)
            known = bare.casefold() in words() and chunk.isascii()
            if (known or not bare) and not expecting:
                parts.append(chunk if chunk.isascii() else "?")
            elif bare.replace(".", "").replace(",", "").lstrip("-+").isdecimal() and not expecting:
                self.removed["number"] += 1
                parts.append("#")
            else:
                self.removed["word"] += 1
                parts.append(self._pseudonym("word", chunk))
            expecting = bool(bare) and bare.casefold() in _BEFORE_A_SECRET and chunk.rstrip().endswith((":", "="))
            expecting = expecting or bare.casefold() in {"bearer", "basic"}
        return parts

    def _pseudonym(self, kind: str, name: str) -> str:
        if name not in self._names:
            self._numbers[kind] += 1
            self._names[name] = f"{kind}-{self._numbers[kind]}"
            if kind != "word":
                self._pattern = None
        return self._names[name]

    def _known(self) -> re.Pattern[str]:
        if self._pattern is None:
            names = [name for name, pseudonym in self._names.items() if not pseudonym.startswith("word-")]
            ordered = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
            self._pattern = (
                re.compile(rf"(?<!\w)(?:{ordered})(?!\w)", re.IGNORECASE) if ordered else re.compile(r"(?!)")
            )
        return self._pattern

    def _spelling(self, found: str) -> str:
        """A known name as it was first spelled."""
        if found in self._names:
            return found
        return next((name for name in self._names if name.casefold() == found.casefold()), found)

    def _of_form(self, text: str | None, form: re.Pattern[str]) -> str:
        if not text:
            return ""
        if form.fullmatch(text) and redact(text) == text:
            return text
        self.removed["form"] += 1
        return ""
