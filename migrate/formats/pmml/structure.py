"""A PMML file's fields, read by an XML parser that knows no entities, no network and no other files.

Entities and inclusions are files and hosts that whoever wrote the document chose, so a document type, which only
entities need, is refused, and so is an encoding that another parser may read as something else.
"""

import re
from collections.abc import Callable
from typing import Final, Protocol
from xml.parsers import expat

from msgspec import Struct

from migrate.formats.reading.wire import Read

MAXIMUM_DEPTH: Final = 1000
MAXIMUM_ELEMENTS: Final = 20_000_000
_CHUNK: Final = 256 * 1024
_MAXIMUM_TEXT: Final = 4096
_MAXIMUM_VALUES: Final = 10_000
_MAXIMUM_FIELDS: Final = 100_000
_MAXIMUM_TAG: Final = 8 * 1024 * 1024
CHAINS: Final = frozenset({"modelChain", "multiModelChain", "x-multiModelChain"})
"""Methods by which the results of a model are what the next one takes; the last one's are those of the whole."""

_XINCLUDE: Final = "http://www.w3.org/2001/XInclude"
_EXPRESSIONS: Final = frozenset({"TextIndex", "Discretize", "MapValues", "Aggregate", "Lag", "NormContinuous"})
_CHAIN_PARTS: Final = frozenset({"Segmentation", "Segment", "Output", "OutputField"})
_MAXIMUM_PARTS: Final = 1000  # of the expressions of output fields
_ENCODINGS: Final = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1", "latin-1"})
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00<", b"<\x00", b"+/v")

MODELS: Final = frozenset(
    {
        *("AnomalyDetectionModel", "AssociationModel", "BayesianNetworkModel", "BaselineModel", "ClusteringModel"),
        *("GaussianProcessModel", "GeneralRegressionModel", "MiningModel", "NaiveBayesModel", "NearestNeighborModel"),
        *(
            "NeuralNetwork",
            "RegressionModel",
            "RuleSetModel",
            "Scorecard",
            "SequenceModel",
            "SupportVectorMachineModel",
        ),
        *("TextModel", "TimeSeriesModel", "TreeModel"),
    }
)


_END: Final = re.compile(rb"</(?:[\w.-]+:)?PMML\s*>")
# How a document ends that is cut: in a tag, or behind one.
_IN_TAG: Final = re.compile(rb">[^<>]*<[!?/]?(?:[A-Za-z_][\w.:-]*(?:\s[^<>]*)?)?\Z")
_BEHIND_TAG: Final = re.compile(rb">[^<>]*<(/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?/?>[^<>]*\Z")
_TAIL: Final = 2048  # bytes in which a document ends, with comments behind it


class PmmlError(Exception):
    """The document is not read.

    Attributes:
        code: ``corrupt``, ``truncated``, ``entities``, ``encoding`` or ``too-complex``.
    """

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(text)


class DataField(Struct):
    """A field of the data dictionary. ``intervals`` are pairs of margins; ``values`` are the valid ones."""

    name: str
    data_type: str
    values: list[str]
    intervals: list[tuple[str, str]]
    optype: str = ""


class Element(Struct):
    """An element of an expression: its name, attributes, parts and text."""

    name: str
    attributes: dict[str, str]
    parts: list["Element"] = []
    text: str = ""


class Model(Struct):
    """A model element: its name, function, mining fields (name and usage) and output fields (their attributes).

    ``expressions`` are those of output fields, by name. ``method`` is how its segments become one result; ``nested``
    are the output fields of the last model of a chain, which are results of the chain; ``verified`` is whether it
    carries rows and results (``verification.py``).
    """

    element: str
    function: str
    scorable: bool
    mining: list[tuple[str, str]]
    outputs: list[dict[str, str]]
    expressions: dict[str, Element] = {}
    method: str = ""
    nested: list[dict[str, str]] = []
    verified: bool = False


class Document(Struct):
    """What a PMML document declares.

    ``derived`` are the types of derived fields, by name; ``called`` the functions of all expressions; ``used`` the
    expressions other than functions.
    """

    root: str = ""
    namespace: str = ""
    version: str = ""
    fields: list[DataField] = []
    models: list[Model] = []
    foreign: list[str] = []
    derived: dict[str, str] = {}
    called: list[str] = []
    used: list[str] = []


def read_document(read: Read, size: int) -> Document:
    """Read a PMML document.

    Raises:
        PmmlError: It is not well-formed, or has what a model needs not.
    """
    _check_encoding(read)
    reader = _Reader()
    parse(read, size, reader)
    # to an evaluator a name with dots that is no function of the document is a class of Java
    reader.document.foreign = sorted(name for name in reader.called - reader.defined if "." in name)
    reader.document.called = sorted(reader.called - reader.defined)
    reader.document.used = sorted(reader.used)
    return reader.document


