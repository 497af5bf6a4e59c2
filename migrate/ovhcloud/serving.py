"""ML Serving, as its API answered until it was removed (contract: Old API); also the form of an inventory file."""

from msgspec import Struct, field

from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud, convert


class Namespace(Struct, frozen=True, rename="camel"):
    """A group of models with one container of files."""

    id: str
    region: str = ""
    container: str = ""
    container_id: str = ""
    description: str | None = None
    url: str | None = None
    hub_url: str | None = None
    cluster_id: str | None = None
    created_at: str | None = None


class AutoscalingSpec(Struct, frozen=True, rename="camel"):
    """Utilisations are percent; every part may be null."""

    min_replicas: int | None = None
    max_replicas: int | None = None
    cpu_average_utilization: int | None = None
    memory_average_utilization: int | None = None


class WorkflowTemplateParameters(Struct, frozen=True, rename="camel"):
    """Where a model's files lie (``storage_path``) or which preset it is (``image_id``)."""

    backend: str | None = None
    framework: str | None = None
    image_id: str | None = None
    storage_path: str | None = None


class Model(Struct, frozen=True, rename="camel"):
    """A deployed model; ``url`` is its base, under which lie /describe and /eval."""

    id: str
    url: str | None = None
    version: int | None = None
    replicas: int | None = None
    flavor: str | None = None
    api_status: str | None = None
    version_status: str | None = None
    autoscaling_spec: AutoscalingSpec | None = None
    workflow_template: str | None = None
    workflow_template_parameters: WorkflowTemplateParameters = field(default_factory=WorkflowTemplateParameters)
    created_at: str = ""


class Token(Struct, frozen=True):
    """A token less its value, which was shown once, when it was made."""

    id: str
    groups: tuple[str, ...]
    resource: str


class Flavor(Struct, frozen=True, rename={"cpu_core": "cpuCore", "ram_mb": "ramMB"}):
    """A size of ML Serving; RAM in MB as the API says it."""

    id: str
    cpu_core: float | None = None
    ram_mb: int | None = None
    description: str = ""


def namespaces(cloud: Cloud) -> tuple[Namespace, ...]:
    """Every namespace of the project."""
    answer = cloud.call(calls.NAMESPACES)
    return convert(answer, tuple[Namespace, ...], "the namespaces")


def namespace(cloud: Cloud, namespace_id: str) -> Namespace:
    """One namespace."""
    answer = cloud.call(calls.NAMESPACE, params={"namespaceId": namespace_id})
    return convert(answer, Namespace, "the namespace")


def models(cloud: Cloud, namespace_id: str) -> tuple[Model, ...]:
    """The models of a namespace."""
    answer = cloud.call(calls.SERVED_MODELS, params={"namespaceId": namespace_id})
    return convert(answer, tuple[Model, ...], "the models")


def tokens(cloud: Cloud, namespace_id: str) -> tuple[Token, ...]:
    """The tokens of a namespace."""
    answer = cloud.call(calls.SERVING_TOKENS, params={"namespaceId": namespace_id})
    return convert(answer, tuple[Token, ...], "the tokens")


def flavors(cloud: Cloud) -> tuple[Flavor, ...]:
    """The sizes that models could have."""
    answer = cloud.call(calls.SERVING_FLAVORS)
    return convert(answer, tuple[Flavor, ...], "the flavors of ML Serving")
