"""Two hundred planted secrets and names in a journal, its logs and the environment: none comes out."""

import re
from contextlib import closing
from pathlib import Path

from migrate.core.errors import NeedsYouError
from migrate.core.events import ModelFinished, Notice, StepFinished
from migrate.core.names import slug
from migrate.core.secret import Secret
from migrate.core.values import (
    App,
    Artifact,
    ArtifactFile,
    ContainerLocation,
    Hazard,
    Inspection,
    Mismatch,
    ModelRecord,
    Parity,
    PushedImage,
    Recording,
    Sample,
    UnsafeFile,
)
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.subjects import model_subject, unit_subject
from migrate.migration.journey.outcomes import ended, keep_evidence
from migrate.ovhcloud.call_log import CallLog, doing
from tests.migration.telling.test_bundle import ENVIRON, answer, bundle, place, texts_of


class Sentinels:
    """Texts that must not come out, each planted once, in the shapes that secrets and names have."""

    SHAPES = (
        "Sent1nel{}",
        "sentinel-{}-prod",
        "SENTINEL_{}",
        "sentinel{}@corp.example",
        "https://sentinel{0}:pw{0}x@h{0}.corp.example/p{0}?sig=s{0}z",
        "/home/sentinel{0}/models/m{0}.onnx",
        "Bearer tok{0}sentinel",
        "password: hunter{}sentinel",
        "key=AKIA{}SENTINEL",
        "sentinel{}.internal.example:5000/team{}",
        "4{:03d}-1111-2222-3333",
        "séntinel{}ü",
    )

    def __init__(self) -> None:
        self.planted: list[str] = []

    def __call__(self) -> str:
        number = 700 + len(self.planted)
        text = self.SHAPES[len(self.planted) % len(self.SHAPES)].replace("{}", "{0}").format(number)
        self.planted.append(text)
        return text

    def found_in(self, text: str) -> list[str]:
        """The planted texts, and parts of them that are no words, that a text holds."""
        low = text.casefold()
        hits = [one for one in self.planted if one.casefold() in low or slug(one) in low]
        parts = {part for one in self.planted for part in re.findall(r"[\w-]*\d{3}[\w-]*", one)}
        return hits + [part for part in parts if re.search(rf"(?<![\w.]){re.escape(part.casefold())}(?![\w])", low)]


def test_no_planted_text_comes_out(tmp_path: Path) -> None:
    new, models = Sentinels(), []
    workspace, folder = place(tmp_path)
    environ = ENVIRON | {"OVH_APPLICATION_SECRET": new(), "OVH_CONSUMER_KEY": new(), "HTTPS_PROXY": new()}
    environ |= {f"SECRET_{number}": new() for number in range(3)}
    known, late = [Secret(new()).reveal() for _ in range(6)], new()
    with closing(Journal.create(folder.journal, source="models@GRA", endpoint="ovh-eu", project="p")) as journal:
        journal.begin(f"run {new()}")
        for _ in range(6):
            name = new()
            models.append(
                ModelRecord(
                    id=name,
                    source=new(),
                    namespace=new(),
                    framework=new(),
                    backend=new(),
                    workflow_template=new(),
                    image_id=new(),
                    old_url=new(),
                    api_status=new(),
                    version_status=new(),
                    recognised=new(),
                    location=ContainerLocation(
                        region=new(), container=new(), container_id=new(), path=new(), beside=(new(),)
                    ),
                )
            )
        journal.list_models(models)
        for record in models:
            subject, unit = model_subject(record.id), unit_subject(record.id)
            journal.put(
                subject,
                "fetch",
                new(),
                Artifact(
                    folder=new(), files=(ArtifactFile(path=new(), size=4711, digest=new()),), size=4711, digest=new()
                ),
            )
            journal.put(
                subject,
                "inspect",
                "k",
                Inspection(
                    format=new(),
                    runtime=new(),
                    verdict="unreadable",
                    reason="file-corrupt",
                    text=f"cut at {new()}",
                    task=new(),
                    hazards=(Hazard(code=new(), text=new(), path=new()),),
                    notes=(new(),),
                    unsafe=(UnsafeFile(path=new(), digest=new(), allowed=True),),
                ),
            )
            journal.put(
                subject,
                "record",
                "k",
                Recording(
                    level="recorded",
                    origin=new(),
                    samples=(Sample(name=new(), request={new(): [new()]}, answer={"y": new()}),),
                ),
            )
            journal.put(unit, "push", "k", PushedImage(reference=new(), digest=new(), registry=new()))
            journal.put(
                unit,
                "deploy",
                "k",
                App(
                    id=new(),
                    name=new(),
                    url=new(),
                    state=new(),
                    region=new(),
                    image=new(),
                    cpu=1,
                    replicas=1,
                    labels={"mls-key": new()},
                ),
            )
            mismatch = Mismatch(
                sample=new(), tensor=new(), index=(0, 1), old=new(), new=new(), difference=0.0123, text=new()
            )
            other = Mismatch(
                sample=new(), tensor=new(), index=(), old=new(), new=new(), difference=None, text=f"is {new()}"
            )
            journal.put(
                subject,
                "prove",
                "k",
                Parity(
                    level="recorded",
                    origin=new(),
                    passed=False,
                    calls=3,
                    worst_difference=0.0123,
                    mismatches=(mismatch, other),
                ),
            )
            effect = journal.effects.intend(
                "app", unit, {"name": new(), "url": new(), "key": new(), "failed": new()}, unit=unit
            )
            journal.effects.done(effect, new(), token=new())
            journal.effects.intend("registration", new(), {"registry": new()}, unit=unit)
            log = (
                f"error: failed to load {new()}",
                f"Authorization: {new()}",
                f"password={new()}",
                new(),
                f"{known[0]}x",
                f"it is {late}",
            )
            keep_evidence(
                journal, record.id, (*log, f"{record.id} said {record.location} at {new()} \x1b[31m\u202e{new()}")
            )
            error = NeedsYouError(
                f"The registry said {new()}: denied for {record.id}, {known[1]}.",
                code="app-image",
                next_step=f"Type: migrate run {new()}",
                query_id=new(),
            )
            outcome = ended(record, error, again=new(), app_id=new())
            journal.finish(outcome)
            journal.note(ModelFinished(outcome=outcome), model=record.id)
            journal.note(Notice(text=f"Waiting for {new()} and {known[2]}", model=record.id), model=record.id)
            journal.note(StepFinished(step="push", model=record.id, seconds=1.0, detail=new()), model=record.id)
        calls = CallLog(workspace.calls)
        calls.about(journal.id, 1)
        for record in models:
            with doing(new(), unit_subject(record.id)):
                calls.record("GET", f"/cloud/{new()}", lambda: answer(403, slug(new())))
        calls.close()
        identity = journal.id
    assert len(new.planted) >= 200
    assert len(new.found_in(folder.journal.read_bytes().decode("utf-8", "ignore"))) > 200  # they can be found
    Secret(late)  # known only now, so the journal holds it
    made = bundle(workspace, environ)
    for text in texts_of(made):
        assert new.found_in(text) == [], text
        assert identity not in text
        assert str(tmp_path) not in text
        assert all(line.isprintable() for line in text.split("\n"))
    assert {one.rule for one in made.removed if one.times} >= {"name", "word", "secret", "value", "text", "form"}
    summary = made.texts["summary.txt"]
    assert summary.count("code       app-image") == 6  # it is not empty for that
    assert "failed to load word-" in summary
    assert set(made.names.values()) >= {record.id for record in models}
