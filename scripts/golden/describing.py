"""``/describe``, and the routes around it."""

from typing import Any

from golden.folder import JSON, Golden
from golden.models import MANY, PARTS, PATTERNS, TYPES, UNITS, WINDOW, dated

SUBJECT = "describe"
GRAY = {"image_shape": ["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"], "property_chanel": ["GRAY_SCALE"]}
RGB = {**GRAY, "property_chanel": ["RED", "GREEN", "BLUE"]}
PLANES = {"image_shape": ["BATCH_SIZE", "CHANEL", "HEIGHT", "WIDTH"], "property_chanel": ["RED", "GREEN", "BLUE"]}


def add(golden: Golden) -> None:
    """Add the cases."""
    graphs(golden)
    manifests(golden)
    processors(golden)
    engines(golden)
    routes(golden)


def described(inputs: list[Any], outputs: list[Any], window: int = 1) -> dict[str, object]:
    """The document, in the order of its keys."""
    return {"inputs": inputs, "outputs": outputs, "rolling_windows_size": window}


def tensor(name: str, kind: str, shape: list[int], **more: object) -> dict[str, object]:
    """A field of a tensor."""
    return {"name": name, "type": kind, "shape": shape, **more}


def column(name: str, kind: str, index: int | None, **more: object) -> dict[str, object]:
    """A named column; its index and key are printed even where they are not there."""
    return {"name": name, "type": kind, **more, "index": index, "key": None}


def graphs(golden: Golden) -> None:
    """Models without a manifest: inputs in the order of a map, outputs in that of the graph."""

    def inputs(fields: dict[str, dict[str, object]]) -> list[dict[str, object]]:
        return [fields[name] for name in golden.java.map_order(fields)]

    golden.describe(
        SUBJECT,
        "iris",
        described(
            [tensor("float_input", "float", [-1, 4])],
            [tensor("output_label", "long", [-1]), tensor("output_probability", "float", [-1, 3])],
        ),
    )
    kinds = {"pclass": "string", "sex": "string", "age": "float", "fare": "float", "embarked": "string"}
    golden.describe(
        SUBJECT,
        "titanic",
        described(
            inputs({name: tensor(name, kind, [-1, 1]) for name, kind in kinds.items()}),
            [tensor("output_label", "long", [-1]), tensor("output_probability", "float", [-1, 2])],
        ),
    )
    kinds = {"surface": "double", "rooms": "long", "garden": "boolean", "distance": "double"}
    golden.describe(
        SUBJECT,
        "housing",
        described(
            inputs({name: tensor(name, kind, [-1, 1]) for name, kind in kinds.items()}),
            [
                tensor("price", "double", [-1, 1]),
                tensor("interval", "double", [-1, 2]),
                tensor("band", "string", [-1, 1]),
                tensor("expensive", "boolean", [-1, 1]),
            ],
        ),
    )
    golden.describe(
        SUBJECT,
        "digits",
        described(
            [tensor("image", "float", [-1, 8, 8, 1], image_transformer=GRAY)],
            [tensor("digit", "long", [-1]), tensor("probabilities", "float", [-1, 10])],
        ),
    )
    golden.describe(
        SUBJECT,
        "types",
        described(
            inputs({name: tensor(name, kind, [-1]) for name, kind in TYPES.items()}),
            [tensor(f"{name}_out", kind, [-1]) for name, kind in TYPES.items()],
        ),
    )
    golden.describe(
        SUBJECT,
        "many",
        described([tensor("x", "integer", [-1])], [tensor(name, "integer", [-1]) for name in MANY]),
    )
    colours = [-1, -1, -1, 3]
    golden.describe(
        SUBJECT,
        "total",
        described(
            [tensor("image", "integer", colours, image_transformer=RGB)],
            [tensor("picture", "integer", colours, image_transformer=RGB), tensor("total", "integer", [-1])],
        ),
    )
    golden.describe(
        SUBJECT,
        "small",
        described(
            [tensor("image", "float", [1, 3, 4, 6], image_transformer=PLANES)],
            [tensor("pixels", "float", [1, 3, 4, 6], image_transformer=PLANES)],
        ),
    )


