"""PMML: what an XML document makes its readers do (PMML4S 1.5.8 and JPMML before 1.4.3 did)."""

from tests.formats.hostile.base import HostileCase, example

_TREE = example("species-tree")["species-tree.pmml"].decode().replace("utf-8", "UTF-8", 1)
_AT = _TREE.index("<PMML")
_HEAD, _BODY = _TREE[:_AT], _TREE[_AT:]
_DECLARED = '<?xml version="1.0" encoding="UTF-8"?>'


def _case(
    word: str, weakness: str, content: str | bytes, verdict: str = "quarantined", reason: str = "pmml-entities"
) -> HostileCase:
    data = content.encode() if isinstance(content, str) else content
    return HostileCase(f"pmml-{word}", weakness, {"m.pmml": data}, verdict, reason)


def _typed(declaration: str) -> str:
    return f"{_DECLARED}<!DOCTYPE PMML {declaration}>{_BODY}"


def _inside(element: str) -> str:
    """The good model with something in its header."""
    return _TREE.replace("</Header>", f"{element}</Header>") if "</Header>" in _TREE else _headed(element)


def _headed(element: str) -> str:
    at = _TREE.index("<DataDictionary")
    return _TREE[:at] + f"<Extension>{element}</Extension>" + _TREE[at:]


_BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
_APPLY = '<Apply function="com.acme.Runner"><Constant>1</Constant></Apply>'
_DERIVED = (
    '<TransformationDictionary><DerivedField name="d" optype="continuous" dataType="double">'
    f"{_APPLY}</DerivedField></TransformationDictionary>"
)


CASES = (
    _case("entity", "an external entity reads a file (XXE)", _typed('[<!ENTITY x SYSTEM "file:///etc/passwd">]')),
    _case(
        "entity-host", "an external entity asks a host (SSRF)", _typed('[<!ENTITY x SYSTEM "http://169.254.169.254/">]')
    ),
    _case("entity-parameter", "a parameter entity", _typed('[<!ENTITY % x SYSTEM "http://a.example/x.dtd"> %x;]')),
    _case("bomb", "a billion laughs", _typed(f'[<!ENTITY a0 "ha">{_BOMB}]')),
    _case("quadratic", "one long entity, many times", _typed(f'[<!ENTITY a "{"a" * 100_000}">]')),
    _case("dtd", "an external document type", _typed('SYSTEM "http://a.example/pmml.dtd"')),
    _case("public", "a public document type", _typed('PUBLIC "-//X" "http://a.example/pmml.dtd"')),
    _case(
        "xinclude",
        "XInclude takes another file in",
        _inside('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'),
    ),
    _case(
        "xinclude-deep",
        "the same, deep inside",
        _inside("<a><b><c>" + '<include xmlns="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>' + "</c></b></a>"),
    ),
    _case(
        "instruction",
        "an instruction for other programs (a style sheet)",
        f'{_DECLARED}<?xml-stylesheet href="http://a.example/x.xsl"?>{_BODY}',
    ),
    _case("instruction-inside", "the same inside", _inside('<?php system("id")?>')),
    _case(
        "function",
        "a function that is the name of a Java class (JPMML loads it)",
        _TREE.replace("<DataDictionary", "<Extension/><DataDictionary").replace(
            "</DataDictionary>", f"</DataDictionary>{_DERIVED}"
        ),
        reason="pmml-function",
    ),
    _case(
        "utf16",
        "UTF-16, in which a filter does not see the entity",
        _typed('[<!ENTITY x SYSTEM "file:///etc/passwd">]').encode("utf-16"),
        "unsupported",
        "pmml-encoding",
    ),
    _case(
        "utf16-no-mark",
        "the same without its mark",
        _typed('[<!ENTITY x SYSTEM "file:///etc/passwd">]').replace("UTF-8", "UTF-16LE").encode("utf-16-le"),
        "unsupported",
        "pmml-encoding",
    ),
    _case("utf7", "UTF-7 by its mark", b"+/v8-" + _TREE.encode("utf-7"), "unsupported", "pmml-encoding"),
    _case("utf7-declared", "UTF-7 by its declaration", _TREE.replace("UTF-8", "UTF-7"), "unsupported", "pmml-encoding"),
    _case("utf32", "UTF-32", _TREE.encode("utf-32-be"), "unreadable", "corrupt"),
    _case("ebcdic", "EBCDIC", _TREE.encode("cp037"), "unreadable", "corrupt"),
    _case(
        "declared-other",
        "an encoding that readers know differently",
        _TREE.replace("UTF-8", "x-mac-roman"),
        "unsupported",
        "pmml-encoding",
    ),
    _case(
        "deep",
        "more levels than a reader's stack",
        _inside("<Extension>" * 5000 + "</Extension>" * 5000),
        "unsupported",
        "pmml-too-complex",
    ),
    _case("html", "a page instead of a model", "<html><body>404</body></html>", "unreadable", "not-pmml"),
)
