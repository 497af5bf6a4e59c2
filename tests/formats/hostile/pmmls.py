"""PMML: what an XML document asks of its readers, encodings that they know differently, and what is no model."""

from migrate.formats.pmml.model import read_pmml
from migrate.formats.pmml.structure import read_document
from tests.formats.hostile.base import HostileCase, Limit, example, lowered

_TREE = example("species-tree")["species-tree.pmml"].decode().replace("utf-8", "UTF-8", 1)
_AT = _TREE.index("<PMML")
_BODY = _TREE[_AT:]
_DECLARED = '<?xml version="1.0" encoding="UTF-8"?>'


def _case(
    word: str,
    refuses: str,
    content: str | bytes,
    reason: str,
    verdict: str = "unsupported",
    says: str = "",
    limits: tuple[Limit, ...] = (),
) -> HostileCase:
    data = content.encode() if isinstance(content, str) else content
    return HostileCase(f"pmml-{word}", refuses, {"m.pmml": data}, verdict, reason, says, limits=limits)


def _entities(word: str, refuses: str, content: str, says: str) -> HostileCase:
    return _case(word, refuses, content, "pmml-entities", "quarantined", says)


def _replaced(old: str, new: str) -> str:
    return _TREE.replace(old, new)


def _headed(element: str) -> str:
    """The good model with an element before its fields."""
    at = _TREE.index("<DataDictionary")
    return _TREE[:at] + f"<Extension>{element}</Extension>" + _TREE[at:]


def _limited(word: str, refuses: str, says: str, **limits: int) -> HostileCase:
    return _case(word, refuses, _TREE, "pmml-too-complex", says=says, limits=lowered(read_document, **limits))


_DERIVED = (
    "</DataDictionary><TransformationDictionary>"
    '<DerivedField name="d" optype="continuous" dataType="double"><Apply function="no.such.function"/></DerivedField>'
    "</TransformationDictionary>"
)
_INCLUDE = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude"/>'

_GROUPED = (
    '<PMML xmlns="http://www.dmg.org/PMML-4_3" version="4.3"><Header/><DataDictionary>'
    '<DataField name="id" optype="categorical" dataType="string"/>'
    '<DataField name="item" optype="categorical" dataType="string"/></DataDictionary>'
    '<AssociationModel functionName="associationRules" numberOfItems="0" numberOfItemsets="0" numberOfRules="0">'
    '<MiningSchema><MiningField name="id" usageType="group"/><MiningField name="item"/></MiningSchema>'
    "</AssociationModel></PMML>"
)

CASES = (
    _entities("doctype", "a document type", f"{_DECLARED}<!DOCTYPE PMML>{_BODY}", "declares a document type"),
    _entities(
        "entity", "an entity", f'{_DECLARED}<!DOCTYPE PMML [<!ENTITY a "words">]>{_BODY}', "declares a document type"
    ),
    _entities("include", "another file taken in", _headed(_INCLUDE), "takes in another file"),
    _entities(
        "include-deep", "the same, deep inside", _headed(f"<a><b><c>{_INCLUDE}</c></b></a>"), "takes in another file"
    ),
    _entities(
        "instruction", "an instruction for other programs", f"{_DECLARED}<?note words?>{_BODY}", "has an instruction"
    ),
    _entities("instruction-inside", "the same inside", _headed("<?note words?>"), "has an instruction"),
    _case(
        "function",
        "a function that is a class of the evaluator",
        _replaced("</DataDictionary>", _DERIVED),
        "pmml-function",
        "quarantined",
    ),
    _case("utf16", "UTF-16", _TREE.encode("utf-16"), "pmml-encoding", says="not in UTF-8"),
    _case("utf16-no-mark", "UTF-16 without its mark", _TREE.encode("utf-16-le"), "pmml-encoding", says="not in UTF-8"),
    _case("utf7", "the mark of UTF-7", b"+/v8-" + _TREE.encode(), "pmml-encoding", says="not in UTF-8"),
    _case(
        "declared",
        "another encoding by its declaration",
        _replaced("UTF-8", "UTF-7"),
        "pmml-encoding",
        says="says that it is in",
    ),
    _case("utf32", "UTF-32", _TREE.encode("utf-32-be"), "corrupt", "unreadable"),
    _case("cut", "a document that is cut", _replaced("</PMML>", ""), "truncated", "unreadable"),
    _case(
        "tags",
        "tags that do not match",
        _replaced("</DataDictionary>", "</Dictionary>"),
        "corrupt",
        "unreadable",
        "in line",
    ),
    _case("html", "a page instead of a model", "<html><body>words</body></html>", "not-pmml", "unreadable"),
    _case(
        "version",
        "a version that is not read",
        _replaced('version="4', 'version="5'),
        "unsupported-pmml",
        says="has the version",
    ),
    _case(
        "no-model",
        "a document without a model",
        _replaced("TreeModel", "OtherModel"),
        "unsupported-pmml",
        says="holds no model",
    ),
    _case(
        "transactions",
        "rules about several rows together",
        _GROUPED,
        "unsupported-pmml",
        says="several rows together",
    ),
    _case(
        "kind", "a model that is not scored", _replaced("TreeModel", "TextModel"), "unsupported-pmml", says="not scored"
    ),
    _case(
        "no-fields",
        "a model that takes nothing",
        _replaced(' invalidValueTreatment="asMissing"', ' usageType="supplementary"'),
        "unsupported-pmml",
        says="no active fields",
    ),
    _case(
        "undeclared",
        "a field that is not declared",
        _replaced('<DataField name="sepal_length"', '<DataField name="other"'),
        "corrupt",
        "unreadable",
        "does not declare",
    ),
    _case(
        "outputs",
        "more outputs than any model",
        _TREE,
        "unsupported-pmml",
        says="outputs",
        limits=lowered(read_pmml, _MAXIMUM_OUTPUTS=0),
    ),
    _limited("deep", "elements deeper than any model's", "deeper ones", MAXIMUM_DEPTH=3),
    _limited("elements", "more elements than any model", "more elements", MAXIMUM_ELEMENTS=9),
    _limited("tag", "a tag longer than any", "a tag of more than", _MAXIMUM_TAG=9, _CHUNK=16),
    _limited("fields", "more fields than any model", "more than 1 fields", _MAXIMUM_FIELDS=1),
    _limited("name", "a name longer than any", "a name or value of", _MAXIMUM_TEXT=3),
)
