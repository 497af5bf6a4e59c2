"""Screens at 80 columns: every fact of must-show is there, and nothing is cut that is to be copied."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from migrate.console import words
from migrate.console.final import show_final
from migrate.console.plan import plan_question, plan_sentence, replace_sentence, show_plan
from migrate.console.state import show_sources, show_story
from migrate.console.tables import show_listing, show_places
from migrate.core.events import Result
from migrate.core.looking import AppState, Moment, Place, Places, Sources, SourceState, StepDone, Story
from migrate.core.options.sources import RunOptions
from migrate.core.plan import Plan, PlannedApp
from migrate.core.planfile.content import Month
from migrate.core.values import ContainerLocation, FolderLocation, Hazard, Ignored, Listing, ModelRecord, Outcome

OLD = "https://0a1b2c3d.c1.gra.serving.ai.ovh.net/iris"
NEW = "https://9b5b651e-1111-2222-3333-444444444444.app.gra.ai.cloud.ovh.net/iris"
DONE = Outcome(
    model="iris", outcome="done", old_url=OLD, new_url=NEW, app_id="9b", proof="live", worst_difference=1.2e-7
)
BROKEN = Outcome(
    model="broken",
    outcome="needs-you",
    reason="truncated",
    text="The ONNX file is incomplete.",
    task="Upload the complete file.",
    query_id="EU.ext-1.abc",
    exit_code=4,
)
CURL = (
    "curl -H @/state/tokens/iris.header -H 'Content-Type: application/json' -d '{\"x\":[[1,2,3,4]]}' " + NEW + "/eval"
)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=80, highlight=False)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_same_engine_called_directly_is_never_called_proven(console: Console) -> None:
    done = Outcome(model="m", outcome="done", proof="engine")
    show_final(console, Result(command="run", exit_code=0, models=(done,), data={}))
    shown = " ".join(text(console).split())
    assert "proof engine (the same engine called directly)" in shown
    assert "proven" not in shown


def test_the_last_screen_says_it_all(console: Console) -> None:
    data: dict[str, object] = {
        "tokens_text": "/state/tokens/",
        "billed_text": "1 app",
        "curl": CURL,
        "undo": "migrate undo ns",
        "why": "migrate why ns broken",
        "again": "migrate run ns",
    }
    others = tuple(Outcome(model=f"m{number}", outcome="done", proof="self") for number in range(3))
    show_final(console, Result(command="run", exit_code=4, models=(DONE, *others, BROKEN), data=data))
    shown = text(console)
    lines = [line.strip() for line in shown.splitlines()]
    assert "4 of 5 migrated, 1 needs you" in lines
    assert f"old  {OLD}" in lines
    assert f"new  {NEW}" in lines
    assert "proof live, worst difference 1.2e-07" in shown
    assert "proof self (well-formed, not proven)" in shown
    assert "1. broken: The ONNX file is incomplete." in shown
    assert "→ Upload the complete file." in shown
    assert "EU.ext-1.abc" in shown
    assert any(line.endswith(CURL) for line in lines)
    for fact in ("/state/tokens/", "1 app", "migrate undo ns", "migrate why ns broken", "migrate run ns"):
        assert fact in shown


def test_the_last_screen_of_several_runs_numbers_what_is_to_do_once(console: Console) -> None:
    first = Result(command="run", exit_code=4, models=(DONE, BROKEN), data={"undo": "migrate undo one"})
    other = Outcome(model="preset", outcome="needs-you", text="It has no files.")
    show_final(console, first, Result(command="run", exit_code=4, models=(other,), data={"undo": "migrate undo two"}))
    lines = [line.strip() for line in text(console).splitlines()]
    assert lines.index("1 of 2 migrated, 1 needs you") + 1 == lines.index("0 of 1 migrated, 1 needs you")
    assert "2. preset: It has no files." in lines
    assert lines[-2:] == ["Undo    migrate undo one", "migrate undo two"]


def test_a_command_is_copied_whole_however_long_it_is(console: Console) -> None:
    digests = tuple(f"sha256:{number:064x}" for number in range(200))
    again = RunOptions(source="ns", allow_unsafe=digests).again()
    outcome = Outcome(model="m", outcome="needs-you", text="It runs code.", task=f"Type: {again}")
    show_final(console, Result(command="run", exit_code=4, models=(outcome,), data={"again": again}))
    assert f"Again   {again}\n" in text(console)
    assert again.replace(" ", "") in text(console).replace("\n", "").replace(" ", "")


def test_what_the_files_said_is_on_the_plan_and_on_the_last_screen(console: Console) -> None:
    hazards = tuple(Hazard(code="pickle-code", text=f"number {number} runs code", path="m.pt") for number in range(9))
    digests = [f"--allow-unsafe sha256:{number:064x}" for number in range(30)]
    module = Outcome(
        model="module",
        outcome="needs-you",
        reason="pickle-code",
        text="It runs code.",
        task=f"Type: migrate run ns {' '.join(digests)}",
        notes=("ML Serving did not document it.",),
        hazards=hazards,
    )
    data: dict[str, object] = {"allowed_text": "to run code when they are loaded: other.pt"}
    show_final(console, Result(command="run", exit_code=4, models=(module,), data=data))
    shown = " ".join(text(console).split())
    for word in ("ML Serving did not document it.", "number 3 runs code", "and 5 more", "other.pt"):
        assert word in shown, word
    assert "number 4" not in shown
    assert digests[-1].split(":")[1] in "".join(shown.split())  # what is to be typed is whole
    show_plan(console, plan(settled=(DONE, module)))
    shown = " ".join(text(console).split())
    assert "module: needs you: It runs code." in shown
    assert "Nothing is left to do for 1 of the models." in shown


def test_names_from_outside_cannot_draw(console: Console) -> None:
    show_final(
        console,
        Result(
            command="run",
            exit_code=4,
            models=(Outcome(model="[red]\x1b[31m", outcome="failed", text="[bold]x\x07", task="[link=x]y"),),
        ),
    )
    shown = text(console)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[red]" in shown
    assert "[bold]x" in shown


def plan(**more: object) -> Plan:
    apps = (
        PlannedApp(
            name="iris", models=("iris",), action="create", region="GRA", flavor="ai1-1-cpu", cpu=2,
            replicas_min=1, replicas_max=3, notes=("Memory decides.",),
        ),
        PlannedApp(
            name="t", models=("titanic",), action="another-run", region="GRA", flavor="ai1-1-cpu", cpu=1,
            replicas_min=1, replicas_max=1,
        ),
    )  # fmt: skip
    facts: dict[str, object] = {"cpu_quota": 10, "cpu_used": 4, "authorized": False, "settled": (DONE,), "ignored": 3}
    return Plan(
        **{"source": "ns", "project": "p", "region": "GRA", "layout": "separate", "apps": apps, **facts, **more}
    )  # type: ignore[arg-type]


def test_the_question_names_models_apps_cpus_replicas_quota_and_billing(console: Console) -> None:
    sentence = plan_sentence(plan())
    for word in (
        "1 model",
        "1 new app",
        "2 CPUs",
        "up to 6",
        "1 replica,",
        "billed by the minute",
        "6 of 10 CPUs left",
    ):
        assert word in sentence, word
    assert "not enough" in plan_sentence(plan(cpu_used=9))
    assert " A month costs " not in sentence, "a plan file says it"
    month = Month(least="43.80", most="131.40", known=False)
    assert "A month costs at least 43.80 to 131.40 EUR (prices of 2024, check them)." in plan_sentence(
        plan(month=month, prices_of="2024")
    )
    unknown = plan_sentence(plan(month=Month(least=None, most=None, known=False), prices_of="2024"))
    assert "A month costs a sum that is unknown" in unknown
    show_plan(console, plan())
    shown = text(console)
    for word in ("make an app", "another run", "Memory decides.", "not yet authorized", "3 other files", "1 to 3"):
        assert word in shown, word
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_an_app_that_answers_and_is_replaced_is_told_and_asked_for_by_itself(console: Console) -> None:
    replaced = PlannedApp(
        name="iris", models=("iris",), action="replace", region="GRA", flavor="ai1-1-cpu", cpu=1,
        replicas_min=1, replicas_max=1, notes=("its files have changed",),
    )  # fmt: skip
    told = plan(apps=(replaced,), authorized=True)
    assert told.created == ()
    show_plan(console, told)
    assert "replace the model in its app" in text(console)
    assert "billed" not in text(console)
    assert replace_sentence(told) == (
        "1 app that answers now will give no answers for about a minute, then those of another model: iris. Replace?"
    )


def test_an_app_that_answers_and_gets_other_cpus_is_asked_for_too(console: Console) -> None:
    resized = PlannedApp(
        name="iris", models=("iris",), action="resize", region="GRA", flavor="ai1-1-cpu", cpu=2,
        replicas_min=1, replicas_max=1,
    )  # fmt: skip
    told = plan(apps=(resized,), authorized=True)
    show_plan(console, told)
    assert "give its app other CPUs" in text(console)
    gap = "now will give no answers for about a minute"
    assert replace_sentence(told) == (
        f"1 app that answers {gap}, then the same answers with other CPUs: iris. Restart?"
    )
    both = plan(apps=(resized, replace(resized, models=("titanic",), action="replace")))
    assert replace_sentence(both) == (
        f"2 apps that answer {gap}, then those of another model: titanic; "
        "then the same answers with other CPUs: iris. Replace?"
    )


def test_the_same_note_of_many_apps_is_told_once(console: Console) -> None:
    apps = tuple(
        PlannedApp(
            name=f"m{number}", models=(f"m{number}",), action="create", region="GRA", flavor="f", cpu=1,
            replicas_min=1, replicas_max=1, notes=("The size is not known.",),
        )
        for number in range(12)
    )  # fmt: skip
    show_plan(console, plan(apps=apps, authorized=True))
    shown = " ".join(text(console).split())
    assert shown.count("The size is not known.") == 1
    assert "m8, m9 and 2 more: The size is not known." in shown
    assert "from now on" not in shown
    assert plan_question(plan(apps=apps)) == "Move 12 models to 12 new apps?"


def test_a_listing_shows_models_and_what_is_ignored(console: Console) -> None:
    container = ContainerLocation(region="GRA", container="models", container_id="c", path="iris")
    show_listing(
        console,
        Listing(
            source="ns",
            models=(
                ModelRecord(id="iris", source="ns", framework="onnx", location=container, api_status="running"),
                ModelRecord(id="local", source="ns", location=FolderLocation(path="/models/local")),
                ModelRecord(id="preset", source="ns"),
            ),
            ignored=(Ignored(path="data.csv", size=1_500, reason="no model by its content"),),
        ),
    )
    shown = text(console)
    for word in ("models@GRA/iris", "/models/local", "nowhere known", "data.csv", "1.5 kB", "no model by its content"):
        assert word in shown, word
    show_listing(console, Listing(source="ns", models=()))
    assert "No model was found." in text(console)


def test_the_places_of_a_project_can_be_copied(console: Console) -> None:
    namespace = "3f6d1c52-8a40-4e0b-9d57-0c2b7a9e41d8"
    places = (
        Place(kind="namespace", source=namespace, text="models@GRA, https://0a1b2c3d.c1.gra.serving.ai.ovh.net"),
        Place(kind="container", source="models@GRA", objects=1234, size=67_100_000),
        Place(kind="bucket", source="s3:both@GRA", objects=2, size=10),
    )
    show_places(console, Places(project="p", places=places, serving="ML Serving is gone."))
    shown = text(console)
    assert namespace in shown
    assert "1,234" in shown
    assert "67.1 MB" in shown
    assert "ML Serving is gone." in shown
    assert "s3:both@GRA" in shown
    show_places(console, Places(project="p", places=(), buckets="The keys lack a right."))
    assert "no container" in text(console)
    assert "S3 buckets cannot be seen: The keys lack a right." in text(console)


def test_status_shows_what_exists_and_costs(console: Console) -> None:
    app = AppState(id="9b", unit="unit:iris", models=("iris",), url=NEW, cpu=2, replicas=3, state="RUNNING")
    state = SourceState(
        source="ns", project="p", run="r", journal="/j", last="run 2026, ended with 4", models=(DONE, BROKEN),
        unknown=("new",), apps=(app,), left=("access token x",), asked=True, problem="",
    )  # fmt: skip
    show_sources(console, Sources(sources=(state, state)))
    shown = text(console)
    for word in ("app RUNNING", NEW, "1 of 2 migrated, 1 needs you", "6 CPUs", "access token x", "? new", "truncated"):
        assert word in shown, word
    show_sources(console, Sources(sources=()))
    assert "migrate list" in text(console)


def test_a_story_ends_in_the_next_step(console: Console) -> None:
    story = Story(
        model="broken", source="ns", old_url=None, files="models@GRA/broken", outcome=BROKEN, whose="file",
        timeline=(Moment(at="2026-11-28", run=3, step="fetch", text="it was cut", query_id="EU.ext-1.def"),),
        steps=(StepDone(step="fetch", at="2026", text="446 bytes"),), events=("2026 fetch",),
        evidence=("it ends at byte 446",), effects=("app x: exists",), query_ids=("EU.ext-1.abc",),
        next_step="Upload the complete file.",
    )  # fmt: skip
    show_story(console, story)
    shown = text(console)
    for word in ("needs you truncated", "446 bytes", "it ends at byte 446", "app x: exists", "EU.ext-1.abc"):
        assert word in shown, word
    assert "the model: its files, or what it answers" in shown
    assert "2026-11-28  run 3  fetch  it was cut  query id EU.ext-1.def" in shown
    assert shown.rstrip().endswith("Upload the complete file.")


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (210_000_000, "210 MB"), (10**15, "1000 TB")],
)
def test_sizes(count: int, said: str) -> None:
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.04, "0.0 s"), (9.9, "9.9 s"), (12.4, "12 s"), (59.9, "1 min 00 s"), (185, "3 min 05 s")]
)
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_differences_and_tallies() -> None:
    assert words.difference(None) == "nothing compared"
    assert words.difference(0.0) == "0"
    assert words.amount(3, 5, bytes_=False) == "3/5"
    assert words.amount(3, None, bytes_=True) == "3 B"
    failed = Outcome(model="x", outcome="failed")
    skipped = Outcome(model="y", outcome="skipped")
    assert words.tally((DONE, BROKEN, BROKEN, failed, skipped)) == "1 of 5 migrated, 2 need you, 1 failed, 1 skipped"


def test_a_table_of_very_many_rows_is_counted(console: Console) -> None:
    models = tuple(ModelRecord(id=f"m{number}", source="ns") for number in range(1003))
    show_listing(console, Listing(source="ns", models=models))
    shown = text(console)
    assert "m999" in shown
    assert "m1000" not in shown
    assert "and 3 more; with --json all are named" in shown
