"""PMML files for both engines: the samples, one with every treatment of values, and one of each version."""

from pathlib import Path
from typing import Any

from tests.server.format_models import field, write

MEASUREMENTS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")
TABLE = [field(name, "double", -1) for name in MEASUREMENTS]
SAMPLES: dict[str, dict[str, Any]] = {
    "species-regression": {
        "engine": "pmml",
        "entry": "species-regression.pmml",
        "inputs": TABLE,
        "outputs": [field("species", "string", -1), *(field(f"p_{one}", "double", -1) for one in SPECIES)],
        "pmml": {"sanitised": True},
    },
    "species-tree": {
        "engine": "pmml",
        "entry": "species-tree.pmml",
        "inputs": TABLE,
        "outputs": [field("species", "string", -1)],
        "pmml": {"sanitised": True},
    },
}
TRICKY = """<PMML xmlns="http://www.dmg.org/PMML-4_3" version="4.3"><Header/>
 <DataDictionary>
  <DataField name="x" optype="continuous" dataType="float"/>
  <DataField name="n" optype="continuous" dataType="integer"/>
  <DataField name="c" optype="categorical" dataType="string"><Value value="a"/><Value value="b"/></DataField>
  <DataField name="y" optype="continuous" dataType="double"/>
 </DataDictionary>
 <RegressionModel functionName="regression" targetFieldName="y">
  <MiningSchema>
   <MiningField name="x" missingValueReplacement="2.5"/><MiningField name="n"/>
   <MiningField name="c" invalidValueTreatment="returnInvalid"/><MiningField name="y" usageType="target"/>
  </MiningSchema>
  <Output>
   <OutputField name="predicted_y" feature="predictedValue" dataType="double" optype="continuous"/>
   <OutputField name="twice" feature="transformedValue" dataType="double" optype="continuous">
    <Apply function="*"><FieldRef field="predicted_y"/><Constant dataType="double">2</Constant></Apply>
   </OutputField>
  </Output>
  <RegressionTable intercept="1">
   <NumericPredictor name="x" coefficient="2"/><NumericPredictor name="n" coefficient="0.5"/>
   <CategoricalPredictor name="c" value="b" coefficient="10"/>
  </RegressionTable>
 </RegressionModel>
</PMML>
"""
TRICKY_SETTINGS: dict[str, Any] = {
    "engine": "pmml",
    "entry": "model.pmml",
    "inputs": [field("x", "float", -1), field("n", "long", -1), field("c", "string", -1)],
    "outputs": [field("y", "double", -1)],
}
# A model without a target: its result has no name.
UNNAMED = """<PMML xmlns="http://www.dmg.org/PMML-4_3" version="4.3"><Header/>
 <DataDictionary><DataField name="x" optype="continuous" dataType="double"/></DataDictionary>
 <ClusteringModel functionName="clustering" modelClass="centerBased" numberOfClusters="2">
  <MiningSchema><MiningField name="x"/></MiningSchema>
  <ComparisonMeasure kind="distance"><squaredEuclidean/></ComparisonMeasure>
  <ClusteringField field="x" compareFunction="absDiff"/>
  <Cluster id="low"><Array n="1" type="real">1</Array></Cluster>
  <Cluster id="high"><Array n="1" type="real">10</Array></Cluster>
 </ClusteringModel>
</PMML>
"""
UNNAMED_SETTINGS: dict[str, Any] = {
    "engine": "pmml",
    "entry": "model.pmml",
    "inputs": [field("x", "double", -1)],
    "outputs": [field("predictedValue", "string", -1)],
}
# A text with a number in it.
WORDED = """<PMML xmlns="http://www.dmg.org/PMML-4_3" version="4.3"><Header/>
 <DataDictionary>
  <DataField name="x" optype="continuous" dataType="double"/>
  <DataField name="y" optype="continuous" dataType="double"/>
 </DataDictionary>
 <RegressionModel functionName="regression" targetFieldName="y">
  <MiningSchema><MiningField name="x"/><MiningField name="y" usageType="target"/></MiningSchema>
  <Output>
   <OutputField name="text" feature="transformedValue" dataType="string" optype="categorical">
    <Apply function="formatNumber"><FieldRef field="x"/><Constant dataType="string">%.2f</Constant></Apply>
   </OutputField>
  </Output>
  <RegressionTable intercept="1"><NumericPredictor name="x" coefficient="2"/></RegressionTable>
 </RegressionModel>
</PMML>
"""
WORDED_SETTINGS: dict[str, Any] = {
    "engine": "pmml",
    "entry": "model.pmml",
    "inputs": [field("x", "double", -1)],
    "outputs": [field("text", "string", -1)],
}
# A chain, as gradient boosting is exported: the outputs of its last model are those of the whole.
CHAIN = """<PMML xmlns="http://www.dmg.org/PMML-4_3" version="4.3"><Header/>
 <DataDictionary>
  <DataField name="x" optype="continuous" dataType="double"/>
  <DataField name="y" optype="categorical" dataType="string"><Value value="no"/><Value value="yes"/></DataField>
 </DataDictionary>
 <MiningModel functionName="classification">
  <MiningSchema><MiningField name="x"/><MiningField name="y" usageType="target"/></MiningSchema>
  <Segmentation multipleModelMethod="modelChain">
   <Segment id="1"><True/>
    <RegressionModel functionName="regression">
     <MiningSchema><MiningField name="x"/></MiningSchema>
     <Output><OutputField name="raw" feature="predictedValue" dataType="double" optype="continuous"
       isFinalResult="false"/></Output>
     <RegressionTable intercept="-1"><NumericPredictor name="x" coefficient="2"/></RegressionTable>
    </RegressionModel>
   </Segment>
   <Segment id="2"><True/>
    <RegressionModel functionName="classification" normalizationMethod="logit">
     <MiningSchema><MiningField name="raw"/><MiningField name="y" usageType="target"/></MiningSchema>
     <Output>
      <OutputField name="p(no)" feature="probability" value="no" dataType="double" optype="continuous"/>
      <OutputField name="p(yes)" feature="probability" value="yes" dataType="double" optype="continuous"/>
     </Output>
     <RegressionTable targetCategory="yes" intercept="0">
      <NumericPredictor name="raw" coefficient="1"/>
     </RegressionTable>
     <RegressionTable targetCategory="no" intercept="0"/>
    </RegressionModel>
   </Segment>
  </Segmentation>
 </MiningModel>
</PMML>
"""
CHAIN_SETTINGS: dict[str, Any] = {
    "engine": "pmml",
    "entry": "model.pmml",
    "inputs": [field("x", "double", -1)],
    "outputs": [field("y", "string", -1), field("p(no)", "double", -1), field("p(yes)", "double", -1)],
}
# The nearest row's values: z has the outputs of the file, where it has any.
_FOUND = """<Output>
  <OutputField name="output_1" feature="predictedValue" targetField="y" dataType="double" optype="continuous"/>
  <OutputField name="output_2" feature="predictedValue" targetField="z" dataType="double" optype="continuous"/>
 </Output>"""
