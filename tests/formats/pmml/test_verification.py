"""What a PMML file says of itself: rows with results, types of outputs, and functions that engines differ on."""

from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import NeedsYouError
from migrate.core.values import Inspection
from migrate.formats.inspect import inspect
from migrate.formats.pmml.verification import MAXIMUM_ROWS
from migrate.migration.run.licences import naming_the_other, under_licences
from migrate.migration.run.verification import stated_rows
from migrate.parity.recording import record_reference
from migrate.parity.stated import agrees
from tests.formats.models import artifact
from tests.server.pmml_models import CHAIN, TARGETS, WITHOUT_RESULTS

ROWS = """<ModelVerification recordCount="2"><VerificationFields>
 <VerificationField field="x" column="data:x"/><VerificationField field="k" column="data:x"/>
 <VerificationField field="y" column="data:y" precision="1E-9" zeroThreshold="1E-9"/>
</VerificationFields><InlineTable>
 <row><data:x>1.5</data:x><data:x>2</data:x><data:y>5.5</data:y></row>
 <row><data:x>0.5</data:x><data:x>1</data:x></row>
</InlineTable></ModelVerification>"""
NESTED = '<Apply function="if"><FieldRef field="b"/>'


def text(output: str = "", derived: str = "", targets: str = "", rows: str = ROWS) -> str:
    """A regression, with what is put into it."""
    fields = '<DataField name="y" optype="continuous" dataType="double"/>' + targets
    names = "".join(f'<MiningField name="{one}" usageType="target"/>' for one in ("word", "k2") if one in targets)
    return f"""<PMML xmlns="https://www.dmg.org/PMML-4_4" xmlns:data="http://jpmml.org/jpmml-model/InlineTable"
 version="4.4"><Header/><DataDictionary><DataField name="x" optype="continuous" dataType="double"/>
 <DataField name="k" optype="continuous" dataType="integer"/>{fields}</DataDictionary>
 <TransformationDictionary>{derived}</TransformationDictionary>
 <RegressionModel functionName="regression"><MiningSchema><MiningField name="x"/><MiningField name="k"/>
 <MiningField name="y" usageType="target"/>{names}</MiningSchema><Output>{output}</Output>
 <RegressionTable intercept="1"><NumericPredictor name="x" coefficient="3"/></RegressionTable>{rows}
 </RegressionModel></PMML>"""


def read(folder: Path, content: str) -> Inspection:
    (folder / "m.pmml").write_text(content)
    return inspect(artifact(folder), framework=None)


def test_rows_are_requests_and_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    found = read(tmp_path, text())
    assert found.verdict == "ready", found
    rows = stated_rows(artifact(tmp_path), found.settings)
    assert [row.request for row in rows.expected] == [{"x": [1.5], "k": [2]}, {"x": [0.5], "k": [1]}]
    assert [row.results for row in rows.expected] == [{"y": "5.5"}, {"y": None}]
    assert not stated_rows(artifact(tmp_path), read(tmp_path, text(rows="")).settings).expected


def test_a_long_in_a_row_is_asked_to_its_last_digit(tmp_path: Path) -> None:
    rows = ROWS.replace("<data:x>2</data:x>", "<data:x>9007199254740993</data:x>").replace(">1<", ">-3.0<")
    stated = stated_rows(artifact(tmp_path), read(tmp_path, text(rows=rows)).settings).expected
    assert [row.request["k"] for row in stated] == [[2**53 + 1], [-3]]


def test_no_more_is_read_than_rows_that_are_asked_and_texts_that_are_values(tmp_path: Path) -> None:
    """Each end of a line is a piece of text of its own: what a cell holds is not counted anew for each."""
    cell = "5.5" + "\n" * 500_000
    row = f"<row><x>1</x><k>2</k><y>{cell}</y>{'<z/>' * 20_000}</row>"
    fields = "".join(f'<VerificationField field="{name}"/>' for name in ("x", "k", "y", *map(str, range(5000))))
    table = f"<InlineTable>{row}{'<row><x>2</x></row>' * 100}</InlineTable>"
    rows = f"<ModelVerification><VerificationFields>{fields}</VerificationFields>{table}</ModelVerification>"
    found = read(tmp_path, text(rows=rows))
    stated = stated_rows(artifact(tmp_path), found.settings).expected
    assert len(stated) == MAXIMUM_ROWS
    assert stated[0].request == {"x": [1.0], "k": [2]}
    assert str(stated[0].results["y"]).strip() == "5.5"


@pytest.mark.parametrize(
    ("answers", "right"), [(([5.5], [None]), True), (([5.6], [None]), False), (([5.5], [2.5]), False)]
)
def test_an_engine_that_gives_the_rows_is_verified_and_another_is_named(
    tmp_path: Path, answers: tuple[list[Any], list[Any]], right: bool
) -> None:
    found = read(tmp_path, text())
    rows = stated_rows(artifact(tmp_path), found.settings)
    left = iter(answers)

    def ask(line: Any) -> dict[str, Any]:
        return {"known": {}} if "model" in line else {"outputs": {"y": next(left, [1.0])}}

    if right:
        recording = record_reference(found.settings, ask, "o", rows=rows)
        assert (recording.level, recording.samples[0].answer) == ("verified", {"y": [5.5]})
        return
    with pytest.raises(NeedsYouError, match="contradicts the model's file") as error, naming_the_other("pmml"):
        record_reference(found.settings, ask, "o", rows=rows)
    assert error.value.code == "verification-differs"
    assert "--accept-agpl" in str(error.value.next_step)


