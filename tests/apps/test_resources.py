import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.apps.resources import choose_flavor, plan_app
from migrate.core.errors import NeedsYouError, UsageError
from migrate.core.sizing import MOST_REPLICAS, Sizing
from migrate.core.values import AppRequest, AutomaticScaling, Autoscaling, FixedScaling, ModelRecord, OldFlavor
from migrate.ovhcloud.capabilities import Flavor, ResourcesPerUnit

GIB = 1024**3
SMALL = Flavor(id="ai1-1-cpu", type="cpu", max=12, default=True, resources_per_unit=ResourcesPerUnit(1, 4 * GIB))
GPU = Flavor(id="ai1-1-gpu", type="gpu", max=4, resources_per_unit=ResourcesPerUnit(13, 40 * GIB, 1))


def record(
    cores: float | None = 1,
    ram_mb: int | None = 2048,
    *,
    scaling: tuple[int | None, int | None, int | None, int | None] | None = None,
    flavor: bool = True,
) -> ModelRecord:
    return ModelRecord(
        id="m",
        source="s",
        flavor=OldFlavor(id="f", cpu_cores=cores, ram_mb=ram_mb) if flavor else None,
        autoscaling=Autoscaling(
            min_replicas=scaling[0],
            max_replicas=scaling[1],
            cpu_average_utilization=scaling[2],
            memory_average_utilization=scaling[3],
        )
        if scaling
        else None,
    )


def plan(*records: ModelRecord, flavors: tuple[Flavor, ...] = (GPU, SMALL), sizing: Sizing | None = None) -> AppRequest:
    labels = {"mls-key": "k"}
    return plan_app(records, name="n", region="GRA", flavors=flavors, labels=labels, sizing=sizing or Sizing())


@pytest.mark.parametrize(
    ("cores", "ram_mb", "cpu", "note"),
    [
        (1, 2048, 1, ""),
        (1, 4096, 1, ""),
        (1, 4097, 2, "memory"),
        (2, 4096, 2, ""),
        (0.5, 512, 1, ""),
        (1.5, None, 2, ""),
        (None, 9000, 3, "memory"),
        (4, 65536, 12, "a replica can have 12"),
        (64, 1, 12, "a replica can have 12"),
        (None, None, 1, "not known"),
    ],
)
def test_the_cpus_cover_the_old_cores_and_memory(cores: float | None, ram_mb: int | None, cpu: int, note: str) -> None:
    made = plan(record(cores, ram_mb))
    assert (made.flavor, made.cpu) == ("ai1-1-cpu", cpu)
    assert any(note in text for text in made.notes) if note else made.notes == ()


def test_an_unknown_flavor_gets_the_smallest() -> None:
    assert plan(record(flavor=False)).cpu == 1


def test_models_that_share_an_app() -> None:
    made = plan(record(1, 2048), record(2, 3000), record(1, 4000))
    assert made.cpu == 3  # 9048 MB in units of 4096


def test_a_flavor_with_larger_units() -> None:
    double = Flavor(id="x-2-cpu", type="cpu", max=3, resources_per_unit=ResourcesPerUnit(2, 8 * GIB))
    assert plan(record(3, 2048), flavors=(double,)).cpu == 2
    assert choose_flavor((double, SMALL), "GRA") is SMALL


def test_no_cpu_flavor() -> None:
    with pytest.raises(NeedsYouError) as caught:
        plan(record(), flavors=(GPU,))
    assert caught.value.code == "no-cpu-flavor"


