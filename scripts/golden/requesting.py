"""What a JSON request may look like, and what becomes of its tensors: reshaped, narrowed, put together from columns."""

import json

import numpy as np
from golden.folder import Golden
from golden.models import iris_answer, samples_of

INFINITY = np.float32(np.inf)
CLOSE = 5e-6


def add(golden: Golden) -> None:
    """Add the cases."""
    samples(golden)
    forms(golden)
    columns(golden)
    shapes(golden)
    narrowing(golden)


def samples(golden: Golden) -> None:
    """The sample requests, with the answers of the code that trained the models."""
    for model in ("iris", "titanic", "digits", "housing"):
        for name, request, answer in samples_of(model):
            checks = [("keys", sorted(answer)), *((key, value, CLOSE) for key, value in answer.items())]
            golden.case(f"{model}_{name}", "eval json", model, request, checks=checks)


def forms(golden: Golden) -> None:
    """How JSON may say the same, and what it may say besides."""

    def rows(name: str, body: object, *expected: list[float], **more: object) -> None:
        golden.case(f"rows_{name}", "eval json", "rows", body, tensors={"y": np.array(expected, np.float32)}, **more)

    first, second = [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]
    rows("vector", {"x": [1, 2, 3, 4]}, first)
    rows("matrix", {"x": [[1, 2, 3, 4]]}, first)
    rows("two", {"x": [[1, 2, 3, 4], [5, 6, 7, 8]]}, first, second)
    rows("flat", {"x": [1, 2, 3, 4, 5, 6, 7, 8]}, first, second)
    rows("deep", {"x": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]}, first, second)
    rows("mixed_numbers", '{"x": [1, 2.5, 1e1, -4E-1]}', [1.0, 2.5, 10.0, -0.4])
    rows("long_among_integers", {"x": [1, 1 << 40, 3, 4]}, [1.0, float(1 << 40), 3.0, 4.0])
    rows("nulls_are_zero", {"x": [[None, 2, None, 4]]}, [0.0, 2.0, 0.0, 4.0])
    rows("more_names", {"a": "text", "x": [1, 2, 3, 4], "b": [[True], [False]]}, first)
    rows("last_of_equal_keys", '{"x": [9, 9, 9, 9], "x": [1, 2, 3, 4]}', first)
    rows("after_the_value", '{"x": [1, 2, 3, 4]} {"x": 5} and more', first)
    rows("white_space", '\r\n\t{ "x" :\n[1,2 , 3,4 ]\t}\n', first)
    rows("escaped_name", '{"\\u0078": [1, 2, 3, 4]}', first)
    for encoding in ("utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        rows(f"in_{encoding}", json.dumps({"x": first}).encode(encoding), first)
    rows("with_a_charset", {"x": first}, first, content_type="application/json; charset=UTF-8")
    golden.case("vector_scalar", "eval json", "vector", {"x": 3}, tensors={"y": np.array([3], np.float32)})
    golden.case(
        "vector_beyond_double",
        "eval json",
        "vector",
        '{"x": [1e400, -1e400, -0.0, 1e-400]}',
        tensors={"y": np.array([np.inf, -np.inf, -0.0, 0.0], np.float32)},
    )
    text = {"pclass": ["2"], "sex": ["female"], "age": [4], "fare": [23], "embarked": ["Zürich"]}
    golden.case(
        "titanic_escaped_text",
        "eval json",
        "titanic",
        json.dumps(text, ensure_ascii=True),
        checks=[("output_label", 1), ("output_probability", [0.07783866, 0.92216134], CLOSE)],
    )


def columns(golden: Golden) -> None:
    """Requests by column, and the tensor itself, which counts where both are there."""
    flowers = [[5.0, 3.6, 1.4, 0.2], [6.4, 3.2, 4.5, 1.5], [5.9, 3.0, 5.1, 1.8]]
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    answer = iris_answer(flowers)

    def checks(places: list[int]) -> list[tuple[str, object, float]]:
        one = len(places) == 1
        found = [
            (name, answer[places, place].tolist(), CLOSE)
            for place, name in enumerate(("setosa", "versicolor", "virginica"))
        ]
        found.append(("species", answer[places].argmax(axis=1).tolist(), 0.0))
        return [(name, value[0] if one else value, tolerance) for name, value, tolerance in found]

    table = {name: [row[place] for row in flowers] for place, name in enumerate(names)}
    golden.case("columns", "columns", "iris-manifest", table, checks=checks([0, 1, 2]))
    golden.case(
        "columns_in_another_order",
        "columns",
        "iris-manifest",
        {name: table[name] for name in reversed(names)},
        checks=checks([0, 1, 2]),
    )
    single = {name: values[1] for name, values in table.items()}
    golden.case("columns_of_scalars", "columns", "iris-manifest", single, checks=checks([1]))
    mixed = {name: value if place % 2 else [value] for place, (name, value) in enumerate(single.items())}
    golden.case("columns_of_both", "columns", "iris-manifest", mixed, checks=checks([1]))
    integers = {**table, "sepal_width": [4, 3, 3]}
    wanted = iris_answer([[row[0], width, *row[2:]] for row, width in zip(flowers, [4, 3, 3], strict=True)])
    golden.case(
        "columns_of_integers_behind_doubles",
        "columns",
        "iris-manifest",
        integers,
        checks=[("setosa", wanted[:, 0].tolist(), CLOSE), ("virginica", wanted[:, 2].tolist(), CLOSE)],
    )
    golden.case(
        "the_tensor_before_its_columns",
        "columns",
        "iris-manifest",
        {**dict.fromkeys(names, 0), "float_input": flowers[:2]},
        checks=checks([0, 1]),
    )


def shapes(golden: Golden) -> None:
    """A step before the model shows the shape that a tensor gets; whatever the step, no dimension is dropped."""

    def seen(model: str, name: str, values: object, expected: object, kind: type = np.float32) -> None:
        golden.case(
            f"{model}_{name}",
            "reshape",
            model,
            {"x": values},
            headers={"Step": "input:0"},
            tensors={"x": np.array(expected, kind)},
            whole=True,
        )

    seen("vector", "of_a_scalar", 5, [5])
    seen("vector", "of_a_column", [[1], [2]], [1, 2])
    seen("rows", "of_a_vector", [1, 2, 3, 4], [[1, 2, 3, 4]])
    seen("rows", "of_halves", [[1, 2], [3, 4], [5, 6], [7, 8]], [[1, 2, 3, 4], [5, 6, 7, 8]])
    seen("fixed", "of_a_vector", [1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]])
    seen("fixed", "turned", [[1, 2], [3, 4], [5, 6]], [[1, 2, 3], [4, 5, 6]])
    seen("grid", "as_it_is", [[[1, 2]], [[3, 4]]], [[[1, 2]], [[3, 4]]])
    seen("grid", "of_a_scalar_pair", [[[1, 2]]], [[[1, 2]]])
    seen("cube", "of_three", [1, 2, 3], [[[1, 2, 3]]], np.int64)
    seen("cube", "of_six", [[1, 2, 3], [4, 5, 6]], [[[1, 2, 3]], [[4, 5, 6]]], np.int64)
    # Several free dimensions are matched place by place: the rows of a picture become a batch of pictures.
    square = np.arange(9).reshape(3, 3)
    golden.case(
        "gray_of_a_square",
        "reshape",
        "gray",
        {"image": square.tolist()},
        headers={"Step": "input:0"},
        tensors={"image": square.reshape(3, 3, 1, 1).astype(np.int32)},
        whole=True,
    )
    for model, values, sent, wanted in (
        ("rows", [1, 2, 3, 4, 5], [5], [-1, 4]),
        ("rows", 7, [], [-1, 4]),
        ("fixed", [1, 2, 3, 4], [4], [2, 3]),
        ("grid", [[1, 2, 3]], [1, 3], [-1, -1, 2]),
        ("grid", [[[1, 2, 3]]], [1, 1, 3], [-1, -1, 2]),
        ("grid", [1, 2], [2], [-1, -1, 2]),
        ("cube", [1, 2], [2], [-1, 1, 3]),
    ):
        golden.case(
            f"{model}_not_of_{'x'.join(map(str, sent)) or 'a_scalar'}",
            "reshape",
            model,
            {"x": values},
            status=400,
            message=f"Unable to resolve shape {sent} into {wanted}",
        )