def check_end(read: Read, size: int) -> None:
    """What the first and the last bytes tell of a document that is too large to be read whole.

    Raises:
        PmmlError: It is not in UTF-8, or it is cut.
    """
    _check_encoding(read)
    tail = read(max(0, size - _TAIL), _TAIL)
    if not _END.search(tail) and _is_cut(tail):
        raise PmmlError("truncated", "its last element is not closed")


def _is_cut(tail: bytes) -> bool:
    """Whether a document that is whole up to here would end so; a changed byte in its last tag makes another end."""
    if _IN_TAG.search(tail):
        return True
    last = _BEHIND_TAG.search(tail)
    if last is None:
        return False
    is_end, name = last.groups()
    return not is_end or re.search(rb"<" + re.escape(name) + rb"[\s/>]", tail) is not None


def _check_encoding(read: Read) -> None:
    if read(0, 4).startswith(_MARKS):
        raise PmmlError("encoding", "it is not in UTF-8")


class Handler(Protocol):
    """What follows the elements of a document."""

    depth: int

    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        """An element begins; its name has its namespace and a space before it."""

    def end(self, qualified: str) -> None:
        """It ends."""

    def text(self, data: str) -> None:
        """A part of its text."""


def parse(read: Read, size: int, reader: Handler) -> None:
    """Follow the elements of a PMML document.

    Raises:
        PmmlError: It is not well-formed, or has what a model needs not.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.XmlDeclHandler = _declaration
    parser.StartDoctypeDeclHandler = _refuse("entities", "it declares a document type, which only entities need")
    parser.ProcessingInstructionHandler = _refuse("entities", "it has an instruction for other programs")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    at = 0
    try:
        while at < size:
            data = read(at, _CHUNK)
            if not data:
                break
            parser.Parse(data, False)
            at += len(data)
            if at - parser.CurrentByteIndex > _MAXIMUM_TAG:
                raise PmmlError("too-complex", f"it has a tag of more than {_MAXIMUM_TAG} bytes")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        text = f"{expat.ErrorString(error.code)} in line {error.lineno}"
        is_cut = error.code in (_NO_ELEMENTS, _UNCLOSED) or (reader.depth > 0 and at >= size)
        raise PmmlError("truncated" if is_cut else "corrupt", text) from None


def _declaration(_: str, encoding: str | None, __: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise PmmlError("encoding", f"it says that it is in {encoding[:40]!r}")


_NO_ELEMENTS: Final = expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]
_UNCLOSED: Final = expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]


def _refuse(code: str, text: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise PmmlError(code, text)

    return refuse


class _Chain:
    """Follows the elements to the output fields of the last model of a chain, or of a chain at the end of it.

    A chain's ``Segmentation`` lies 3 levels below that of the chain around it.
    """

    def __init__(self) -> None:
        self.found: list[tuple[int, dict[str, str]]] = []
        self._chains = 0
        self._is_output = False

    def start(self, depth: int, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        below = depth - 3 * self._chains
        if name == "Segmentation" and below == 3 and attributes.get("multipleModelMethod") in CHAINS:
            self._chains += 1
        elif not self._chains:
            return
        elif name == "Segment" and below == 1:  # the one before it was not the last
            self.found = [(level, field) for level, field in self.found if level < self._chains]
        elif name == "Output" and below == 3:
            self._is_output = True
        elif name == "OutputField" and below == 4 and self._is_output and len(self.found) < _MAXIMUM_FIELDS:
            self.found.append((self._chains, {key: _short(value) for key, value in attributes.items()}))

    def end(self, depth: int) -> None:
        """An element ends."""
        if depth == 3 * self._chains:
            self._chains -= 1
        elif depth == 3 * self._chains + 3:
            self._is_output = False


class _Reader:
    """Follows the elements of a document; only the first levels matter, but for chains."""

    def __init__(self) -> None:
        self.document = Document()
        self.depth = 0
        self._elements = 0
        self._held = 0
        self.called: set[str] = set()
        self.defined: set[str] = set()
        self.used: set[str] = set()
        self._stack: list[Element] = []  # from the expression of an output field to where the reader is
        self._parts = 0
        self._path: list[str] = []
        self._chain = _Chain()

    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self._elements += 1
        if self.depth > MAXIMUM_DEPTH or self._elements > MAXIMUM_ELEMENTS:
            raise PmmlError("too-complex", "it has more elements, or deeper ones, than any model")
        namespace, _, name = qualified.rpartition(" ")
        if namespace == _XINCLUDE:
            raise PmmlError("entities", "it takes in another file (XInclude)")
        self._anywhere(name, attributes)
        if name in _CHAIN_PARTS:
            self._chain.start(self.depth, name, attributes)
        if self.depth > 4:
            self._expression(name, attributes)
            return
        del self._path[self.depth - 1 :]
        self._path.append(name)
        if self.depth == 1:
            self.document.root, self.document.namespace = name, namespace
            self.document.version = attributes.get("version", "")
        elif self._held > _MAXIMUM_FIELDS:
            raise PmmlError("too-complex", f"it declares more than {_MAXIMUM_FIELDS} fields and values")
        elif self.depth == 2 and name in MODELS:
            self._held += 1
            scorable = attributes.get("isScorable", "true") != "false"
            self.document.models.append(Model(name, attributes.get("functionName", ""), scorable, [], []))
        elif self._path[1] == "DataDictionary":
            self._data(name, attributes)
        elif self.depth == 4 and self._path[1] in MODELS:
            self._model(name, attributes)
        elif self.depth == 3 and self._path[1] in MODELS:
            model = self.document.models[-1]
            model.method = attributes.get("multipleModelMethod", "") if name == "Segmentation" else model.method
            model.verified = model.verified or name == "ModelVerification"

    def _anywhere(self, name: str, attributes: dict[str, str]) -> None:
        """What counts at any depth."""
        if name == "Apply":
            self.called.add(_short(attributes.get("function", "")))
        elif name == "DefineFunction":
            self.defined.add(_short(attributes.get("name", "")))
        elif name in _EXPRESSIONS:
            self.used.add(name)
        elif name == "DerivedField" and len(self.document.derived) < _MAXIMUM_FIELDS:
            self.document.derived[_short(attributes.get("name", ""))] = _short(attributes.get("dataType", ""))

    def end(self, qualified: str) -> None:
        """An element ends."""
        del qualified
        if len(self._stack) > self.depth - 5:
            del self._stack[max(self.depth - 5, 0) :]
        self._chain.end(self.depth)
        if self.depth == 2 and self.document.models and not self.document.models[-1].nested:
            self.document.models[-1].nested = [field for _, field in self._chain.found]
            self._chain = _Chain()
        self.depth -= 1

    def text(self, data: str) -> None:
        """The text of an element, which matters in constants of expressions."""
        if self._stack and len(self._stack[-1].text) < _MAXIMUM_TEXT:
            self._stack[-1].text += data

    def _expression(self, name: str, attributes: dict[str, str]) -> None:
        """An element inside an output field of the model."""
        inside = self._path[1] in MODELS and self._path[2:] == ["Output", "OutputField"] and self.document.models
        if not inside or self._parts >= _MAXIMUM_PARTS or len(self._stack) != self.depth - 5:
            return
        self._parts += 1
        element = Element(name, {key: _short(value) for key, value in attributes.items()})
        model = self.document.models[-1]
        if self._stack:
            self._stack[-1].parts.append(element)
        elif model.outputs and name != "Extension":
            model.expressions.setdefault(model.outputs[-1].get("name", ""), element)
        self._stack.append(element)

    def _data(self, name: str, attributes: dict[str, str]) -> None:
        self._held += 1
        fields = self.document.fields
        if self.depth == 3 and name == "DataField":
            kind, optype = (_short(attributes.get(key, "")) for key in ("dataType", "optype"))
            fields.append(DataField(_short(attributes.get("name", "")), kind, [], [], optype))
        elif self.depth == 4 and self._path[2] == "DataField" and fields:
            if name == "Value" and attributes.get("property", "valid") == "valid":
                if len(fields[-1].values) < _MAXIMUM_VALUES:
                    fields[-1].values.append(_short(attributes.get("value", "")))
            elif name == "Interval":
                margins = (_short(attributes.get("leftMargin", "")), _short(attributes.get("rightMargin", "")))
                fields[-1].intervals.append(margins)

    def _model(self, name: str, attributes: dict[str, str]) -> None:
        self._held += 1
        model = self.document.models[-1]
        if self._path[2] == "MiningSchema" and name == "MiningField":
            model.mining.append((_short(attributes.get("name", "")), attributes.get("usageType", "active")))
        elif self._path[2] == "Output" and name == "OutputField":
            model.outputs.append({key: _short(value) for key, value in attributes.items()})


def _short(text: str) -> str:
    if len(text) > _MAXIMUM_TEXT:
        raise PmmlError("too-complex", f"a name or value of {len(text)} characters")
    return text
