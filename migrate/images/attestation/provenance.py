"""What an image was built from: an in-toto statement with the provenance of SLSA, as JSON.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and https://slsa.dev/spec/v1.0/provenance.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from migrate.images.attestation import sbom as bill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrate.images.attestation.made_of import MadeOf

MEDIA_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"

_BUILDER: Final = f"pkg:pypi/{bill.TOOL}"
_BUILD_TYPE: Final = f"{_BUILDER}#model-image/v1"
# The digest of an artifact is over the paths and contents of its files; the files' own follow it.
_OF_ARTIFACT: Final = "mlservingMigrateArtifact"


def provenance(made_of: MadeOf, sbom: bytes, dockerfile: bytes | None = None) -> bytes:
    """The statement: equal bytes for equal parts, on any machine.

    Args:
        made_of: The parts.
        sbom: The SBOM that lies beside it.
        dockerfile: Of a context that others build: an image is not there yet, so the statement is about this file,
            which names the models by their digests, and the SBOM.
    """
    bill_of = {"name": "sbom.cdx.json", "digest": {"sha256": _sha256(sbom)}}
    if dockerfile is None:
        subject = [{"name": made_of.subject.name, "digest": {"sha256": _hex(made_of.subject.digest)}}]
    else:
        subject = [{"name": "Dockerfile", "digest": {"sha256": _sha256(dockerfile)}}, bill_of]
    details: dict[str, Any] = {
        "builder": {"id": _BUILDER, "version": {bill.TOOL: made_of.tool_version}},
        "byproducts": [{**bill_of, "mediaType": bill.MEDIA_TYPE}],
    }
    if made_of.created is not None:
        details["metadata"] = {
            "finishedOn": datetime.fromtimestamp(made_of.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        }
    statement = {
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {
                    "models": [model.id for model in made_of.models],
                    "platform": made_of.platform,
                    "runtime": made_of.runtime,
                },
                "internalParameters": {"server": made_of.server},
                "resolvedDependencies": list(_materials(made_of)),
            },
            "runDetails": details,
        },
    }
    return json.dumps(statement, indent=1, sort_keys=True).encode() + b"\n"


def _materials(made_of: MadeOf) -> Iterator[dict[str, Any]]:
    for model in made_of.models:
        name = f"model {model.id}"
        yield {"name": name, "digest": {_OF_ARTIFACT: _hex(model.artifact.digest)}}
        for file in model.artifact.files:
            yield {"name": f"{name}: {file.path}", "digest": {"sha256": _hex(file.digest)}}
    for lock in made_of.locks:
        yield {"name": f"{lock.runtime}/requirements.lock", "digest": {"sha256": _hex(lock.digest)}}
    base = made_of.base
    yield {"name": f"base image {base.reference}"} | ({"digest": {"sha256": _hex(base.digest)}} if base.digest else {})


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
