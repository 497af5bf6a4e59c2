"""What apps serve is known for as long as they do, also when other files were fetched since and nothing came of it."""

from pathlib import Path

from migrate.core.events import Notice
from migrate.core.values import Artifact
from migrate.migration.journey.preview import former, keep_served, warn_of_room
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from tests.migration.journey.test_deploy import deployed
from tests.migration.runs import artifact, record, run_of, unit


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


def test_a_person_is_warned_where_all_models_together_have_no_room(cloud: Cloud, tmp_path: Path) -> None:
    records = (record("iris"), record("wine"))
    with run_of(cloud, tmp_path) as (run, events):
        run.sizes = {"iris": 1000}
        warn_of_room(run, records)
        assert not events
        run.sizes = {"iris": 1 << 59, "wine": 1 << 59}
        warn_of_room(run, records)
        (notice,) = events
        assert isinstance(notice, Notice)
        assert notice.level == "warning"
        assert f"{(1 << 60) / 1e6:,.0f} MB for the downloads are needed" in notice.text
        events.clear()
        for name in ("iris", "wine"):
            artifact(run.journal, name)
        warn_of_room(run, records)
        assert not events  # they are there
