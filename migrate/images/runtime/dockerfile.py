"""The Dockerfile's text. Nothing that a customer wrote can get into it: every value is checked to be what it claims.

Names, labels and settings of models travel as files; the text has enums, versions and digests
(decisions: Text in files).
"""

import re
from typing import Final, Literal

from msgspec import Struct

from migrate.images.engine.references import check_reference
from migrate.images.runtime.templates import Template, templates_folder

Stage = Literal["runtime", "model", "both"]

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_VERSION: Final = re.compile(r"[0-9][0-9a-z.+]{0,63}")


class Values(Struct, frozen=True, kw_only=True):
    """Everything that a template may print.

    Args:
        stage: ``runtime`` (base, wheels, server), ``model`` (from a runtime image), or ``both`` in one file.
        tool_version: The version of this package.
        base: Reference of the base image, for the stages that start from it.
        runtime_reference: Reference of the runtime image, for ``model``.
        artifacts: The digests of the models' files.
        model_layers: How many layers the models' files are spread over.
        package_layers: The folders of the layers that hold the runtime's packages.
    """

    stage: Stage
    tool_version: str
    base: str | None = None
    runtime_reference: str | None = None
    artifacts: tuple[str, ...] = ()
    model_layers: int = 0
    package_layers: tuple[str, ...] = ("layer-wheels",)


def dockerfile(template: Template, values: Values) -> str:
    """Render a runtime's template.

    Raises:
        ValueError: A value is not what it must be; nothing was rendered.
    """
    if not set(values.package_layers) <= {"layer-engine", "layer-wheels"}:
        message = f"not the layers of packages: {values.package_layers!r}"
        raise ValueError(message)
    for artifact in values.artifacts:
        if not _DIGEST.fullmatch(artifact):
            message = f"not a digest: {artifact!r}"
            raise ValueError(message)
    if not _VERSION.fullmatch(values.tool_version):
        message = f"not a version: {values.tool_version!r}"
        raise ValueError(message)
    import jinja2.sandbox  # noqa: PLC0415 - slow to load, and a run in which nothing changed renders nothing

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.from_string(template.dockerfile.read_text(encoding="utf-8")).render(
        stage=values.stage,
        runtime=template.runtime,
        tool_version=values.tool_version,
        base=check_reference(values.base) if values.base is not None else "",
        runtime_reference=check_reference(values.runtime_reference) if values.runtime_reference is not None else "",
        artifacts=values.artifacts,
        model_layers=int(values.model_layers),
        package_layers=values.package_layers,
    )
