"""The sample namespaces of ML Serving, and how their containers are filled."""

from msgspec import Struct

from migrate.sandbox.base.seam import SampleNamespace
from migrate.sandbox.world.objects import ObjectStore
from migrate.sandbox.world.samples import NAMESPACES, content_md5, lay_object, read_index


class Namespace(Struct, frozen=True, kw_only=True):
    """A namespace's records, as the API answers them but for the urls; ``silent`` models have none."""

    sample: SampleNamespace
    container_id: str
    models: tuple[dict[str, object], ...]
    tokens: tuple[dict[str, object], ...]
    flavors: tuple[dict[str, object], ...]
    silent: tuple[str, ...]


def lay_samples(store: ObjectStore) -> tuple[Namespace, ...]:
    """Read the sample namespaces and put the objects of each into its container."""
    return tuple(_lay(store, name) for name in NAMESPACES)


def _lay(store: ObjectStore, name: str) -> Namespace:
    index = read_index(name)
    container = store.container(index.namespace.container, index.namespace.region)
    for item in index.objects:
        file = store.new_file()
        lay_object(item, file, name)
        etag = content_md5(item, name)
        store.put(container, item.name, file, content_type=item.content_type, slo=item.slo, etag=etag)
    return Namespace(
        sample=index.namespace,
        container_id=container.id,
        models=index.models,
        tokens=index.tokens,
        flavors=index.flavors,
        silent=index.silent,
    )
