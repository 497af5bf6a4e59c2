"""The usual metrics as Prometheus reads them; imported when somebody asks, for the library takes its time to load."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from migrate.server.metrics import Metrics


def exposition_text(metrics: Metrics) -> bytes:
    """The exposition text: the server's metrics, the process, the platform, and the old runtime's own metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(metrics))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry) + "".join(metrics.old_lines()).encode()


class _Families(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return _families(self._metrics)


def _families(metrics: Metrics) -> Iterator[Metric]:
    requests = CounterMetricFamily("inference_requests", "Answered requests.", labels=["model", "route", "status"])
    seconds = HistogramMetricFamily(
        "inference_request_duration_seconds",
        "Time from headers to the last byte written.",
        labels=["model", "route", "status"],
    )
    for (model, route, status), histogram in list(metrics.requests.items()):
        labels = [model, route, str(status)]
        buckets = histogram.buckets()
        requests.add_metric(labels, buckets[-1][1])
        seconds.add_metric(labels, buckets, histogram.total)
    rows = HistogramMetricFamily("inference_batch_size", "Rows that one run of a model computed.", labels=["model"])
    for model, histogram in list(metrics.rows.items()):
        rows.add_metric([model], histogram.buckets(), histogram.total)
    load = GaugeMetricFamily("model_load_seconds", "Loading, warm-up and recorded answers.", labels=["model"])
    for model, value in list(metrics.load_seconds.items()):
        load.add_metric([model], value)
    unloads = CounterMetricFamily("model_unloads", "Models unloaded because of the limit of memory.")
    unloads.add_metric([], metrics.unloaded)
    reloads = CounterMetricFamily("model_reloads", "Models loaded again because they were called.")
    reloads.add_metric([], metrics.loaded_again)
    flight = GaugeMetricFamily("inference_requests_in_flight", "Requests that compute or wait to.")
    flight.add_metric([], metrics.in_flight)
    uploads = GaugeMetricFamily("inference_upload_bytes", "Bodies that came in pieces and are not answered yet.")
    uploads.add_metric([], metrics.upload_bytes)
    yield from (requests, seconds, rows, load, unloads, reloads, flight, uploads)
