"""Models of more than one row or step, processors, and other engines."""

import numpy as np
from golden.folder import Golden
from golden.java import SECOND
from golden.models import COUNTED, PARTS, PATTERNS, UNITS, samples_of

QUANTILE = 1.6448536269514729  # 0.95 of the standard normal distribution
CLOSE = 1e-9


def add(golden: Golden) -> None:
    """Add the cases."""
    steps(golden)
    windows(golden)
    scaler(golden)
    interval(golden)
    dates(golden)
    engines(golden)


def steps(golden: Golden) -> None:
    """What goes into a model and what comes out of it, before columns are told apart."""
    flower = {"sepal_length": 5.0, "sepal_width": 3.5, "petal_length": 1.5, "petal_width": 0.25}
    row = np.array([[5.0, 3.5, 1.5, 0.25]], np.float32)
    golden.case(
        "step_into_the_model",
        "step",
        "iris-manifest",
        flower,
        headers={"Step": "input:0"},
        tensors={"float_input": row},
        whole=True,
    )
    golden.case(
        "step_out_of_the_model",
        "step",
        "iris-manifest",
        flower,
        headers={"Step": "output:0"},
        checks=[
            ("keys", ["output_label", "output_probability"]),
            ("output_label", [0]),
            ("output_probability.length", 1),
        ],
    )
    golden.case(
        "step_out_of_the_first_of_a_flow",
        "step",
        "flow",
        {"x": [1, 2, 3, 4]},
        headers={"Step": "output:0"},
        checks=[("x", [1, 2, 3, 4]), ("sum", [[3.0], [5.0], [7.0]])],
    )


def windows(golden: Golden) -> None:
    """Rows that are taken several at a time, each set beginning one row later."""
    subject = "windows"
    rows = np.arange(10.0).reshape(5, 2)
    seen = np.stack([rows[start : start + 3].reshape(-1) for start in range(3)])
    answer = {"seen": seen, "total": seen.sum(axis=1)}
    table = {"a": rows[:, 0].tolist(), "b": rows[:, 1].tolist()}
    golden.case("window_of_columns", subject, "window", table, tensors=answer)
    golden.case("window_of_the_tensor", subject, "window", {"window": rows.tolist()}, tensors=answer)
    three = {name: values[:3] for name, values in table.items()}
    golden.case("window_of_three", subject, "window", three, tensors={"seen": seen[:1], "total": seen[:1].sum(axis=1)})
    golden.case(
        "window_seen",
        subject,
        "window",
        table,
        headers={"Step": "input:0"},
        tensors={"window": seen},
        whole=True,
    )
    # Rows that are as wide as a window already are put into windows all the same, so that each comes several times.
    wide = np.arange(24.0).reshape(4, 6)
    again = np.concatenate([wide[0:3], wide[1:4]])
    golden.case(
        "window_of_windows",
        subject,
        "window",
        {"window": wide.tolist()},
        tensors={"seen": again, "total": again.sum(axis=1)},
    )
    golden.case(
        "flow_of_windows", "flow", "flow", {"x": [1, 2, 3, 4]}, tensors={"doubled": np.array([6, 10, 14], np.float32)}
    )
    golden.case("flow_of_one_window", "flow", "flow", {"x": [7, 9]}, tensors={"doubled": np.array([32], np.float32)})
    golden.case(
        "flow_of_too_few",
        "flow",
        "flow",
        {"x": [1]},
        status=400,
        message="Not enough data to evaluate. Required batch size is 2",
    )


def scaler(golden: Golden) -> None:
    """Columns less their mean, in standard deviations; what is missing stays so."""
    subject = "scaler"
    for name, request, answer in samples_of("ages-scaler"):
        checks = [("keys", sorted(answer)), *((key, value, 1e-12) for key, value in answer.items())]
        golden.case(f"scaler_{name}", subject, "ages-scaler", request, checks=checks)
    ages, incomes = np.array([20.0, 38.2]), np.array([2450.0, 0.0])
    scaled = {"scaled_age": (ages - 38.2) / 13.6, "scaled_income": (incomes - 2450.0) / 910.5}
    columns = {"age": ages.tolist(), "income": incomes.tolist()}
    golden.case("scaler_columns", subject, "ages-scaler", columns, tensors=scaled)
    scalars = {
        name: (values[0] - mean) / std
        for (name, values), mean, std in zip(columns.items(), (38.2, 2450.0), (13.6, 910.5), strict=True)
    }
    golden.case(
        "scaler_scalars",
        subject,
        "ages-scaler",
        {"age": 20, "income": 2450},
        tensors={f"scaled_{name}": np.array(value) for name, value in scalars.items()},
    )
    for name, request, message in (
        (
            "scaler_of_other_counts",
            {"age": [1, 2], "income": [1]},
            "Impossible to convert the given input as a 2 dimensional array.",
        ),
        (
            "scaler_with_another_count",
            {"age": [1, 2], "income": [1, 2], "more": [1, 2, 3]},
            "Impossible to convert the given input as a 2 dimensional array.",
        ),
        (
            "scaler_without_a_column",
            {"age": [1, 2]},
            "Required fields (age,double),(income,double) not found or not compatible in the Table",
        ),
        (
            "scaler_of_text",
            {"age": ["1"], "income": [1]},
            "Required fields (age,double),(income,double) not found or not compatible in the Table",
        ),
    ):
        golden.case(name, subject, "ages-scaler", request, status=400, message=message)


