"""What a request sends and what its answer shall be: Content-Type and Accept as the old runtime read them."""

import re
from dataclasses import dataclass
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache
from typing import Final, Literal

from migrate.server.errors import HttpError, bad_request

Form = Literal["named", "rows", "columns"]
"""The form of a JSON body and of its answer: the old one, or TensorFlow Serving's by row or by column."""

CONSUMED: Final = frozenset({"application/json", "multipart/form-data", "image/png", "image/jpeg"})
PRODUCED: Final = ("application/json", "text/html", "multipart/form-data", "image/png", "image/jpeg")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Families of names that hold all those of Java 17 that Python does not know; what such a name says does not matter, for
# bodies were always read by what they hold.
_JAVA_CHARSET: Final = re.compile(
    r"(?:cs-?|x-)?(?:ansi|ascii|big5|ccsid|cesu|cns|cp|default|ebcdic|euc|extended_unix|gb|halfwidth|hz|ibm|iscii|iso|jis"
    r"|johab|koi|ks|latin|mac|ms|pc|shift|sjis|st_sev|sun_eu|tis|unicode|us-|utf|windows|x0|8859)[\w.:+()-]*|\d+[a-z]?",
    re.ASCII | re.IGNORECASE,
)
_PYTHONS_CHARSETS: Final = frozenset({*aliases, *aliases.values()})
_STAR: Final = "*"  # Java's own client sends it, and nothing was ever produced for it
_ANY_JSON: Final = frozenset({"application/json", "*/*"})
_SUPPORTED: Final = frozenset({*PRODUCED, "*/*", "image/*"})


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type in lower case with its parameters; parameter names keep their case."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str | None:
        """The value of a parameter by its name in any case."""
        return next((value for key, value in self.parameters if key.lower() == name), None)


JSON_BODY: Final = MediaType("application/json")


@lru_cache(maxsize=256)
def content_type_of(header: str | None) -> MediaType:
    """The type of a request's body.

    Raises:
        HttpError: 415, when it is missing, broken or none that ``/eval`` reads.
    """
    parsed = parse_media_type(header) if header else None
    if parsed is None or parsed.name not in CONSUMED:
        raise HttpError(
            415, "RESTEASY003065: Cannot consume content type", f"send one of {', '.join(sorted(CONSUMED))}"
        )
    charset = parsed.parameter("charset")
    if charset and not _is_charset(charset):
        raise HttpError(415, "RESTEASY003065: Cannot consume content type", f"unknown charset {charset}")
    return parsed


def _is_charset(name: str) -> bool:
    # codecs.lookup would keep every name that it does not know, for ever.
    return _JAVA_CHARSET.fullmatch(name) is not None or normalize_encoding(name).lower() in _PYTHONS_CHARSETS


@lru_cache(maxsize=256)
def accepted(header: str | None, produced: tuple[str, ...]) -> tuple[MediaType, ...]:
    """The elements of an Accept header; empty for a missing or empty header.

    Raises:
        HttpError: 406, when no element fits any produced type.
    """
    if header is None or not header.strip():
        return ()
    elements = tuple(parsed for text in _split(header, ",") if (parsed := parse_media_type(text)) is not None)
    if not any(_fits(element.name, name) for element in elements for name in produced):
        raise HttpError(406, "RESTEASY003635: No match for accept header", f"this answers {', '.join(produced)}")
    return elements


def answer_type(header: str | None) -> MediaType:
    """The form of an evaluation's answer: the first element that can be produced; q values do not matter.

    Raises:
        HttpError: 400, when only vague elements such as ``text/*`` fit.
    """
    elements = accepted(header, PRODUCED)
    if not elements:
        return JSON_BODY
    for element in elements:
        if element.name in _ANY_JSON:
            return JSON_BODY
        if element.name == "image/*":
            return MediaType("image/png", element.parameters)
        if element.name in _SUPPORTED:
            return element
    raise bad_request(f"Accept header '{header}' not supported...")


def parse_media_type(text: str) -> MediaType | None:
    """A media type, or None for what is none. Values in quotes may hold anything; a parameter may have none."""
    name, *parameters = _split(text, ";")
    kind, slash, subtype = name.strip().partition("/")
    is_star = name.strip() == _STAR
    if not is_star and (not slash or not _TOKEN.fullmatch(kind) or not _TOKEN.fullmatch(subtype)):
        return None
    found = []
    for parameter in parameters:
        key, equals, value = parameter.strip().partition("=")
        if key or equals:
            found.append((_unquoted(key.strip()), _unquoted(value.strip())))
    return MediaType(_STAR if is_star else f"{kind}/{subtype}".lower(), tuple(found))


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _split(text: str, mark: str) -> list[str]:
    """Split at a mark outside of quotes."""
    if '"' not in text:
        return text.split(mark)
    parts, start, quoted, escaped = [], 0, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == mark and not quoted:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _fits(element: str, name: str) -> bool:
    if element == _STAR:
        return True
    kind, _, subtype = element.partition("/")
    wanted, _, exact = name.partition("/")
    return kind in {"*", wanted} and subtype in {"*", exact}
