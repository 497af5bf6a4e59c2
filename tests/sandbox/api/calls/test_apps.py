"""Apps without a container engine: records, states, filters, refusals."""

from collections.abc import Callable
from typing import Any

import pytest
from ovh import exceptions

from migrate.sandbox import control
from tests.waiting import wait_until

SPEC: dict[str, Any] = {
    "name": "iris",
    "image": "registry.example.net/ml/iris:3",
    "region": "GRA",
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
    "labels": {"mls-key": "k1", "team": "a"},
}


def create(box: Any, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = box.client().post(box.path("/ai/app"), **(SPEC | changes))
    return made


def states(box: Any, app: str, last: str) -> list[str]:
    """The states that polling sees, up to the wanted one."""
    client = box.client()
    seen: list[str] = []

    def reached() -> bool:
        state = client.get(box.path(f"/ai/app/{app}"))["status"]["state"]
        if state not in seen[-1:]:
            seen.append(state)
        return bool(state == last)

    wait_until(reached, lambda: f"{last} was not reached: {seen}")
    return seen


def test_the_project_must_be_authorized(new_box: Callable[..., Any]) -> None:
    box = new_box(authorized=False)
    client = box.client()
    assert client.get(box.path("/ai/authorization")) == {"authorized": False}
    with pytest.raises(exceptions.APIError, match="authorized") as caught:
        create(box)
    assert caught.value.response.status_code == 403
    assert client.post(box.path("/ai/authorization")) is None
    assert client.get(box.path("/ai/authorization")) == {"authorized": True}
    assert create(box)["id"]


def test_the_state_is_null_at_first(box: Any) -> None:
    made = create(box)
    assert made["status"]["state"] is None
    assert made["spec"]["labels"] == SPEC["labels"] | {"ovh/id": made["id"], "ovh/type": "app"}
    assert made["spec"]["resources"]["memory"] == 4 << 30
    assert made["user"] == "sb12345-ovh"


def test_every_state_is_seen(box: Any) -> None:
    made, other = create(box), create(box)
    states(box, other["id"], "FAILED")
    assert states(box, made["id"], "FAILED") == ["QUEUED", "INITIALIZING", "FAILED"]
    history = box.client().get(box.path(f"/ai/app/{made['id']}"))["status"]["history"]
    assert [entry["state"] for entry in history] == ["QUEUED", "INITIALIZING", "FAILED"]


def test_an_app_without_an_engine_fails(box: Any) -> None:
    made = create(box)
    states(box, made["id"], "FAILED")
    status = box.client().get(box.path(f"/ai/app/{made['id']}"))["status"]
    assert status["info"]["code"] == "APP_FAILED"
    assert "without its runtime" in status["info"]["message"]
    assert status["url"] is None
    assert box.client().get(box.path(f"/ai/app/{made['id']}/log")) == {"lastActivity": None, "logs": []}


def test_an_unseen_state_is_left_after_a_while(new_box: Callable[..., Any]) -> None:
    box = new_box(unseen_seconds=0)
    made = create(box)
    client = box.client()
    assert client.get(box.path(f"/ai/app/{made['id']}"))["status"]["state"] == "INITIALIZING"


def test_volumes_are_not_mounted(box: Any) -> None:
    store = {"alias": "GRA", "container": "models", "prefix": "iris/"}
    for volume in ({"volumeSource": {"dataStore": store}}, {"dataStore": store}):
        made = create(box, volumes=[{"mountPath": "/models", "permission": "RO", **volume}])
        states(box, made["id"], "FAILED")
        found = box.client().get(box.path(f"/ai/app/{made['id']}"))
        assert found["status"]["info"]["message"] == "The sandbox does not mount volumes"
        assert found["spec"]["volumes"][0]["cache"] is False
    with pytest.raises(exceptions.BadParametersError, match="exactly one source"):
        create(box, volumes=[{"mountPath": "/models", "permission": "RO"}])
    with pytest.raises(exceptions.BadParametersError, match="permission must be one of"):
        create(box, volumes=[{"mountPath": "/models", "permission": "R", "dataStore": store}])


def test_an_app_over_the_quota_fails(box: Any) -> None:
    control.fail(box.folder, "quota", cpu=3)
    assert box.client().get(box.path("/ai/capabilities/quota"))["resources"]["CPU"] == 3
    fits = create(box, scalingStrategy={"fixed": {"replicas": 2}})
    over = create(box, resources={"cpu": 2})
    assert states(box, over["id"], "FAILED") == ["QUEUED", "FAILED"]
    message = box.client().get(box.path(f"/ai/app/{over['id']}"))["status"]["info"]["message"]
    assert message == "The project's quota of 3 CPU is reached: 2 in use, 2 asked for"
    assert "INITIALIZING" in states(box, fits["id"], "FAILED")


def test_listings_are_filtered(box: Any) -> None:
    client = box.client()
    first = create(box, labels={"mls-key": "a", "x": "1"})
    second = create(box, labels={"mls-key": "b", "x": "1"})
    states(box, first["id"], "FAILED")
    path = box.path("/ai/app")

    def ids(query: str) -> list[str]:
        return [app["id"] for app in client.get(f"{path}?{query}")]

    assert ids("labelSelector=mls-key%3Da") == [first["id"]]
    assert ids("labelSelector=x%3D1,mls-key%3Db") == [second["id"]]
    assert ids("labelSelector=x%3D2") == []
    assert ids(f"labelSelector=ovh/id%3D{second['id']}") == [second["id"]]
    assert ids("statusState=FAILED")[0] == first["id"]
    assert set(ids("statusState=FAILED&statusState=QUEUED&statusState=INITIALIZING")) == {first["id"], second["id"]}
    assert ids("statusState=RUNNING") == []
    assert ids("userName=nobody") == []
    assert ids("updatedAfter=2020-01-01T00:00:00Z&updatedBefore=2021-01-01T00:00:00Z") == []
    with pytest.raises(exceptions.BadParametersError, match="labelSelector"):
        ids("labelSelector=null")


def test_listings_are_paged(box: Any) -> None:
    client = box.client()
    made = [create(box, name=f"app-{number}")["id"] for number in range(5)]
    path = box.path("/ai/app")
    assert [app["id"] for app in client.get(path)] == made
    assert [app["id"] for app in client.get(f"{path}?page=2&size=2")] == made[2:4]
    assert [app["id"] for app in client.get(f"{path}?page=3&size=2")] == made[4:]
    assert client.get(f"{path}?page=4&size=2") == []
    assert [app["id"] for app in client.get(f"{path}?sort=createdAt&order=desc&size=1")] == made[4:]
    for wrong in ("page=0", "size=0", "size=101", "sort=name", "order=down"):
        with pytest.raises(exceptions.BadParametersError):
            client.get(f"{path}?{wrong}")


def test_an_app_is_deleted(box: Any) -> None:
    made = create(box)
    states(box, made["id"], "FAILED")
    client, path = box.client(), box.path(f"/ai/app/{made['id']}")
    assert client.delete(path) is None
    assert client.get(path)["status"]["state"] == "DELETING"
    assert [app["status"]["state"] for app in client.get(box.path("/ai/app"))] == ["DELETED"]
    assert client.get(box.path("/ai/app")) == []
    with pytest.raises(exceptions.ResourceNotFoundError, match="This app does not exist"):
        client.get(path)


def test_calls_that_do_not_fit_the_state(box: Any) -> None:
    client = box.client()
    path = box.path(f"/ai/app/{create(box)['id']}")
    with pytest.raises(exceptions.ResourceConflictError, match="stop it first"):
        client.delete(path)
    with pytest.raises(exceptions.ResourceConflictError, match="cannot be started"):
        client.put(f"{path}/start")
    client.put(f"{path}/stop")
    with pytest.raises(exceptions.ResourceConflictError, match="cannot be stopped"):
        client.put(f"{path}/stop")
    assert states(box, path.rpartition("/")[2], "STOPPED") == ["STOPPING", "STOPPED"]
    client.put(f"{path}/start")
    assert "QUEUED" in states(box, path.rpartition("/")[2], "FAILED")
    client.delete(path, force=True)
    with pytest.raises(exceptions.ResourceConflictError, match="being deleted"):
        client.delete(path, force=True)
    with pytest.raises(exceptions.ResourceConflictError, match="being deleted"):
        client.put(f"{path}/image", url="a/b:1")


def test_changes(box: Any) -> None:
    client = box.client()
    path = box.path(f"/ai/app/{create(box)['id']}")
    assert client.put(f"{path}/image", url="a/b:2")["message"]
    client.put(f"{path}/label", name="mls-artifact", value="f" * 40)
    client.put(f"{path}/label", name="team", value=None)
    client.put(f"{path}/scalingstrategy", fixed={"replicas": 3})
    spec = client.get(path)["spec"]
    assert spec["image"] == "a/b:2"
    assert spec["labels"]["mls-artifact"] == "f" * 40
    assert "team" not in spec["labels"]
    assert spec["scalingStrategy"] == {"automatic": None, "fixed": {"replicas": 3}}
    changed = client.put(
        path, url="a/b:3", cpu=2, envVars=[{"name": "A", "value": None}], probe={"path": "/x"}, command=["run"]
    )["spec"]
    assert (changed["image"], changed["resources"]["cpu"], changed["command"]) == ("a/b:3", 2, ["run"])
    assert changed["envVars"] == [{"name": "A", "value": ""}]
    assert changed["probe"]["path"] == "/x"
    assert changed["probe"]["port"] is None


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        ("/image", {"url": "not an image"}),
        ("/label", {"name": "ovh/id", "value": "x"}),
        ("/label", {"name": "a", "value": "x" * 64}),
        ("/scalingstrategy", {"fixed": {"replicas": 11}}),
        ("", {"grpcPort": 70000}),
        ("", {"probe": {"path": "relative"}}),
        ("", {"cpu": 13}),
    ],
)
def test_changes_are_checked(box: Any, rest: str, body: dict[str, Any]) -> None:
    path = box.path(f"/ai/app/{create(box)['id']}")
    before = box.client().get(path)["spec"]
    with pytest.raises(exceptions.BadParametersError):
        box.client().call("PUT", path + rest, body)
    assert box.client().get(path)["spec"] == before


