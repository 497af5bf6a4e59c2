"""What Triton's clients ask beside the Open Inference Protocol: configuration, statistics, and the list of models.

https://github.com/triton-inference-server/server/tree/main/docs/protocol (model configuration, statistics, and model
repository extensions; models are neither loaded nor unloaded by a request).
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from migrate.server.http import Request, Response
from migrate.server.metrics import Metrics
from migrate.server.model import Field
from migrate.server.routes import Handler, Route, Router
from migrate.server.rows import RowThreads
from migrate.server.served import Served
from migrate.server.site import refusals
from migrate.server.status import Status
from migrate.server.v2_tensors import datatype_of

EXTENSIONS: Final = ("model_configuration", "model_repository", "statistics")
_STATS: Final = "stats"
_COUNTED: Final = ("eval", "infer")
_OK: Final = 200


def add_triton_routes(router: Router, served: Served, metrics: Metrics, *, version: str, platform: str) -> None:
    """The routes of a model."""
    name = served.model.id
    config = msgspec.json.encode(_config(served, version, platform))

    def stats() -> object:
        return {"model_stats": [_statistics(name, version, metrics)]}

    for prefix in (("v2", "models", name), ("v2", "models", name, "versions", version)):
        router.add((*prefix, "config"), Route("v2", {"GET": _told(lambda: msgspec.Raw(config))}, model=name))
        router.add((*prefix, _STATS), Route("v2", {"GET": _told(stats)}, model=name))


def add_triton_server(router: Router, status: Status, metrics: Metrics, rows: RowThreads, *, version: str) -> None:
    """The routes of all models together.

    The statistics of all have the path of the metadata of a model that is called ``stats``: where there is one, whether
    it is served yet or not, the path is that model's.
    """

    def stats() -> object:
        return {"model_stats": [_statistics(name, version, metrics) for name in sorted(status.served)]}

    def index() -> object:
        busy = refusals(status, rows)
        ready = [{"name": name, "version": version, "state": "READY"} for name in status.served if name not in busy]
        loading = [{"name": name, "state": "LOADING"} for name in (*status.loading, *status.waiting)]
        failed = [
            {"name": name, "state": "UNAVAILABLE", "reason": why} for name, why in (status.unserved | busy).items()
        ]
        return sorted([*ready, *loading, *failed], key=lambda one: one["name"])

    if _STATS not in {*status.served, *status.loading, *status.waiting, *status.unserved}:
        router.add(("v2", "models", _STATS), Route("v2", {"GET": _told(stats)}))
    router.add(("v2", "repository", "index"), Route("v2", {"POST": _told(index)}))


def _told(what: Callable[[], object]) -> Handler:
    async def handler(request: Request) -> Response:
        del request
        return Response(msgspec.json.encode(what()))

    return handler


def _config(served: Served, version: str, platform: str) -> dict[str, object]:
    """The model's configuration; the batch is among the dimensions, so Triton's own batching is said to be off."""

    def tensors(fields: tuple[Field, ...], dtypes: Mapping[str, str]) -> list[dict[str, object]]:
        return [
            {
                "name": field.name,
                "data_type": _data_type(datatype_of(dtypes[field.name])),
                "dims": list(field.shape or ()),
            }
            for field in fields
        ]

    return {
        "name": served.model.id,
        "platform": platform,
        "backend": served.model.engine,
        "version_policy": {"specific": {"versions": [int(version)]}},
        "max_batch_size": 0,
        "input": tensors(served.model.inputs, served.engine.inputs),
        "output": tensors(served.model.outputs, served.engine.outputs),
    }


def _data_type(word: str) -> str:
    return "TYPE_STRING" if word == "BYTES" else f"TYPE_{word}"


def _statistics(name: str, version: str, metrics: Metrics) -> dict[str, object]:
    """Requests of a model since the start, by ``/eval`` and ``infer``; times are from headers to answer, in ns."""
    counts: dict[bool, list[float]] = {True: [0, 0.0], False: [0, 0.0]}
    for (model, route, status), histogram in list(metrics.requests.items()):
        if model == name and route in _COUNTED:
            found = counts[status == _OK]
            found[0] += sum(histogram.counts)
            found[1] += histogram.total
    rows = metrics.rows.get(name)
    return {
        "name": name,
        "version": version,
        "inference_count": int(rows.total) if rows else 0,
        "execution_count": sum(rows.counts) if rows else 0,
        "inference_stats": {
            word: {"count": int(counts[kind][0]), "ns": int(counts[kind][1] * 1e9)}
            for word, kind in (("success", True), ("fail", False))
        },
    }
