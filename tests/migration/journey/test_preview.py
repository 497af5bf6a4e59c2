"""What apps serve is known for as long as they do, also when other files were fetched since and nothing came of it."""

from pathlib import Path

from migrate.core.values import Artifact
from migrate.migration.journey.preview import former, keep_served
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from tests.migration.journey.test_deploy import deployed
from tests.migration.runs import artifact, run_of, unit


def test_an_app_says_from_its_beginning_what_it_serves(cloud: Cloud, tmp_path: Path) -> None:
    authorize(cloud)
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        (effect,) = run.journal.effects.existing("app")
        assert effect.intent["artifacts"] == {"iris": "sha256:0"}


def test_what_an_app_of_an_earlier_release_serves_is_kept_before_other_files_are_fetched(
    cloud: Cloud, tmp_path: Path
) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        effects = run.journal.effects
        wanted = effects.intend("app", unit().subject, {"key": "k"}, unit=unit().subject)
        effects.done(wanted, "x")
        artifact(run.journal)
        keep_served(run)
        run.journal.put("model:iris", "fetch", "other", Artifact(folder="/", files=(), size=1, digest="sha256:1"))
        keep_served(run)
        assert former(run)["iris"].digest == "sha256:0"
