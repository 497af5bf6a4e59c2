"""What is printed is what is needed: as rules, as a policy, as a page; a plan needs no more."""

import json
from pathlib import Path

import pytest
import requests

from migrate.commands.look import list_
from migrate.commands.permissions import permissions
from migrate.commands.plan import plan
from migrate.core.errors import ExitCode
from migrate.core.options.access import PermissionsOptions
from migrate.core.options.plans import PlanOptions
from migrate.core.options.sources import ListOptions
from migrate.ovhcloud.calls import CALLS, PURPOSES
from migrate.ovhcloud.permissions import actions_for, calls_for, rules_for
from migrate.ovhcloud.rights import granted
from migrate.sandbox import control
from tests.clouds import key_with, logged, open_cloud
from tests.migration.runs import NAMESPACE, NO_ENGINE


@pytest.fixture
def environ(sandbox: Path, tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), **control.env(sandbox), **NO_ENGINE}


def test_a_plan_and_a_list_need_the_rules_that_are_printed_for_plan(
    sandbox: Path, tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert permissions(PermissionsOptions(doing="plan", as_json=True), environ) == ExitCode.DONE
    printed = json.loads(capsys.readouterr().out)["data"]["rules"]
    key = {"OVH_CONSUMER_KEY": key_with(sandbox, *((rule["method"], rule["path"]) for rule in printed))}
    begun = len(logged(sandbox))
    assert list_(ListOptions(workspace=tmp_path), environ | key) == ExitCode.DONE
    assert plan(PlanOptions(source=NAMESPACE, workspace=tmp_path), environ | key) == ExitCode.DONE
    lines = [line for line in logged(sandbox)[begun:] if line.service == "api" and line.operation]
    assert [line for line in lines if line.status == 403] == []
    needed = {(call.method, call.template) for call in CALLS if call.when(["plan"])}
    assert {(line.method, line.operation) for line in lines} <= needed
    assert len(lines) > 5


def test_the_page_makes_a_key_with_the_printed_rules(
    sandbox: Path, tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert permissions(PermissionsOptions(form="link"), environ) == ExitCode.DONE
    page = requests.get(capsys.readouterr().out.strip(), timeout=30)
    with open_cloud(sandbox, tmp_path, OVH_CONSUMER_KEY=page.text.split()[-1]) as cloud:
        found = set(granted(cloud.session))
    assert found == set(rules_for(calls_for(PURPOSES), environ["OVH_CLOUD_PROJECT_SERVICE"]))


def test_a_policy_is_json_that_can_be_sent(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert permissions(PermissionsOptions(doing="undo", form="iam", project="0123"), environ) == ExitCode.DONE
    policy = json.loads(capsys.readouterr().out)
    allowed = [one["action"] for one in policy["permissions"]["allow"]]
    assert allowed == list(actions_for(calls_for(["undo"])))
    assert policy["resources"] == [{"urn": "urn:v1:eu:resource:publicCloudProject:0123"}]


def test_rules_are_lines_that_can_be_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert permissions(PermissionsOptions(doing="undo"), {"HOME": str(tmp_path)}) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert "DELETE /cloud/project/*/ai/app/*  undo" in shown
    assert "--project names one" in shown
