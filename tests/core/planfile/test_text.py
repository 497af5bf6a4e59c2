"""The plan file as bytes: stable, covered by its digest, and refused in one sentence where anybody tampered with it."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from migrate.core.errors import ExitCode, UsageError
from migrate.core.planfile import text
from migrate.core.planfile.content import PlannedSource
from migrate.core.planfile.text import decode, digest_of_plan, encode
from tests.core.planfile.samples import model, sample

Json = dict[str, Any]


def bytes_of(plan: Json, *, signed: bool = True) -> bytes:
    """The file of any JSON; with the digest that belongs to it, as somebody who knows how may make it."""
    if signed and isinstance(plan.get("plan"), dict):
        compact = json.dumps(plan["plan"], separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        plan["digest"] = f"sha256:{hashlib.sha256(compact).hexdigest()}"
    return json.dumps(plan, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")


def fields() -> Json:
    found: Json = json.loads(encode(sample()))
    return found


def refused(data: bytes) -> UsageError:
    with pytest.raises(UsageError) as caught:
        decode(data, "plan.json")
    error = caught.value
    assert error.code == "bad-plan"
    assert error.exit_code == ExitCode.USAGE
    assert error.what.startswith("plan.json is no plan that can be used: ")
    assert error.what.isprintable()
    assert error.what.endswith(".")
    assert len(error.what) < 500
    assert error.next_step
    return error


def test_what_is_written_is_read_and_equal_plans_are_equal_texts() -> None:
    made = sample()
    assert decode(encode(made), "plan.json") == made
    assert encode(made) == encode(sample())
    assert encode(made).endswith(b"}\n")
    assert decode(bytes_of(fields()), "plan.json") == made, "the helper of the tests below signs as the tool does"


def test_blanks_and_line_ends_do_not_count() -> None:
    made = sample()
    assert decode(encode(made).replace(b"\n", b"\r\n"), "plan.json") == made
    assert decode(json.dumps(fields(), separators=(",", ":")).encode(), "plan.json") == made


def test_the_digest_covers_the_plan_and_not_its_forecast() -> None:
    made = sample()
    later = replace(made, forecast=replace(made.forecast, seconds=1.0, basis="medians of 40 steps"))
    assert decode(encode(later), "plan.json").digest == made.digest
    compact = json.dumps(fields()["plan"], separators=(",", ":")).encode()
    assert made.digest == f"sha256:{hashlib.sha256(compact).hexdigest()}", "anybody can check it, as docs/plan.md says"
    for changed in ("version", "project"):
        assert digest_of_plan(replace(made.plan, **{changed: "9"})) != made.digest


def test_names_that_a_terminal_would_obey_are_kept_and_written_as_escapes() -> None:
    names = ["a\x1b[31mred", "\u202egnp.xnno", "né\u00a0é", "\U000e0041tag", "line\u2028two", "\x7f"]
    made = sample(models=tuple(model(name) for name in names), apps=(), tasks=())
    data = encode(made)
    assert data.decode().replace("\n", "").isprintable()
    assert "né" in data.decode()
    assert [one.id for one in decode(data, "plan.json").plan.models] == names


Change = Callable[[Json], object]

HOSTILE: dict[str, Change] = {
    "an unknown field": lambda plan: plan["plan"].update(extra=1),
    "an unknown field in an object": lambda plan: plan["plan"]["models"][0]["objects"][0].update(path="/etc/passwd"),
    "an unknown field of a scaling": lambda plan: plan["plan"]["apps"][0]["scaling"].update(more=1),
    "a missing field": lambda plan: plan["plan"].pop("project"),
    "another schema": lambda plan: plan.update(schema=2),
    "a text for a number": lambda plan: plan["plan"]["apps"][0].update(cpu="1"),
    "a fraction for a count": lambda plan: plan["plan"]["models"][0]["objects"][0].update(size=1.5),
    "a negative size": lambda plan: plan["plan"]["models"][0]["objects"][0].update(size=-1),
    "a number beyond all": lambda plan: plan["plan"]["models"][0]["objects"][0].update(size=10**400),
    "replicas without end": lambda plan: plan["plan"]["apps"][1]["scaling"].update(replicas=10**6),
    "no replicas at all": lambda plan: plan["plan"]["apps"][1]["scaling"].update(replicas=0),
    "CPUs without end": lambda plan: plan["plan"]["apps"][0].update(cpu=1000),
    "a size of nothing": lambda plan: plan["plan"]["apps"][0].update(cpu=0),
    "a name too long": lambda plan: plan["plan"]["models"][0].update(id="x" * 5000),
    "a sentence with an escape": lambda plan: plan["plan"]["tasks"][0].update(text="\x1b]0;owned\x07"),
    "a sentence read backwards": lambda plan: plan["plan"]["tasks"][0].update(text="\u202eevas si sihT"),
    "a line end in a version": lambda plan: plan["plan"].update(version="0.1.0\n"),
    "an amount that is none": lambda plan: plan["plan"]["prices"]["flavors"][0].update(hour="1e999999"),
    "a cost that is too low": lambda plan: plan["plan"]["apps"][0]["month"].update(least="0.01"),
    "a sum that is too low": lambda plan: plan["plan"]["summary"]["month"].update(least="0.01", most="0.01"),
    "a tally that hides one": lambda plan: plan["plan"]["summary"]["verdicts"].pop(),
    "a model twice": lambda plan: plan["plan"]["models"].append(plan["plan"]["models"][0]),
    "an object twice": lambda plan: plan["plan"]["models"][0]["objects"].append(
        plan["plan"]["models"][0]["objects"][1]
    ),
    "an app of another's model": lambda plan: plan["plan"]["apps"][0].update(models=["elsewhere"]),
    "an app of a broken model": lambda plan: plan["plan"]["apps"][0].update(models=["cut"]),
    "a model in two apps": lambda plan: plan["plan"]["apps"][0].update(models=["titanic"]),
    "an app elsewhere": lambda plan: plan["plan"]["apps"][0].update(region="BHS"),
    "an unknown flavor": lambda plan: plan["plan"]["apps"][0].update(flavor="ai1-1-gpu"),
    "an unknown runtime": lambda plan: plan["plan"]["models"][0].update(runtime="../../x"),
    "a registry that is an option": lambda plan: plan["plan"]["decisions"].update(registry="--privileged"),
    "a registry with a password": lambda plan: plan["plan"]["decisions"].update(registry="user:pw@evil.test"),
    "an image that is a command": lambda plan: plan["plan"]["decisions"].update(base_image="x\nRUN id"),
    "a digest that is a path": lambda plan: plan["plan"]["decisions"].update(allow_unsafe=["/etc/passwd"]),
    "sizes that contradict": lambda plan: plan["plan"]["decisions"].update(replicas=1, scale_min=2),
    "a samples folder": lambda plan: plan["plan"]["decisions"].update(samples="/home/me/samples"),
    "tasks out of number": lambda plan: plan["plan"]["tasks"][0].update(number=7),
    "nesting without end": lambda plan: plan["plan"].update(models=json.loads("[" * 500 + "]" * 500)),
    "no models": lambda plan: plan["plan"].update(models=[]),
    "a forecast of others": lambda plan: plan["forecast"]["models"].pop(),
    "a list for the plan": lambda plan: plan.update(plan=[]),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_plan_of_a_hostile_hand_is_refused_though_its_digest_fits(change: Change) -> None:
    plan = fields()
    change(plan)
    refused(bytes_of(plan))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe{}",
        b"\x00" * 100,
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b'"' + b"\\" * 999_999,
        b'"' + b'\\"' * 1_000_000,
        b'"\\\n' * 300_000,
        b'" ' * 1_000_001,
        b'{"schema": 1}',
        encode(sample()) + b"{}",
        b"\xef\xbb\xbf" + encode(sample()),
        encode(sample()).replace(b'"onnx"', b'"\xc0\xaf"', 1),
        encode(sample()).replace(b'"onnx"', b'"\\ud800"', 1),
    ],
    ids=range(17),
)
def test_what_is_no_plan_at_all_is_refused(data: bytes) -> None:
    refused(data)


def test_a_field_that_stands_twice_or_is_spelled_otherwise_is_refused() -> None:
    data = encode(sample())
    for was, now in (
        (b'"project": "p1"', b'"project": "p0",\n    "project": "p1"'),
        (b'"project": "p1"', b'"project": "\\u0070\\u0031"'),
        (b'"project": "p1"', b'"pr\\u006fject": "p1"'),
        (b'"rehearsal_timeout": 300.0', b'"rehearsal_timeout": 3e2'),
    ):
        assert data.count(was) == 1
        assert "twice, out of its order or in another form" in refused(data.replace(was, now)).what
    plan = fields()
    plan["plan"] = dict(reversed(plan["plan"].items()))
    refused(bytes_of(plan))


def test_a_change_by_hand_is_told_by_the_digest() -> None:
    plan = fields()
    plan["plan"]["project"] = "p2"
    assert "somebody has changed it" in refused(bytes_of(plan, signed=False)).what


def test_a_file_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LARGEST", 1000)
    assert "larger than" in refused(b" " * 1001).what
    with pytest.raises(UsageError, match="cannot be written as a plan: it is larger"):
        sample()


def test_what_a_plan_cannot_hold_is_told_when_it_is_made() -> None:
    with pytest.raises(UsageError, match="cannot be written as a plan: a text in it holds characters"):
        sample(source=PlannedSource(kind="container", name="models@GRA/a\nb"))
    with pytest.raises(UsageError, match="cannot be written as a plan"):
        sample(models=(model("x" * 2000),), apps=(), tasks=())


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(["", "\0", "../../etc/passwd", "\u202e", "x" * 5000, "sha256:" + "0" * 64, "unknown", "1e99"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_mutation_is_refused_in_one_sentence_or_is_a_plan_that_agrees_with_itself(data: st.DataObject) -> None:
    plan = fields()
    signed = data.draw(st.booleans())
    for _ in range(data.draw(st.integers(1, 3))):
        _mutate(plan, data)
    text_of = bytes_of(plan, signed=signed)
    try:
        found = decode(text_of, "plan.json")
    except UsageError:
        refused(text_of)
    else:
        assert decode(encode(found), "plan.json") == found
        assert found.digest == digest_of_plan(found.plan)


def _mutate(plan: Json, data: st.DataObject) -> None:
    """Puts something odd anywhere, takes something away, or doubles it."""
    at: Any = plan
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        inner = at[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.integers(0, 3)):
            at = inner
            continue
        break
    how = data.draw(st.sampled_from(["odd", "gone", "more"]))
    if how == "odd":
        at[key] = data.draw(ODD)
    elif how == "gone":
        del at[key]
    elif isinstance(at, list):
        at.insert(key, at[key])
    else:
        at[data.draw(st.text(max_size=8))] = data.draw(ODD)