def narrowing(golden: Golden) -> None:
    """Numbers of one type for a tensor of another, as Java narrows them."""
    request = {"i": [0], "l": [0], "f": [0], "d": [0], "b": [True], "s": ["é"]}
    answer = {
        "i_out": np.array([0], np.int32),
        "l_out": np.array([0], np.int64),
        "f_out": np.array([0], np.float32),
        "d_out": np.array([0], np.float64),
        "b_out": np.array([True]),
        "s_out": np.array(["é"], object),
    }

    def narrowed(name: str, letter: str, sent: str, *expected: object) -> None:
        body = json.dumps({**request, letter: "here"}, ensure_ascii=False).replace('"here"', sent)
        kind = answer[f"{letter}_out"].dtype
        golden.case(
            f"types_{name}",
            "narrowing",
            "types",
            body,
            tensors={**answer, f"{letter}_out": np.array(expected, kind)},
        )

    narrowed("zeros", "i", "0", 0)
    narrowed(
        "doubles_to_integer", "i", "[2.9, -2.9, 1e10, -1e10, 1e400, -0.1]", 2, -2, 2**31 - 1, -(2**31), 2**31 - 1, 0
    )
    narrowed("longs_to_integer", "i", "[4294967301, 2147483648, -2147483649]", 5, -(2**31), 2**31 - 1)
    narrowed("nulls_to_integer", "i", "[null, 7]", 0, 7)
    narrowed("doubles_to_long", "l", "[2.9, -2.9, 1e300, -1e300, 1e18]", 2, -2, 2**63 - 1, -(2**63), 10**18)
    narrowed("integers_to_long", "l", "[1, -1, 9223372036854775807]", 1, -1, 2**63 - 1)
    narrowed("integers_to_float", "f", "[16777217, 123456789, -1]", 16777216, 123456792, -1)
    narrowed(
        "doubles_to_float", "f", "[0.1, 1e300, -1e300, 1e-50, 3.4028235e38]", 0.1, INFINITY, -INFINITY, 0, 3.4028235e38
    )
    narrowed("integers_to_double", "d", "[16777217, 9007199254740993]", 16777217, 9007199254740992)
    narrowed("truth_values", "b", "[true, false]", True, False)
    narrowed("texts", "s", '["", "a b", "\\u00fc\\ud83d\\ude00", "\\""]', "", "a b", "ü\U0001f600", '"')
    for letter, sent, of, wanted in (
        ("i", '"1"', "string", "integer"),
        ("f", "true", "boolean", "float"),
        ("b", "1", "integer", "boolean"),
        ("b", "1.5", "double", "boolean"),
        ("s", "1", "integer", "string"),
        ("s", "4294967296", "long", "string"),
        ("d", '["1.5"]', "string", "double"),
    ):
        body = json.dumps({**request, letter: "here"}, ensure_ascii=False).replace('"here"', sent)
        golden.case(
            f"types_{of}_for_{wanted}",
            "narrowing",
            "types",
            body,
            status=400,
            message=f"Incompatibilies in types for tensor : required ({of}) but found ({wanted})",
        )