def manifests(golden: Golden) -> None:
    """Models with a manifest: its order, its columns, its window."""
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    classes = ["setosa", "versicolor", "virginica"]
    golden.describe(
        SUBJECT,
        "iris-manifest",
        described(
            [
                tensor(
                    "float_input",
                    "float",
                    [-1, 4],
                    fields=[column(name, "float", place) for place, name in enumerate(names)],
                )
            ],
            [
                tensor("output_label", "long", [-1], fields=[column("species", "long", None)]),
                tensor(
                    "output_probability",
                    "float",
                    [-1, 3],
                    fields=[column(name, "float", place) for place, name in enumerate(classes)],
                ),
            ],
        ),
    )
    golden.case(
        "describe_window",
        SUBJECT,
        "window",
        call="GET /describe",
        kind=JSON,
        checks=[
            ("rolling_windows_size", WINDOW),
            ("inputs.length", 1),
            ("inputs[0].type", "double"),
            ("inputs[0].shape", [-1, 2 * WINDOW]),
            ("inputs[0].continuous_domain[0].lowerBound", 0.0),
            ("inputs[0].continuous_domain[0].upperBound", 1.5),
            ("inputs[0].fields[0].name", "a"),
            ("inputs[0].fields[0].type", "double"),
            ("inputs[0].fields[1].values", ["1", "2"]),
            ("outputs[0].name", "seen"),
            ("outputs[1].fields[0].name", "total"),
            ("outputs[1].fields[0].index", 0),
        ],
    )
    golden.case(
        "describe_flow",
        SUBJECT,
        "flow",
        call="GET /describe",
        kind=JSON,
        checks=[
            ("rolling_windows_size", 2),
            ("inputs.length", 1),
            ("inputs[0].name", "pair"),
            ("inputs[0].fields[0].name", "x"),
            ("outputs.length", 1),
            ("outputs[0].name", "twice"),
            ("outputs[0].type", "float"),
            ("keys", ["inputs", "outputs", "rolling_windows_size"]),
        ],
    )


def processors(golden: Golden) -> None:
    """Plain fields, which have no shape, and dates, which have a format."""

    def plain(*names: str) -> list[dict[str, str]]:
        return [{"name": name, "type": "double"} for name in names]

    golden.describe(SUBJECT, "ages-scaler", described(plain("age", "income"), plain("scaled_age", "scaled_income")))
    golden.describe(
        SUBJECT, "price-interval", described(plain("price"), plain("price_quantile_inf", "price_quantile_sup"))
    )
    golden.describe(
        SUBJECT, "upper-price", described(plain("price", "rent"), plain("rent_quantile_inf", "price_quantile_sup"))
    )
    golden.case(
        "describe_calendar",
        SUBJECT,
        "calendar",
        call="GET /describe",
        kind=JSON,
        json=described(
            [dated("at", "string", "uuuu-MM-dd'T'HH:mm[:ss[.SSS]]")],
            [
                *(dated(f"text{place}", "string", pattern) for place, pattern in enumerate(PATTERNS)),
                *(dated(word, "long", word) for word in (*PARTS, *UNITS)),
            ],
        ),
    )


def engines(golden: Golden) -> None:
    """Models of other engines."""
    golden.describe(
        SUBJECT,
        "support-tokens",
        described(
            [{"name": name, "type": "string"} for name in ("input1", "input2")],
            [
                {"name": "tokens", "type": "string"},
                *(
                    {"name": name, "type": "integer"}
                    for name in ("ids", "typeIds", "specialTokensMask", "attentionMask")
                ),
            ],
        ),
    )
    golden.describe(
        SUBJECT,
        "species-torchscript",
        described(
            [tensor("measurements", "float", [-1, 4]), tensor("temperature", "float", [1])],
            [tensor("species", "long", [-1]), tensor("probabilities", "float", [-1, 3])],
            window=0,
        ),
    )
    golden.describe(
        SUBJECT,
        "wine-tf2",
        described(
            [tensor("measurements", "float", [-1, 13])],
            [tensor("cultivar", "string", [-1]), tensor("probabilities", "float", [-1, 3])],
        ),
    )
    golden.describe(
        SUBJECT,
        "load-zip",
        described(
            [tensor("history", "float", [-1, 4], fields=[column("phase", "float", 0), column("load", "float", 1)])],
            [tensor("next", "float", [-1, 1], fields=[column("load_predicted", "float", 0)])],
            window=2,
        ),
    )


def routes(golden: Golden) -> None:
    """A slash behind, a question about the head alone, the page, and the document of the interface."""
    golden.case("describe_slash", "routes", "rows", call="GET /describe/", kind=JSON, checks=[("inputs.length", 1)])
    golden.case("describe_head", "routes", "rows", call="HEAD /describe", kind=JSON)
    golden.case("page", "routes", "rows", call="GET /", kind="text/html;charset=utf-8")
    known = [("openapi", "3.0.1"), ("info.version", "1")]
    golden.case("openapi", "routes", "rows", call="GET /openapi.json", kind=JSON, checks=known)
    golden.case("openapi_yaml", "routes", "rows", call="GET /openapi.yaml", kind="application/yaml")
    golden.case("unknown_script", "routes", "rows", call="GET /unknown.js", status=204, kind=None)