@pytest.mark.parametrize(
    ("scaling", "expected", "note"),
    [
        (None, FixedScaling(replicas=1), ""),
        ((None, None, None, None), FixedScaling(replicas=1), ""),
        ((2, 2, None, None), FixedScaling(replicas=2), ""),
        ((2, None, 50, None), FixedScaling(replicas=2), ""),
        ((None, 3, 75, None), (1, 3, "CPU", 75), ""),
        ((1, 5, None, 80), (1, 5, "RAM", 80), ""),
        ((1, 3, 60, 70), (1, 3, "CPU", 60), "AI Deploy watches one"),
        ((1, 3, None, None), (1, 3, "CPU", 75), "named no target"),
        ((0, 2, 50, None), (0, 2, "CPU", 50), "cold start"),
        ((0, 0, None, None), FixedScaling(replicas=1), "scaled to zero"),
        ((3, 1, 50, None), FixedScaling(replicas=3), "above the maximum"),
        ((1, 50, 50, None), (1, 10, "CPU", 50), "above AI Deploy's 10"),
        ((20, 30, 50, None), FixedScaling(replicas=10), "above AI Deploy's 10"),
        ((1, 2, 0, None), (1, 2, "CPU", 1), "outside 1 to 100"),
        ((1, 2, None, 200), (1, 2, "RAM", 100), "outside 1 to 100"),
        ((-5, 2, 50, None), (0, 2, "CPU", 50), "cold start"),
    ],
)
def test_scaling_is_carried_over(
    scaling: tuple[int | None, int | None, int | None, int | None] | None,
    expected: FixedScaling | tuple[int, int, str, int],
    note: str,
) -> None:
    made = plan(record(scaling=scaling))
    if isinstance(expected, tuple):
        least, most, resource, target = expected
        assert made.scaling == AutomaticScaling(
            replicas_min=least,
            replicas_max=most,
            resource=resource,  # type: ignore[arg-type]
            average_usage_target=target,
        )
    else:
        assert made.scaling == expected
    assert any(note in text for text in made.notes) if note else made.notes == ()


def test_a_shared_app_takes_the_largest_range_and_the_lowest_target() -> None:
    made = plan(record(scaling=(1, 3, 80, None)), record(scaling=(2, 2, 60, None)), record())
    assert made.scaling == AutomaticScaling(replicas_min=2, replicas_max=3, resource="CPU", average_usage_target=60)


@pytest.mark.parametrize(
    ("old", "typed", "expected"),
    [
        (None, {"replicas": 3}, FixedScaling(replicas=3)),
        ((1, 5, 60, None), {"replicas": 1}, FixedScaling(replicas=1)),
        (None, {"scale_max": 4}, (1, 4, 75)),
        (None, {"scale_min": 0}, (0, 1, 75)),
        (None, {"scale_min": 0, "scale_max": 3}, (0, 3, 75)),
        (None, {"scale_min": 2, "scale_max": 2}, FixedScaling(replicas=2)),
        ((1, 5, 60, None), {"scale_max": 3}, (1, 3, 60)),
        ((1, 5, 60, None), {"scale_min": 2}, (2, 5, 60)),
        ((1, 2, 60, None), {"scale_min": 4}, FixedScaling(replicas=4)),
        ((4, 5, 60, None), {"scale_max": 2}, FixedScaling(replicas=2)),
        ((0, 0, None, None), {"scale_max": 2}, (0, 2, 75)),
    ],
)
def test_what_is_typed_wins(
    old: tuple[int | None, int | None, int | None, int | None] | None,
    typed: dict[str, int],
    expected: FixedScaling | tuple[int, int, int],
) -> None:
    made = plan(record(scaling=old), sizing=Sizing(**typed))
    if isinstance(expected, tuple):
        least, most, target = expected
        expected_scaling: FixedScaling | AutomaticScaling = AutomaticScaling(
            replicas_min=least, replicas_max=most, resource="CPU", average_usage_target=target
        )
    else:
        expected_scaling = expected
    assert made.scaling == expected_scaling
    assert not [note for note in made.notes if "maximum" in note]


def test_typed_cpus_win_over_the_old_memory() -> None:
    made = plan(record(1, 9000), sizing=Sizing(cpus=2))
    assert made.cpu == 2
    assert made.notes == ("The old size would need 3 times ai1-1-cpu; --cpus gives it 2.",)
    assert plan(record(flavor=False), sizing=Sizing(cpus=12)).notes == ()


def test_more_cpus_than_a_replica_can_have() -> None:
    with pytest.raises(UsageError, match="more than a replica can have: 12 times ai1-1-cpu"):
        plan(record(), sizing=Sizing(cpus=13))


NUMBER = st.none() | st.integers(-3, 40)


@given(st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), max_size=4))
def test_whatever_it_was_the_plan_is_allowed(
    specs: list[tuple[int | None, int | None, int | None, int | None]],
) -> None:
    scaling = plan(*[record(scaling=spec) for spec in specs] or [record()]).scaling
    if isinstance(scaling, FixedScaling):
        assert 1 <= scaling.replicas <= MOST_REPLICAS
    else:
        assert 0 <= scaling.replicas_min < scaling.replicas_max <= MOST_REPLICAS
        assert 1 <= scaling.average_usage_target <= 100