def test_the_command_line_of_an_app(box: Any) -> None:
    answer = box.client().post(box.path("/ai/app/command"), **SPEC, envVars=[{"name": "A", "value": "b c"}])
    assert answer["command"].startswith("ovhai app run --name iris --flavor ai1-1-cpu --cpu 1 ")
    assert "'A=b c'" in answer["command"]
    assert answer["command"].endswith("registry.example.net/ml/iris:3")
    assert box.client().get(box.path("/ai/app")) == []
    with pytest.raises(exceptions.BadParametersError):
        box.client().post(box.path("/ai/app/command"), **(SPEC | {"region": "MOON"}))


CAUSES = {
    "image": ("FAILED", "cannot be pulled"),
    "architecture": ("FAILED", "linux/arm64"),
    "probe": ("FAILED", "never passed"),
    "memory": ("FAILED", "memory"),
    "crash": ("FAILED", "exit code 1"),
    "quota": ("FAILED", "quota"),
    "platform": ("ERROR", "platform"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_an_app_fails_for_a_cause(box: Any, cause: str) -> None:
    control.fail(box.folder, "app-failed", cause=cause, label="team=a", log=["one", "two"], times=1)
    app = create(box)["id"]
    state, words = CAUSES[cause]
    assert states(box, app, state)[-1] == state
    client = box.client()
    info = client.get(box.path(f"/ai/app/{app}"))["status"]["info"]
    assert words in info["message"]
    assert info["code"] == f"APP_{state}"
    log = client.get(box.path(f"/ai/app/{app}/log"))
    assert [line["content"] for line in log["logs"]][:2] == ["one", "two"]
    assert all(line["timestamp"] for line in log["logs"])


def test_an_app_stays_in_scaling(box: Any) -> None:
    control.fail(box.folder, "app-stuck", label="team=a")
    app = create(box)["id"]
    states(box, app, "SCALING")
    client = box.client()
    for _ in range(5):
        assert client.get(box.path(f"/ai/app/{app}"))["status"]["state"] == "SCALING"
    client.delete(box.path(f"/ai/app/{app}"), force=True)
