"""The XML of a PMML file without anything that makes a parser look elsewhere."""

import io
from pathlib import Path
from typing import Any, NoReturn
from xml.sax import SAXException, make_parser
from xml.sax.handler import feature_external_ges, feature_external_pes, property_lexical_handler
from xml.sax.saxutils import XMLGenerator

from migrate.server.model_engine import ContradictionError


def sanitised(path: Path) -> str:
    """The XML of a file, read here and written anew.

    Raises:
        ContradictionError: When it declares a document type (entities need one), or is no XML.
    """
    text = io.StringIO()
    parser = make_parser()  # noqa: S317 - document types, and so entities, are refused below
    parser.setFeature(feature_external_ges, False)
    parser.setFeature(feature_external_pes, False)
    parser.setContentHandler(_Writer(text, encoding="utf-8", short_empty_elements=True))
    parser.setProperty(property_lexical_handler, _NoDocumentType())
    try:
        with path.open("rb") as file:
            parser.parse(file)
    except (SAXException, OSError, UnicodeError, LookupError) as error:
        raise ContradictionError(f"{path.name} cannot be read: {error}") from error
    # A declaration of an encoding would be untrue of text.
    return text.getvalue().partition("?>")[2]


class _Writer(XMLGenerator):
    """Writes the elements anew, with the namespace of their version where the file declares none: JPMML needs one."""

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - SAX names it
        if name == "PMML" and "xmlns" not in attrs:
            version = "_".join(attrs.get("version", "").split(".")[:2])
            attrs = {**attrs, "xmlns": f"http://www.dmg.org/PMML-{version}"}
        super().startElement(name, attrs)


class _NoDocumentType:
    """A lexical handler that refuses a document type declaration and passes over everything else."""

    def startDTD(self, *_: object) -> NoReturn:  # noqa: N802 - SAX names it
        raise ContradictionError("a PMML file that declares a document type or entities is not loaded")

    def _pass(self, *_: object) -> None:
        """Comments and the edges of CDATA sections say nothing to a model."""

    endDTD = comment = startCDATA = endCDATA = _pass  # noqa: N815 - SAX names them
