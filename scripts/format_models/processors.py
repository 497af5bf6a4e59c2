"""Scaler, date-time encoder and prediction interval: manifests without any other file."""

from datetime import UTC, datetime
from pathlib import Path

from format_models.writing import write_json, write_sample

AGES = {"age": (38.2, 13.6), "income": (2450.0, 910.5)}
RESIDUAL = 1250.0
QUANTILE = 1.6448536269514729  # 0.95 of the standard normal distribution
WEEK = 7 * 86_400


def make_scaler(folder: Path, samples: Path) -> None:
    """Two columns scaled to mean 0 and standard deviation 1."""
    write_json(
        folder / "manifest.json",
        {
            "type": "standard_scaler",
            "mean_std_map": {name: {"mean": mean, "std": std} for name, (mean, std) in AGES.items()},
            "inputs": [{"name": name, "type": "double"} for name in AGES],
            "outputs": [{"name": f"scaled_{name}", "type": "double"} for name in AGES],
        },
    )
    for name, rows in {
        "one": [(45.5, 3100.0)],
        "three-with-null": [(20.0, 1200.5), (None, 2450.0), (61.0, None)],
    }.items():
        columns: dict[str, list[float | None]] = {
            column: [row[place] for row in rows] for place, column in enumerate(AGES)
        }
        answer = {}
        for column, (mean, std) in AGES.items():
            scaled = [None if value is None else (value - mean) / std for value in columns[column]]
            answer[f"scaled_{column}"] = scaled[0] if len(scaled) == 1 else scaled
        write_sample(samples, name, columns, answer)


def make_dates(folder: Path, samples: Path) -> None:
    """A French date as weekday, month, seconds since 1970, and weeks (which the old runtime called days)."""
    formats = {"weekday": "DAYOFWEEK", "month": "MONTH", "seconds": "TS_S", "days": "TS_D"}
    field = {"name": "ordered_at", "type": "string", "shape": [-1], "format": "dd/MM/yyyy HH:mm"}
    outputs: list[dict[str, object]] = [
        {"name": name, "type": "long", "shape": [-1], "format": word} for name, word in formats.items()
    ]
    outputs.append({"name": "day", "type": "string", "shape": [-1], "format": "EEEE d MMM uuuu"})
    write_json(folder / "manifest.json", {"type": "datetime_encoder", "inputs": [field], "outputs": outputs})
    texts = ["14/07/2021 20:30", "01/01/1970 00:00", "29/02/2020 06:05"]
    moments = [datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC) for text in texts]
    seconds = [int(moment.timestamp()) for moment in moments]
    answer = {
        "weekday": [moment.isoweekday() for moment in moments],
        "month": [moment.month for moment in moments],
        "seconds": seconds,
        "days": [second // WEEK for second in seconds],
        "day": [f"{moment:%A} {moment.day} {moment:%b} {moment.year}" for moment in moments],
    }
    write_sample(samples, "three", {"ordered_at": texts}, answer)
    write_sample(samples, "one", {"ordered_at": texts[0]}, {name: values[0] for name, values in answer.items()})


def make_interval(folder: Path, samples: Path) -> None:
    """The interval that a price lies in nine times out of ten."""
    write_json(
        folder / "manifest.json",
        {
            "type": "pi",
            "residuals_std": {"price": RESIDUAL},
            "inputs": [{"name": "price", "type": "double"}],
            "outputs": [{"name": f"price_quantile_{side}", "type": "double"} for side in ("inf", "sup")],
        },
    )
    prices = [182_500.0, 99_999.5]
    sides = {"inf": -QUANTILE * RESIDUAL, "sup": QUANTILE * RESIDUAL}
    answer = {f"price_quantile_{side}": [price + distance for price in prices] for side, distance in sides.items()}
    write_sample(samples, "two", {"price": prices}, answer)
    write_sample(samples, "one", {"price": prices[0]}, {name: values[0] for name, values in answer.items()})
