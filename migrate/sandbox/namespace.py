"""The sample namespace of ML Serving, and how its container is filled."""

from msgspec import Struct

from migrate.sandbox.objects import ObjectStore
from migrate.sandbox.samples import lay_object, read_index
from migrate.sandbox.seam import SampleNamespace


class Namespace(Struct, frozen=True, kw_only=True):
    """The namespace's records, as the API answers them but for the urls."""

    sample: SampleNamespace
    container_id: str
    models: tuple[dict[str, object], ...]
    tokens: tuple[dict[str, object], ...]
    flavors: tuple[dict[str, object], ...]


def lay_samples(store: ObjectStore) -> Namespace:
    """Read the sample namespace and put its objects into its container."""
    index = read_index()
    container = store.container(index.namespace.container, index.namespace.region)
    for item in index.objects:
        file = store.new_file()
        lay_object(item, file)
        store.put(container, item.name, file, content_type=item.content_type, slo=item.slo)
    return Namespace(
        sample=index.namespace,
        container_id=container.id,
        models=index.models,
        tokens=index.tokens,
        flavors=index.flavors,
    )
