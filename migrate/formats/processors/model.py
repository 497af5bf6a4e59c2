"""The small processors: manifests without a model file (contract: Old processors)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from migrate.core.model_json import DatetimeSettings, Field, IntervalSettings, ModelJson, Scale, ScalerSettings
from migrate.formats.manifest.fields import NUMERIC, FieldReader
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import quoted

RUNTIME: Final = "processors"

# Formats of numbers: moments since 1970 in UTC, and parts of a date, which nothing can be decoded from.
_MOMENTS: Final = frozenset(f"TS_{unit}" for unit in ("Y", "MO", "D", "H", "MI", "S", "MS", "US", "NS"))
_PARTS: Final = frozenset({"YEAR", "MONTH", "DAYOFMONTH", "DAYOFWEEK", "HOUROFDAY", "MINUTEOFHOUR"})

# java.time.format.DateTimeFormatterBuilder.appendPattern: letters with a meaning, text in quotes, the rest as it is.
_PATTERN: Final = re.compile(r"(?:'[^']*'|[GuyDMLdQqYwWEecFaBhKkHmsSAnNVvzOXxZp]|[^A-Za-z'{}#])+")


def read_scaler(_: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
    """``standard_scaler``: the k-th output is the k-th input less its mean, by its standard deviation.

    Raises:
        FormatError: The manifest is not valid.
    """
    reader.only(content, ("inputs", "outputs", "mean_std_map"))
    inputs, outputs = _columns(reader, content)
    if len(inputs) != len(outputs):
        reader.fail(f"it has {len(inputs)} inputs and {len(outputs)} outputs, and scales one to one")
    scales = content.get("mean_std_map")
    if not isinstance(scales, dict):
        reader.fail("it has no mean_std_map")
    found: dict[str, Scale] = {}
    for name in (field.name for field in inputs):
        scale = scales.get(name)
        if not isinstance(scale, dict):
            reader.fail(f"mean_std_map has nothing for {quoted(name)}")
        mean, std = (reader.number(scale.get(key), f"the {key} of {quoted(name)}") for key in ("mean", "std"))
        found[name] = Scale(mean, std)
    made = ModelJson(
        engine="scaler",
        entry=reader.name,
        manifest=True,
        inputs=inputs,
        outputs=outputs,
        scaler=ScalerSettings(found),
    )
    return Found("standard_scaler", RUNTIME, made)


def read_interval(_: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
    """``pi``: for each input the quantiles 0.05 and 0.95 of a normal distribution around its value.

    Raises:
        FormatError: The manifest is not valid.
    """
    reader.only(content, ("inputs", "outputs", "residuals_std"))
    inputs, outputs = _columns(reader, content)
    residuals = content.get("residuals_std")
    if not isinstance(residuals, dict):
        reader.fail("it has no residuals_std")
    found: dict[str, float] = {}
    computed: set[str] = set()
    for name in (field.name for field in inputs):
        found[name] = reader.number(residuals.get(name), f"the residuals_std of {quoted(name)}")
        computed |= {f"{name}_quantile_inf", f"{name}_quantile_sup"}
    for field in outputs:
        if field.name not in computed:
            there = ", ".join(map(quoted, sorted(computed)[:6]))
            reader.fail(f"the output {quoted(field.name)} is not computed: there are {there}")
    made = ModelJson(
        engine="pi",
        entry=reader.name,
        manifest=True,
        inputs=inputs,
        outputs=outputs,
        pi=IntervalSettings(found),
    )
    return Found("pi", RUNTIME, made)


def read_datetime(_: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
    """``datetime_encoder``: one date or moment, written in the format of each output.

    Raises:
        FormatError: The manifest is not valid.
    """
    reader.only(content, ("inputs", "outputs"))
    inputs = tuple(_dated(reader, item, "inputs") for item in reader.items(content, "inputs"))
    outputs = tuple(_dated(reader, item, "outputs") for item in reader.items(content, "outputs"))
    if len(inputs) != 1 or not outputs:
        reader.fail(f"it has {len(inputs)} inputs and {len(outputs)} outputs, and needs one input and an output")
    formats = DatetimeSettings(
        inputs={field.name: field.format or "" for field in inputs},
        outputs={field.name: field.format or "" for field in outputs},
    )
    made = ModelJson(
        engine="datetime_encoder",
        entry=reader.name,
        manifest=True,
        inputs=inputs,
        outputs=outputs,
        datetime_encoder=formats,
    )
    return Found("datetime_encoder", RUNTIME, made)


def _dated(reader: FieldReader, item: Mapping[str, Any], role: str) -> Field:
    field = reader.field(item, role)
    name, word = quoted(field.name), item.get("format")
    if not isinstance(word, str) or not word:
        reader.fail(f"the field {name} has no format")
    if field.type == "string":
        if len(word) > 256 or not _PATTERN.fullmatch(word):
            reader.fail(f"the format {quoted(word)} of {name} is no pattern of Java's DateTimeFormatter")
    elif field.type in NUMERIC:
        legal = _MOMENTS if role == "inputs" else _MOMENTS | _PARTS
        if word not in legal:
            reader.fail(f"the format {quoted(word)} of {name} is none of {', '.join(sorted(legal))}")
    else:
        reader.fail(f"the field {name} has the type {field.type}, and a date is a text or a number")
    return replace(field, format=word)


def _columns(reader: FieldReader, content: Mapping[str, Any]) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    inputs, outputs = reader.plain(content, "inputs"), reader.plain(content, "outputs")
    for field in inputs + outputs:
        if field.type not in NUMERIC:
            reader.fail(f"the field {quoted(field.name)} has the type {field.type}, and needs a number's")
    return inputs, outputs
