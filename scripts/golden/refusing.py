"""Errors: a status and a message, as JSON whatever the caller accepts."""

from golden.folder import Golden

SUBJECT = "errors"
UNPARSED = "Unable to parse the given bytes into a correct json map of (name -> tensor)"
UNCONSUMED = "RESTEASY003065: Cannot consume content type"
UNACCEPTABLE = "RESTEASY003635: No match for accept header"
GOOD = {"x": [1, 2, 3, 4]}


def add(golden: Golden) -> None:
    """Add the cases."""
    bodies(golden)
    tensors(golden)
    requests(golden)


def bodies(golden: Golden) -> None:
    """Bodies that are no map of names to tensors."""
    texts = {
        "empty": "",
        "blank": " \n",
        "list": "[1, 2, 3, 4]",
        "records": '[{"x": 1}]',
        "null": "null",
        "number": "5",
        "text": '"x"',
        "cut": '{"x": [1, 2, 3',
        "word": "x",
        "single_quotes": "{'x': [1, 2, 3, 4]}",
        "comment": '{"x": [1, 2, 3, 4] /* all */}',
        "comma": '{"x": [1, 2, 3, 4,]}',
        "not_a_number": '{"x": [NaN, 1, 2, 3]}',
        "infinity": '{"x": [Infinity, 1, 2, 3]}',
        "leading_zero": '{"x": [01, 2, 3, 4]}',
        "leading_plus": '{"x": [+1, 2, 3, 4]}',
        "bare_point": '{"x": [1., 2, 3, 4]}',
        "hexadecimal": '{"x": [0x1, 2, 3, 4]}',
        "ragged": '{"x": [[1, 2, 3, 4], [1, 2, 3]]}',
        "ragged_depth": '{"x": [[1, 2], 3]}',
        "text_and_number": '{"x": [1, "2", 3, 4]}',
        "truth_and_number": '{"x": [1, true, 3, 4]}',
        "only_nulls": '{"x": [null, null, null, null]}',
        "nothing_inside": '{"x": [[], []]}',
        "object": '{"x": {"y": 1}}',
        "too_large": '{"x": [9223372036854775808, 1, 2, 3]}',
        "too_small": '{"x": [-9223372036854775809, 1, 2, 3]}',
    }
    for word, text in texts.items():
        golden.case(f"body_{word}", SUBJECT, "rows", text, status=400, message=UNPARSED)
    golden.case("body_not_utf8", SUBJECT, "rows", b'{"x": ["\xff\xfe\xfd"]}', status=400, message=UNPARSED)
    golden.case(
        "body_of_html_caller", SUBJECT, "rows", "", headers={"Accept": "text/html"}, status=400, message=UNPARSED
    )


def tensors(golden: Golden) -> None:
    """Tensors that are missing, and columns that do not fit."""

    def refused(name: str, model: str, body: object, message: str) -> None:
        golden.case(name, SUBJECT, model, body, status=400, message=message)

    refused("tensor_missing", "rows", {"X": [1, 2, 3, 4]}, "Unable to find a tensor with name x")
    refused("no_tensor_at_all", "rows", {}, "Unable to find a tensor with name x")
    good = {"sepal_length": [1, 2], "sepal_width": [1, 2], "petal_length": [1, 2], "petal_width": [1, 2]}
    refused(
        "column_missing",
        "iris-manifest",
        {name: values for name, values in good.items() if name != "petal_length"},
        "Unable to find either a tensor with name float_input or with name petal_length",
    )
    refused(
        "column_of_rank_two",
        "iris-manifest",
        {**good, "sepal_width": [[1], [2]]},
        "Only vectors (i.e tensor of rank 1) are supported as indexes. Found a tensor of rank 2 for index sepal_width",
    )
    refused(
        "columns_of_other_sizes",
        "iris-manifest",
        {**good, "petal_width": [1, 2, 3]},
        "When using tensor indexes all vectors should be of the same size; but found different ones",
    )
    refused(
        "columns_of_text",
        "iris-manifest",
        {name: ["1", "2"] for name in good},
        "Incompatibilies in types for tensor : required (string) but found (float)",
    )


def requests(golden: Golden) -> None:
    """Paths, methods and headers: the path is looked at first, then the method, what is sent, and what is wanted."""
    golden.case("path_unknown", SUBJECT, "rows", call="GET /nothing", status=404, checks=[("status", 404)])
    golden.case("path_below", SUBJECT, "rows", GOOD, call="POST /eval/more", status=404, checks=[("status", 404)])
    for method, path in (("GET", "/eval"), ("PUT", "/eval"), ("DELETE", "/describe"), ("POST", "/describe")):
        golden.case(
            f"method_{method.lower()}_{path[1:]}",
            SUBJECT,
            "rows",
            GOOD if method in ("PUT", "POST") else None,
            call=f"{method} {path}",
            status=405,
            message=f"RESTEASY003650: No resource method found for {method}, return 405 with Allow header",
        )
    for word, kind in (
        ("form", "application/x-www-form-urlencoded"),
        ("csv", "text/csv"),
        ("plain", "text/plain"),
        ("gif", "image/gif"),
        ("missing", None),
    ):
        golden.case(f"sent_{word}", SUBJECT, "rows", GOOD, content_type=kind, status=415, message=UNCONSUMED)
    golden.case(
        "sent_before_wanted",
        SUBJECT,
        "rows",
        GOOD,
        content_type="text/csv",
        headers={"Accept": "text/csv"},
        status=415,
        message=UNCONSUMED,
    )
    golden.case(
        "wanted_before_the_body",
        SUBJECT,
        "rows",
        "no JSON",
        headers={"Accept": "text/csv"},
        status=406,
        message=UNACCEPTABLE,
    )
    golden.case(
        "method_before_what_is_sent",
        SUBJECT,
        "rows",
        GOOD,
        call="PUT /eval",
        content_type="text/csv",
        status=405,
        message="RESTEASY003650: No resource method found for PUT, return 405 with Allow header",
    )
    golden.case(
        "body_before_wanted_form",
        SUBJECT,
        "rows",
        "no JSON",
        headers={"Accept": "text/*"},
        status=400,
        message=UNPARSED,
    )