def interval(golden: Golden) -> None:
    """The quantiles 0.05 and 0.95 around a value."""
    subject = "prediction interval"
    for name, request, answer in samples_of("price-interval"):
        checks = [("keys", sorted(answer)), *((key, value, 1e-6) for key, value in answer.items())]
        golden.case(f"interval_{name}", subject, "price-interval", request, checks=checks)
    low, high = 100.0 - QUANTILE * 1250.0, 100.0 + QUANTILE * 1250.0
    golden.case(
        "interval_of_nothing",
        subject,
        "price-interval",
        {"price": [None, 100]},
        checks=[("price_quantile_inf", [None, low], 1e-6), ("price_quantile_sup", [None, high], 1e-6)],
    )
    golden.case(
        "interval_of_what_is_asked_for",
        subject,
        "upper-price",
        {"price": [10.0, 20.0], "rent": [1.0, 2.0]},
        checks=[
            ("keys", ["price_quantile_sup", "rent_quantile_inf"]),
            ("price_quantile_sup", [10 + 2 * QUANTILE, 20 + 2 * QUANTILE], CLOSE),
            ("rent_quantile_inf", [1 - 0.5 * QUANTILE, 2 - 0.5 * QUANTILE], CLOSE),
        ],
    )


def dates(golden: Golden) -> None:
    """Moments as texts in patterns, as parts, and as counts of units since 1970."""
    subject = "dates"
    java = golden.java
    for name, request, answer in samples_of("dates"):
        golden.case(f"dates_{name}", subject, "dates", request, checks=[("keys", sorted(answer)), *answer.items()])
    texts = [
        "2021-07-14T20:05",
        "1969-12-31T23:59:59",
        "2000-02-29T00:00:00.007",
        "1970-01-01T00:00",
        "0999-11-05T12:30:01.250",
        "2021-02-31T06:00",
        "2021-07-14T24:00",
    ]
    moments = [java.date("uuuu-MM-dd'T'HH:mm[:ss[.SSS]]", text) for text in texts]
    part_of = {
        "YEAR": "u", "MONTH": "M", "DAYOFMONTH": "d", "HOUROFDAY": "H", "MINUTEOFHOUR": "m",
    }  # fmt: skip
    week = {day: place for place, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), 1)}
    answer = {
        f"text{place}": np.array([java.date_text(pattern, moment) for moment in moments], object)
        for place, pattern in enumerate(PATTERNS)
    }
    for word in PARTS:
        if word == "DAYOFWEEK":
            numbers = [week[java.date_text("E", moment)] for moment in moments]
        else:
            numbers = [int(java.date_text(part_of[word], moment)) for moment in moments]
        answer[word] = np.array(numbers, np.int64)
    # Nanoseconds of a year so long ago are no long any more.
    known = [place for place, moment in enumerate(moments) if abs(moment) < 1 << 63]
    for word, unit in UNITS.items():
        answer[word] = np.array([java.units(unit, moments[place]) for place in known], np.int64)
    answer = {name: values if len(values) == len(known) else values[known] for name, values in answer.items()}
    golden.case("calendar", subject, "calendar", {"at": [texts[place] for place in known]}, tensors=answer)
    one = {name: values[:1] for name, values in answer.items()}
    golden.case("calendar_of_one", subject, "calendar", {"at": texts[0]}, tensors=one)
    partial = ["4/7/21", "31/12/99 0:05", "1/1/00 23:59"]
    moments = [java.date("d/M/yy[ H:mm]", text) for text in partial]
    golden.case(
        "partial_dates",
        subject,
        "partial",
        {"at": partial},
        tensors={
            "iso": np.array([java.date_text("yyyy-MM-dd HH:mm:ss", moment) for moment in moments], object),
            "year": np.array([float(java.date_text("u", moment)) for moment in moments]),
        },
    )
    counts = {"TS_D": [0, -1, 18822], "TS_MO": [0, -13, 618], "TS_MS": [0, -1, 1_626_293_109_250]}
    for word, unit in COUNTED.items():
        moments = [java.after(unit, count) for count in counts[word]]
        golden.case(
            f"dates_of_{word}",
            subject,
            f"count-{word}",
            {"count": counts[word]},
            tensors={
                "iso": np.array([java.date_text("uuuu-MM-dd HH:mm:ss.SSS", moment) for moment in moments], object),
                "hour": np.array([moment // (3600 * SECOND) % 24 for moment in moments], np.int32),
            },
        )


def engines(golden: Golden) -> None:
    """The sample models of other engines, with the answers of the code that made them."""
    tolerances = {
        "support-tokens": 0.0, "species-torchscript": 5e-6, "wine-tf2": 5e-6, "load-zip": 5e-6,
        "progression-flow": 1e-3, "urgency-flow": 5e-6,
    }  # fmt: skip
    subjects = {
        "support-tokens": "tokenizer",
        "species-torchscript": "torch script",
        "progression-flow": "flow",
        "urgency-flow": "flow",
    }
    for model, tolerance in tolerances.items():
        for name, request, answer in samples_of(model):
            checks = [("keys", sorted(answer)), *((key, value, tolerance) for key, value in answer.items())]
            golden.case(f"{model}_{name}", subjects.get(model, "tensorflow"), model, request, checks=checks)
    golden.case(
        "tokens_of_words",
        "tokenizer",
        "support-tokens",
        {"input1": ["the", "domain"]},
        checks=[("tokens", ["Ġthe", "Ġdomain"]), ("ids", [31, 68])],
    )
    golden.case(
        "tokens_of_a_pair",
        "tokenizer",
        "support-tokens",
        {"input1": ["server"], "input2": ["domain"]},
        checks=[("tokens", ["Ġserver", "Ġdomain"]), ("ids", [65, 68])],
    )
    golden.case(
        "torch_out_of_the_model",
        "torch script",
        "species-torchscript",
        {"measurements": [5.1, 3.5, 1.4, 0.2], "temperature": [2]},
        headers={"Step": "output:0"},
        checks=[("species", [0]), ("probabilities[0][0]", 0.8796489497257481, 5e-6)],
    )