def test_values_agree_within_what_the_file_says() -> None:
    assert agrees("1", 1.0, 1e-6, 1e-16)
    assert agrees("1.0", 1.0000001, 1e-6, 1e-16)
    assert not agrees("1.0", 1.0001, 1e-6, 1e-16)
    assert agrees("0", 1e-12, 1e-6, 1e-11)
    assert agrees("a b", "a b", 1e-6, 1e-16)
    assert not agrees("a", "b", 1e-6, 1e-16)
    assert agrees("true", True, 1e-6, 1e-16)
    assert not agrees("1.0", None, 1e-6, 1e-16)
    assert agrees("INF", float("inf"), 1e-6, 1e-16)
    assert not agrees("INF", 5.0, 1e-6, 1e-16)
    assert not agrees("-INF", float("inf"), 1e-6, 1e-16)


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ('<Apply function="+"><FieldRef field="y"/><Constant>1</Constant></Apply>', "double"),
        ('<Apply function="concat"><FieldRef field="y"/><Constant>1</Constant></Apply>', "string"),
        ('<Apply function="greaterThan"><FieldRef field="y"/><Constant>1</Constant></Apply>', "boolean"),
        ('<FieldRef field="k"/>', "long"),
        ('<FieldRef field="d"/>', "float"),
        ('<Constant>"3"</Constant>', "string"),
        ("<Constant>3</Constant>", "double"),
        ('<NormContinuous field="x"><LinearNorm orig="0" norm="0"/></NormContinuous>', "double"),
        (
            '<Apply function="if"><FieldRef field="b"/><Constant>1</Constant><FieldRef field="k"/></Apply>',
            "double",
        ),
        ('<Apply function="if"><FieldRef field="b"/><Constant>a</Constant><Constant>b</Constant></Apply>', "string"),
        pytest.param(f"{NESTED * 480}<Constant>a</Constant>{'</Apply>' * 480}", "string", id="deep"),
        ('<Decisions><Apply function="if"/></Decisions>', "double"),
        ("<Decisions><Decision/></Decisions>", "string"),
    ],
)
def test_an_output_without_a_type_has_that_of_its_expression(tmp_path: Path, expression: str, word: str) -> None:
    output = f'<OutputField name="g" feature="transformedValue">{expression}</OutputField>'
    derived = '<DerivedField name="d" optype="continuous" dataType="float"><FieldRef field="x"/></DerivedField>'
    outputs = read(tmp_path, text(output, derived)).settings.outputs
    assert {one.name: one.type for one in outputs}["g"] == word


def test_the_last_model_of_a_chain_has_the_outputs_of_the_chain(tmp_path: Path) -> None:
    assert [one.name for one in read(tmp_path, CHAIN).settings.outputs] == ["y", "p(no)", "p(yes)"]
    # of a chain at the end of a chain, its own last model
    first, inner = CHAIN.split('<Segment id="2">')
    model = CHAIN[CHAIN.index("<MiningModel") : CHAIN.index("</PMML>")]
    renamed = model.replace("p(", "q(")
    nested = (
        f'{first}<Segment id="2">{inner.split("</Segment>")[0]}</Segment><Segment id="3"><True/>{renamed}</Segment>'
    )
    whole = f"{nested}</Segmentation></MiningModel></PMML>"
    assert [one.name for one in read(tmp_path, whole).settings.outputs] == ["y", "q(no)", "q(yes)"]
    # the models of a vote have results of their own, which are not those of the vote
    voted = CHAIN.replace("modelChain", "majorityVote")
    assert [one.name for one in read(tmp_path, voted).settings.outputs] == ["y"]


def test_each_target_has_its_own_type(tmp_path: Path) -> None:
    targets = (
        '<DataField name="word" optype="categorical" dataType="string"/>'
        '<DataField name="k2" optype="categorical" dataType="integer"/>'
    )
    outputs = read(tmp_path, text(targets=targets)).settings.outputs
    assert {one.name: one.type for one in outputs} == {"y": "double", "word": "string", "k2": "long"}


def test_what_pmml4s_differs_on_is_named_before_anything_is_built(tmp_path: Path) -> None:
    apply = '<Apply function="modulo"><FieldRef field="k"/><Constant>2</Constant></Apply>'
    derived = f'<DerivedField name="d" optype="continuous" dataType="integer">{apply}</DerivedField>'
    found = read(tmp_path, text(derived=derived))
    free, accepted = (under_licences(found, accept_agpl=accept) for accept in (False, True))
    assert any("modulo" in note and "--accept-agpl" in note for note in free.notes)
    assert not any("modulo" in note for note in accepted.notes)


@pytest.mark.parametrize(
    ("content", "computed"),
    [
        (TARGETS, True),
        (WITHOUT_RESULTS, False),
        (CHAIN.replace("modelChain", "x-multiModelChain"), False),
        (CHAIN, True),
    ],
)
def test_what_pmml4s_does_not_compute_needs_the_other_engine_from_the_start(
    tmp_path: Path, content: str, computed: bool
) -> None:
    found = read(tmp_path, content)
    free, accepted = (under_licences(found, accept_agpl=accept) for accept in (False, True))
    assert (accepted.verdict, accepted.runtime) == ("ready", "jpmml")
    assert free.verdict == ("ready" if computed else "needs-attention")
    if not computed:
        assert (free.runtime, free.reason) == (None, "pmml-engine")
        assert "--accept-agpl" in free.task
