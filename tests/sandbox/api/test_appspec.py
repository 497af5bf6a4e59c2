"""The rules of an app's spec beyond its types."""

from typing import Any

import pytest

from migrate.sandbox.api.appspec import check_image, complete_resources, complete_scaling, complete_spec
from migrate.sandbox.base.errors import ApiError

BODY: dict[str, Any] = {"image": "127.0.0.1:5000/p/iris:abc", "region": "GRA", "resources": {"cpu": 1}}


def test_names_and_labels() -> None:
    spec = complete_spec(BODY | {"labels": {"ovh/id": "mine", "a.b/c-d": "E_f.1", "empty": ""}})
    assert spec["labels"] == {"a.b/c-d": "E_f.1", "empty": ""}
    assert spec["name"].startswith("sandbox-")
    for name in ("A", "a_b", "-a", "a-", "a" * 64, ""):
        with pytest.raises(ApiError, match=r"body\.name"):
            complete_spec(BODY | {"name": name})
    for key, value in (
        ("a b", "c"),
        ("", "c"),
        ("a" * 64, "c"),
        ("a", "é"),
        ("a", "-b"),
        ("a", "b" * 64),
        ("a/b/c", "d"),
    ):
        with pytest.raises(ApiError, match="label"):
            complete_spec(BODY | {"labels": {key: value}})


@pytest.mark.parametrize(
    ("asked", "flavor", "cpu", "gpu"),
    [
        ({"cpu": 3}, "ai1-1-cpu", 3, 0),
        ({"flavor": "ai1-1-cpu", "cpu": 12}, "ai1-1-cpu", 12, 0),
        ({"flavor": "ai1-1-cpu", "flavorCount": 2}, "ai1-1-cpu", 2, 0),
        ({"flavor": "ai1-1-cpu"}, "ai1-1-cpu", 1, 0),
        ({}, "ai1-1-gpu", 13, 1),
        ({"gpu": 2, "cpu": 1}, "ai1-1-gpu", 26, 2),
    ],
)
def test_resources(asked: dict[str, Any], flavor: str, cpu: int, gpu: int) -> None:
    found = complete_resources(asked)
    assert (found["flavor"], found["cpu"], found["gpu"]) == (flavor, cpu, gpu)
    assert found["memory"] == found["flavorCount"] * (40 if gpu else 4) << 30


@pytest.mark.parametrize(
    "asked",
    [{"cpu": 13}, {"cpu": 0}, {"flavor": "ml1-c-small", "cpu": 1}, {"gpu": 5}, {"flavor": "ai1-1-gpu", "cpu": 2}],
)
def test_resources_that_no_flavor_has(asked: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match=r"body\.resources"):
        complete_resources(asked)


AUTOMATIC: dict[str, Any] = {"replicasMin": 1, "replicasMax": 3, "resourceType": "CPU", "averageUsageTarget": 75}


def test_scaling() -> None:
    assert complete_scaling(None, "x") == {"automatic": None, "fixed": {"replicas": 1}}
    found = complete_scaling({"automatic": AUTOMATIC | {"replicasMin": 0, "cooldownPeriodSeconds": 60}}, "x")
    assert found["automatic"]["scaleDownStabilizationWindowSeconds"] == 300
    assert found["automatic"]["customMetrics"] is None
    custom = {"apiUrl": "http://<SELF>:1/m", "format": "JSON", "targetValue": 1, "valueLocation": "a"}
    assert (
        complete_scaling(
            {"automatic": {"replicasMin": 1, "replicasMax": 1, "customMetrics": custom | {"aggregationType": "MAX"}}},
            "x",
        )["automatic"]["customMetrics"]["format"]
        == "JSON"
    )


@pytest.mark.parametrize(
    ("strategy", "finding"),
    [
        ({}, None),
        ({"fixed": {"replicas": 1}, "automatic": AUTOMATIC}, "exactly one"),
        ({"fixed": None, "automatic": None}, "exactly one"),
        ({"fixed": {"replicas": 0}}, "from 1 to 10"),
        ({"fixed": {}}, "from 1 to 10"),
        ({"automatic": AUTOMATIC | {"replicasMax": 11}}, "replicasMax"),
        ({"automatic": AUTOMATIC | {"replicasMin": 4}}, "replicasMin must be from 0 to 3"),
        ({"automatic": AUTOMATIC | {"averageUsageTarget": 0}}, "from 1 to 100"),
        ({"automatic": AUTOMATIC | {"averageUsageTarget": None}}, "from 1 to 100"),
        ({"automatic": AUTOMATIC | {"resourceType": None}}, "resourceType is missing"),
        ({"automatic": AUTOMATIC | {"cooldownPeriodSeconds": 60}}, "only for replicasMin 0"),
        ({"automatic": AUTOMATIC | {"scaleUpStabilizationWindowSeconds": 3601}}, "from 0 to 3600"),
        ({"automatic": AUTOMATIC | {"customMetrics": {"format": "JSON"}}}, "not on both"),
    ],
)
def test_strategies_that_are_none(strategy: dict[str, Any], finding: str | None) -> None:
    if finding is None:
        assert complete_scaling(strategy, "x")["fixed"] == {"replicas": 1}
        return
    with pytest.raises(ApiError, match=finding):
        complete_scaling(strategy, "x")


@pytest.mark.parametrize(
    ("image", "good"),
    [
        ("a", True),
        ("a/b:1", True),
        ("127.0.0.1:5000/p/iris:abc", True),
        ("registry.example.net/p/iris@sha256:" + "0" * 64, True),
        ("https://registry.example.net/p/iris:1", False),
        ("a/B:1", False),
        ("a b", False),
        ("a:b:c", False),
        ("", False),
        ("a:1\nx", False),
    ],
)
def test_image_references(image: str, good: bool) -> None:
    if good:
        check_image(image, "x")
        return
    with pytest.raises(ApiError, match="not an image reference"):
        check_image(image, "x")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"region": "SBG"}, "BHS, GRA"),
        ({"defaultHttpPort": 0}, "from 1 to 65535"),
        ({"envVars": [{"name": "1A", "value": ""}]}, "not a valid name"),
        ({"partnerId": "x"}, "no partners"),
        ({"probe": {"path": "health"}}, "must begin with /"),
        ({"probe": {"periodSeconds": 0}}, "at least 1"),
        ({"livenessProbe": {"initialDelaySeconds": -1}}, "must not be negative"),
        ({"volumes": [{"mountPath": "a", "permission": "RO", "dataStore": {}}]}, "must begin with /"),
    ],
)
def test_specs_that_are_refused(change: dict[str, Any], finding: str) -> None:
    with pytest.raises(ApiError, match=finding) as caught:
        complete_spec(BODY | change)
    assert caught.value.status == 400


def test_a_rollout_has_the_defaults_of_the_platform() -> None:
    spec = complete_spec(BODY | {"deploymentStrategy": {"maxSurge": "1"}})
    assert spec["deploymentStrategy"]["maxSurge"] == "1"
    assert spec["deploymentStrategy"]["progressDeadlineSeconds"] == 600
    assert complete_spec(BODY)["deploymentStrategy"] is None
