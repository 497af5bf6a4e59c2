"""Which models share an app, by the CPUs that are billed, within the memory of a replica."""

from typing import Any

import pytest

from migrate.core.sizing import Sizing
from migrate.core.values import AutomaticScaling, Autoscaling, ModelRecord, OldFlavor
from migrate.migration.plan.arrange import Arrangement, Arranger, Candidate
from migrate.migration.plan.weights import memory_of, weight
from migrate.ovhcloud.capabilities import Flavor, ResourcesPerUnit

GIB = 1 << 30
FLAVOR = Flavor(
    id="ai1-1-cpu", type="cpu", max=12, default=True, resources_per_unit=ResourcesPerUnit(cpu=1, memory=4 * GIB)
)


def candidate(
    name: str,
    *,
    runtime: str = "onnx",
    size: int = 1_000_000,
    cores: float = 1,
    least: int = 1,
    most: int = 1,
    measured: int | None = None,
    status: str = "running",
    **targets: int,
) -> Candidate:
    record = ModelRecord(
        id=name,
        source="ns",
        namespace="ns",
        flavor=OldFlavor(id="f", cpu_cores=cores, ram_mb=2048),
        autoscaling=Autoscaling(min_replicas=least, max_replicas=most, **targets),
        api_status=status,
    )
    return Candidate(record, runtime, size, measured)


def arrange(wanted: str, *models: Candidate, flavor: Flavor = FLAVOR, **sizing: Any) -> Arrangement:
    return Arranger("GRA", (flavor,), Sizing(**sizing), ()).arrange(wanted, models)


def apps(found: Arrangement) -> list[tuple[str, ...]]:
    return [tuple(model.record.id for model in share.models) for share in found.shares]


def test_small_models_of_one_runtime_share_an_app_and_it_is_said_why() -> None:
    found = arrange("cheapest", *(candidate(name) for name in "abcd"))
    assert apps(found) == [("a", "b", "c", "d")]
    (share,) = found.shares
    assert (share.request.cpu, share.request.replicas, share.selection) == (1, (1, 1), ("a", "b", "c", "d"))
    layout = found.layout
    assert (layout.chosen, layout.separate, layout.packed, layout.mixed) == ("packed", 4, 1, 1)
    assert "separate 4, packed 1, mixed 1" in layout.why
    assert "serves 4 models, which fit into the memory of a replica: at most 49,152 MiB" in layout.why


def test_runtimes_never_share_and_one_model_each_stays_alone() -> None:
    found = arrange("cheapest", candidate("a"), candidate("b", runtime="torch"))
    assert apps(found) == [("a",), ("b",)]
    assert found.layout.chosen == "separate"
    assert "saves none" in found.layout.why


def test_mixed_is_cheapest_where_one_needs_cores_and_others_replicas() -> None:
    big = candidate("big", cores=8)
    many = [candidate(name, least=6, most=6) for name in ("m1", "m2")]
    found = arrange("cheapest", big, *many)
    assert found.layout.chosen == "mixed"
    assert (found.layout.separate, found.layout.packed, found.layout.mixed) == (20, 48, 14)
    assert sorted(apps(found)) == [("big",), ("m1", "m2")]


def test_the_memory_of_the_largest_replica_is_the_limit() -> None:
    small = Flavor(
        id="f", type="cpu", max=1, default=True, resources_per_unit=ResourcesPerUnit(cpu=1, memory=512 << 20)
    )
    models = [candidate(name, size=50_000_000) for name in "abcdef"]
    found = arrange("cheapest", *models, flavor=small)
    assert found.layout.chosen in {"packed", "mixed"}
    assert len(found.shares) > 1
    assert sorted(name for app in apps(found) for name in app) == list("abcdef")
    for share in found.shares:
        assert share.memory is not None
        assert share.memory <= 512 << 20
    huge = [candidate(name, size=10 * GIB) for name in "ab"]
    assert len(arrange("cheapest", *huge).shares) == 2, "two that do not fit together stay apart"


def test_memory_that_was_measured_counts_before_the_forecast() -> None:
    known = weight("onnx")
    assert known is not None
    forecast = memory_of("onnx", [100_000_000], [None])
    assert forecast == int((known.memory + 300_000_000) * 1.25)
    assert memory_of("onnx", [100_000_000], [known.memory + 1_000_000]) == int((known.memory + 1_000_000) * 1.25)
    assert memory_of("never-measured", [1], [None]) is None


def test_a_runtime_that_nobody_measured_shares_no_app_on_a_guess() -> None:
    models = [candidate(name, runtime="jpmml") for name in "ab"]
    assert apps(arrange("cheapest", *models)) == [("a",), ("b",)]
    assert apps(arrange("packed", *models)) == [("a", "b")], "where it was asked for it is done, as by run"


def test_what_is_not_yet_known_has_an_app_of_its_own() -> None:
    models = [candidate("a"), candidate("b"), candidate("c", runtime="")]
    for wanted in ("packed", "cheapest"):
        assert apps(arrange(wanted, *models)) == [("a", "b"), ("c",)]


def test_a_model_that_slept_scales_to_zero_where_that_is_cheapest() -> None:
    asleep = candidate("a", status="sleeping", most=2)
    (share,) = arrange("cheapest", asleep).shares
    assert isinstance(share.request.scaling, AutomaticScaling)
    assert share.request.replicas == (0, 2)
    (kept,) = arrange("separate", asleep).shares
    assert kept.request.replicas == (1, 2), "else it is as run makes it"
    (typed,) = arrange("cheapest", asleep, replicas=2).shares
    assert typed.request.replicas == (2, 2), "what was typed counts"
    both = arrange("cheapest", asleep, candidate("b"))
    assert apps(both) == [("a", "b")], "beside one that never sleeps it costs nothing, and needs no cold start"
    assert both.shares[0].request.replicas[0] == 1


@pytest.mark.parametrize("wanted", ["cheapest", "packed", "separate"])
def test_every_model_has_one_app(wanted: str) -> None:
    models = [
        candidate(f"m{number}", runtime=("onnx", "torch", "")[number % 3], least=number % 4, most=4, cores=number % 5)
        for number in range(40)
    ]
    found = arrange(wanted, *models)
    assert sorted(name for app in apps(found) for name in app) == sorted(model.record.id for model in models)
    assert found.layout.mixed <= found.layout.separate


def test_nothing_to_arrange_is_no_app() -> None:
    assert arrange("cheapest").shares == ()