WITHOUT_RESULTS = """<PMML xmlns="http://www.dmg.org/PMML-4_3" version="4.3"><Header/>
 <DataDictionary>
  <DataField name="x" optype="continuous" dataType="double"/>
  <DataField name="y" optype="continuous" dataType="double"/>
  <DataField name="z" optype="continuous" dataType="double"/>
 </DataDictionary>
 <NearestNeighborModel functionName="regression" numberOfNeighbors="1">
  <MiningSchema>
   <MiningField name="x"/><MiningField name="y" usageType="target"/><MiningField name="z" usageType="target"/>
  </MiningSchema>
  <TrainingInstances>
   <InstanceFields>
    <InstanceField field="x" column="x"/><InstanceField field="y" column="y"/><InstanceField field="z" column="z"/>
   </InstanceFields>
   <InlineTable>
    <row><x>1</x><y>10</y><z>-1.5</z></row><row><x>2</x><y>20</y><z>-2.5</z></row>
   </InlineTable>
  </TrainingInstances>
  <ComparisonMeasure kind="distance"><euclidean/></ComparisonMeasure>
  <KNNInputs><KNNInput field="x"/></KNNInputs>
 </NearestNeighborModel>
</PMML>
"""
TARGETS = WITHOUT_RESULTS.replace("</MiningSchema>", f"</MiningSchema>{_FOUND}")
TARGETS_SETTINGS: dict[str, Any] = {
    "engine": "pmml",
    "entry": "model.pmml",
    "inputs": [field("x", "double", -1)],
    "outputs": [field("y", "double", -1), field("z", "double", -1)],
}
# A model of every version: written as that version's exporters did, with the usage type of its time.
VERSIONS = ("3.0", "3.1", "3.2", "4.0", "4.1", "4.2", "4.3", "4.4")
VERSION_SETTINGS: dict[str, Any] = {
    "engine": "pmml",
    "entry": "model.pmml",
    "inputs": [field("x", "double", -1), field("c", "string", -1)],
    "outputs": [field("y", "double", -1)],
    "pmml": {"sanitised": True},
}


