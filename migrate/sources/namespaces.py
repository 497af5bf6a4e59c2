"""Namespaces of ML Serving: from the records that its API answered to the models of a source."""

from collections.abc import Callable, Mapping

from migrate.core.errors import ConfigurationError
from migrate.core.options.sources import ListOptions
from migrate.core.text import printable
from migrate.core.values import (
    Autoscaling,
    ContainerLocation,
    Listing,
    Location,
    ModelRecord,
    OldFlavor,
    OldToken,
)
from migrate.ovhcloud import projects, serving, storage
from migrate.ovhcloud.session import Cloud
from migrate.sources.containers import near
from migrate.sources.large_objects import sources_of
from migrate.sources.reference import NamespaceRef

Locate = Callable[[str], Location]


def list_namespace(cloud: Cloud, ref: NamespaceRef) -> Listing:
    """The models and tokens of a namespace, read from the API while it is there.

    Raises:
        ConfigurationError: ``ml-serving-gone``, ``unknown-namespace``, or what the session raises.
    """
    try:
        namespace = serving.namespace(cloud, ref.id)
        models = serving.models(cloud, ref.id)
        tokens = serving.tokens(cloud, ref.id)
        flavors = {flavor.id: flavor for flavor in serving.flavors(cloud)}
    except ConfigurationError as error:
        if error.code == "ml-serving-gone":
            raise _gone(cloud, ref.id, error) from error
        if error.code == "not-found":
            raise ConfigurationError(
                f"The project has no namespace {printable(ref.id)}.",
                code="unknown-namespace",
                next_step="Type `migrate list` to see the namespaces and the containers of the project.",
                query_id=error.query_id,
            ) from error
        raise

    def locate(path: str) -> ContainerLocation:
        return ContainerLocation(
            region=namespace.region, container=namespace.container, container_id=namespace.container_id, path=path
        )

    return Listing(
        source=ref.canonical,
        models=records(models, tokens, flavors, namespace.id, ref.canonical, locate),
        region=namespace.region,
    )


def records(
    models: tuple[serving.Model, ...],
    tokens: tuple[serving.Token, ...],
    flavors: Mapping[str, serving.Flavor],
    namespace: str,
    source: str,
    locate: Locate,
) -> tuple[ModelRecord, ...]:
    """The models as values; a preset model, which has no files of its own, has no location."""
    return tuple(_record(model, tokens, flavors, namespace, source, locate) for model in models)


def _record(
    model: serving.Model,
    tokens: tuple[serving.Token, ...],
    flavors: Mapping[str, serving.Flavor],
    namespace: str,
    source: str,
    locate: Locate,
) -> ModelRecord:
    parameters = model.workflow_template_parameters
    path = parameters.storage_path
    flavor = flavors.get(model.flavor) if model.flavor else None
    spec = model.autoscaling_spec
    return ModelRecord(
        id=model.id,
        source=source,
        namespace=namespace,
        framework=parameters.framework,
        backend=parameters.backend,
        workflow_template=model.workflow_template,
        image_id=parameters.image_id,
        flavor=OldFlavor(
            id=model.flavor, cpu_cores=flavor.cpu_core if flavor else None, ram_mb=flavor.ram_mb if flavor else None
        )
        if model.flavor
        else None,
        autoscaling=Autoscaling(
            min_replicas=spec.min_replicas,
            max_replicas=spec.max_replicas,
            cpu_average_utilization=spec.cpu_average_utilization,
            memory_average_utilization=spec.memory_average_utilization,
        )
        if spec
        else None,
        location=locate(path) if path is not None and model.workflow_template != "preset-image" else None,
        version=model.version,
        old_url=model.url.rstrip("/") if model.url else None,
        tokens=tuple(
            OldToken(id=token.id, groups=token.groups, resource=token.resource)
            for token in tokens
            if opens(token.resource, model.id)
        ),
        api_status=model.api_status,
        version_status=model.version_status,
    )


def opens(resource: str, model_id: str) -> bool:
    """Whether a token's resource (an id, a prefix ending in ``*``, or ``*``) covers a model."""
    return model_id.startswith(resource[:-1]) if resource.endswith("*") else resource == model_id


def _gone(cloud: Cloud, name: str, error: ConfigurationError) -> ConfigurationError:
    """Tell a wrong project apart, and name the containers that may hold the files."""
    projects.project(cloud)
    containers = sorted(
        sources_of(storage.containers(cloud)), key=lambda container: (container.stored_objects == 0, container.name)
    )
    if not containers:
        return error
    if nearest := near(containers, name):
        return ConfigurationError(
            error.what,
            code=error.code,
            next_step=f"Did you mean the container {printable(nearest, 300)}? "
            f"Type `{printable(ListOptions(source=nearest).command(), 400)}` to see the models in it.",
            query_id=error.query_id,
        )
    commands = [ListOptions(source=f"{item.name}@{item.region}").command() for item in containers[:3]]
    named = " or ".join(f"`{printable(command, 400)}`" for command in commands)
    return ConfigurationError(
        error.what,
        code=error.code,
        next_step=f"The model files are still in your object storage. Type {named}"
        + (", or see every container with `migrate list`." if len(containers) > 3 else "."),
        query_id=error.query_id,
    )
