"""The software bill of materials of an image: CycloneDX 1.6, as JSON."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from migrate.core.model_json import content_of
from migrate.core.names import digest_of, slug
from migrate.images.attestation.debian import debian_packages, system_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migrate.core.model_json import Field
    from migrate.core.values import ArtifactFile
    from migrate.images.attestation.debian import DebianPackage, System
    from migrate.images.attestation.lock import Wheel
    from migrate.images.attestation.made_of import BasePart, MadeOf, ModelPart, Subject

MEDIA_TYPE: Final = "application/vnd.cyclonedx+json"
TOOL: Final = "mlserving-migrate"

_PREFIX: Final = TOOL  # of the names of properties
_NOT_LOOKED: Final = "unknown: nobody looked into the base image"
_NO_STATUS: Final = "unknown: the base image has no /var/lib/dpkg/status"


def sbom(made_of: MadeOf) -> bytes:
    """The document: equal bytes for equal parts, on any machine.

    The serial number is a UUID of version 5 over the digest of the image, so another image has another one. Fields of
    the specification: https://cyclonedx.org/docs/1.6/json/.
    """
    root = _root(made_of.subject)
    models = [_model(model) for model in made_of.models]
    metadata = BomMetaData(
        component=root,
        tools=ToolRepository(
            components=[
                Component(
                    type=ComponentType.APPLICATION,
                    name=TOOL,
                    version=made_of.tool_version,
                    bom_ref="tool",
                    purl=PackageURL("pypi", name=TOOL, version=made_of.tool_version),
                )
            ]
        ),
        properties=_properties(
            platform=made_of.platform,
            runtime=made_of.runtime,
            packages="by their dist-info" if made_of.wheels_read else "by the lock alone: their folder is gone",
        ),
        timestamp=datetime.fromtimestamp(made_of.created or 0, UTC),
    )
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{TOOL}:{made_of.subject.digest}"),
        metadata=metadata,
        components=models,
    )
    bom.register_dependency(root, models)
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    if made_of.created is None:
        del document["metadata"]["timestamp"]  # the library always has one
    _add_cards(document, made_of.models)
    _add_shared(document, json.loads(_shared(made_of.base, made_of.wheels, made_of.server, made_of.tool_version)))
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


@lru_cache(maxsize=16)
def _shared(base: BasePart, wheels: tuple[Wheel, ...], server: str, tool_version: str) -> str:
    """What all images of a runtime hold, as a document of its own: made once, for the library takes its time."""
    parts = [
        Component(
            type=ComponentType.APPLICATION,
            name=f"{TOOL}-server",
            version=tool_version,
            bom_ref="server",
            licenses=[LicenseFactory().make_from_string("Apache-2.0")],
            properties=_properties(code=server),
        ),
        *map(_wheel, wheels),
        *_of_base(base),
    ]
    return JsonV1Dot6(Bom(components=parts)).output_as_string()


def _add_shared(document: dict[str, Any], shared: dict[str, Any]) -> None:
    """Joins two documents: the components of both, and the image depends on all of them."""
    refs = sorted(component["bom-ref"] for component in (*document["components"], *shared["components"]))
    for name, key in (("components", "bom-ref"), ("dependencies", "ref")):
        document[name] = sorted((*document[name], *shared[name]), key=itemgetter(key))
    for dependency in document["dependencies"]:
        if dependency["ref"] == document["metadata"]["component"]["bom-ref"]:
            dependency["dependsOn"] = refs


def _root(subject: Subject) -> Component:
    name, _, tag = subject.name.rpartition(":") if ":" in subject.name.rpartition("/")[2] else (subject.name, "", "")
    purl = None
    if subject.kind == "manifest":
        where = {"repository_url": name, **({"tag": tag} if tag else {})}
        purl = PackageURL("oci", name=name.rpartition("/")[2], version=subject.digest, qualifiers=where)
    return Component(
        type=ComponentType.CONTAINER,
        name=name,
        version=subject.digest,
        bom_ref="image",
        purl=purl,
        properties=_properties(digest=subject.kind),
    )


def _wheel(wheel: Wheel) -> Component:
    purl = PackageURL("pypi", name=wheel.name, version=wheel.version)
    several = {"hashes": "those of all files that the lock accepts"} if len(wheel.hashes) > 1 else {}
    return Component(
        type=ComponentType.LIBRARY,
        name=wheel.name,
        version=wheel.version,
        bom_ref=str(purl),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in wheel.hashes],
        licenses=[LicenseFactory().make_from_string(wheel.licence)] if wheel.licence else [],
        properties=_properties(**several),
    )


def _of_base(base: BasePart) -> Iterable[Component]:
    """The base image, its system, its Python and its Debian packages; or that nobody knows them."""
    contents = base.contents
    packages = debian_packages(contents.status) if contents is not None and contents.status is not None else ()
    said = _NOT_LOOKED if contents is None else _NO_STATUS if contents.status is None else str(len(packages))
    yield Component(
        type=ComponentType.CONTAINER,
        name=base.reference,
        version=base.digest or None,
        bom_ref="base",
        properties=_properties(**{"debian-packages": said}),
    )
    if contents is None:
        return
    yield Component(
        type=ComponentType.PLATFORM,
        name="python",
        version=contents.python,
        bom_ref="python",
        purl=PackageURL("generic", name="python", version=contents.python),
    )
    system = system_of(contents.os_release)
    if system.id:
        yield Component(
            type=ComponentType.OPERATING_SYSTEM, name=system.id, version=system.version or None, bom_ref="system"
        )
    for package in packages:
        yield _debian(package, system)


def _debian(package: DebianPackage, system: System) -> Component:
    family = system.id or "debian"
    qualifiers = {
        "arch": package.architecture,
        "distro": f"{family}-{system.version}" if system.version else "",
        "upstream": package.source,
    }
    purl = PackageURL(
        "deb", family, package.name, package.version, {name: text for name, text in qualifiers.items() if text}
    )
    return Component(
        type=ComponentType.LIBRARY, name=package.name, version=package.version, bom_ref=str(purl), purl=purl
    )


def _model(model: ModelPart) -> Component:
    inspection, name = model.inspection, f"model-{slug(model.id)}"
    allowed = ", ".join(file.digest for file in inspection.unsafe if file.allowed)
    files = model.artifact.files
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=model.id,
        version=model.artifact.digest,
        bom_ref=name,
        hashes=[_hash(files[0])] if len(files) == 1 else [],
        components=[
            Component(
                type=ComponentType.FILE,
                name=file.path,
                bom_ref=f"{name}/{digest_of(file.path)[:16]}",
                hashes=[_hash(file)],
                properties=_properties(size=str(file.size)),
            )
            for file in files
        ],
        properties=_properties(
            format=inspection.format,
            engine=inspection.settings.engine,
            signature=_signature(model),
            **({"allowed-to-run-code": allowed} if allowed else {}),
        ),
    )


def _signature(model: ModelPart) -> str:
    said = content_of(model.inspection.settings)
    return json.dumps({name: said[name] for name in ("inputs", "outputs")}, sort_keys=True)


def _hash(file: ArtifactFile) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=file.digest.removeprefix("sha256:"))


def _properties(**said: str) -> list[Property]:
    return [Property(name=f"{_PREFIX}:{name}", value=text) for name, text in said.items()]


def _add_cards(document: dict[str, Any], models: Iterable[ModelPart]) -> None:
    """Adds a model card to each model: the library has no class for it."""
    cards = {f"model-{slug(model.id)}": _card(model) for model in models}
    for component in document["components"]:
        if component["bom-ref"] in cards:
            component["modelCard"] = cards[component["bom-ref"]]


def _card(model: ModelPart) -> dict[str, Any]:
    settings = model.inspection.settings
    return {
        "modelParameters": {
            "modelArchitecture": model.inspection.format,
            "inputs": [{"format": _form(one)} for one in settings.inputs],
            "outputs": [{"format": _form(one)} for one in settings.outputs],
        }
    }


def _form(field: Field) -> str:
    return f"{field.name}: {field.type}" + ("" if field.shape is None else f"[{','.join(map(str, field.shape))}]")