def version_text(version: str, *, namespace: bool = True) -> str:
    """A regression of a version: y = 1 + 2 x + 10 (c is b), where a missing x is 2."""
    declared = f' xmlns="http://www.dmg.org/PMML-{version.replace(".", "_")}"' if namespace else ""
    usage = "target" if version in {"4.2", "4.3", "4.4"} else "predicted"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<PMML version="{version}"{declared}><Header copyright="nobody"/>
 <DataDictionary numberOfFields="3">
  <DataField name="x" optype="continuous" dataType="double"/>
  <DataField name="c" optype="categorical" dataType="string"><Value value="a"/><Value value="b"/></DataField>
  <DataField name="y" optype="continuous" dataType="double"/>
 </DataDictionary>
 <RegressionModel functionName="regression" modelType="linearRegression" targetFieldName="y">
  <MiningSchema>
   <MiningField name="x" missingValueReplacement="2"/><MiningField name="c"/><MiningField name="y" usageType="{usage}"/>
  </MiningSchema>
  <RegressionTable intercept="1">
   <NumericPredictor name="x" exponent="1" coefficient="2"/>
   <CategoricalPredictor name="c" value="b" coefficient="10"/>
  </RegressionTable>
 </RegressionModel>
</PMML>
"""


def with_engine(settings: dict[str, Any], engine: str) -> dict[str, Any]:
    """The settings of a PMML model, served by one of the engines."""
    return {**settings, "engine": engine, engine: settings.get("pmml", {})}


def write_models(root: Path, engine: str) -> None:
    """Model folders for an engine: the samples, tricky ones, one of each version, and one without a namespace."""
    for model_id, settings in SAMPLES.items():
        write(root / model_id, with_engine(settings, engine), sample=model_id)
    write_text(root / "tricky", with_engine(TRICKY_SETTINGS, engine), TRICKY)
    write_text(root / "unnamed", with_engine(UNNAMED_SETTINGS, engine), UNNAMED)
    write_text(root / "chain", with_engine(CHAIN_SETTINGS, engine), CHAIN)
    write_text(root / "targets", with_engine(TARGETS_SETTINGS, engine), TARGETS)
    write_text(root / "bare", with_engine(VERSION_SETTINGS, engine), version_text("3.0", namespace=False))
    for version in VERSIONS:
        write_text(root / f"v{version}", with_engine(VERSION_SETTINGS, engine), version_text(version))


def write_text(folder: Path, settings: dict[str, Any], text: str) -> None:
    """A model folder with this PMML."""
    (write(folder, settings) / "files/model.pmml").write_text(text)


def doubling(times: int) -> str:
    """A regression of f(x) for x above 0, where f adds 1 as often as 2 to the power of ``times``."""

    def apply(function: str, *arguments: str) -> str:
        return f'<Apply function="{function}">{"".join(arguments)}</Apply>'

    def define(number: int) -> str:
        one, given = '<Constant dataType="double">1</Constant>', '<FieldRef field="a"/>'
        before = f"f{number - 1}"
        body = apply(before, apply(before, given)) if number else apply("+", given, one)
        kind = 'optype="continuous" dataType="double"'
        return f'<DefineFunction name="f{number}" {kind}><ParameterField name="a" {kind}/>{body}</DefineFunction>'

    x = '<FieldRef field="x"/>'
    above = apply("greaterThan", x, '<Constant dataType="double">0</Constant>')
    return f"""<PMML xmlns="http://www.dmg.org/PMML-4_3" version="4.3"><Header/>
 <DataDictionary>
  <DataField name="x" optype="continuous" dataType="double"/><DataField name="y" optype="continuous" dataType="double"/>
 </DataDictionary>
 <TransformationDictionary>{"".join(define(number) for number in range(times + 1))}
  <DerivedField name="d" optype="continuous" dataType="double">
   {apply("if", above, apply(f"f{times}", x), x)}
  </DerivedField>
 </TransformationDictionary>
 <RegressionModel functionName="regression" targetFieldName="y">
  <MiningSchema><MiningField name="x"/><MiningField name="y" usageType="target"/></MiningSchema>
  <RegressionTable intercept="1"><NumericPredictor name="d" coefficient="1"/></RegressionTable>
 </RegressionModel>
</PMML>"""
