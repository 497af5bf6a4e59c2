"""From the API's record of an app to the value that the rest of the tool knows, and to where its models answer."""

from urllib.parse import quote

from migrate.core.values import App
from migrate.ovhcloud import apps


def to_app(record: apps.App) -> App:
    """The API's record as a value."""
    scaling = record.spec.scaling_strategy
    fixed = scaling.fixed.replicas if scaling and scaling.fixed else None
    least = scaling.automatic.replicas_min if scaling and scaling.automatic else None
    return App(
        id=record.id,
        name=record.spec.name,
        url=(record.status.url or "").rstrip("/"),
        state=record.state,
        region=record.spec.region,
        image=record.spec.image,
        cpu=record.spec.resources.cpu,
        replicas=next((number for number in (fixed, least) if number is not None), 1),
        labels=record.spec.labels or {},
    )


def model_url(app: App, model_id: str) -> str:
    """Where a model answers as it did in ML Serving: ``/describe`` and ``/eval`` come after it."""
    return f"{app.url.rstrip('/')}/{quote(model_id, safe='')}"
