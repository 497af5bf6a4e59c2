"""What clients notice when a model's files are replaced."""

from migrate.core.model_json import Field, ModelJson
from migrate.core.values import Inspection
from migrate.migration.journey.forms import difference, forms_of


def model(*inputs: Field, outputs: tuple[Field, ...] = ()) -> Inspection:
    settings = ModelJson(engine="onnx", inputs=inputs, outputs=outputs)
    return Inspection(format="onnx", runtime="onnx", verdict="ready", settings=settings)


X4 = Field("x", "float", (-1, 4))
Y = Field("y", "long", (-1,))


def test_forms_are_told_apart() -> None:
    was = forms_of(model(X4, Field("t", "string"), outputs=(Y,)))
    assert was == {"input x": "float [any, 4]", "input t": "string", "output y": "long [any]"}
    assert difference(was, was) == ""
    now = forms_of(model(Field("x", "float", (-1, 5)), outputs=(Y, Field("p", "float", ()))))
    assert difference(was, now) == (
        "input x was float [any, 4], is float [any, 5], input t (string) is gone, output p (float []) is new"
    )


def test_what_is_not_known_is_no_difference() -> None:
    unread = Inspection(format="onnx", runtime=None, verdict="unreadable")
    for other in (None, unread):
        assert difference(forms_of(model(X4)), forms_of(other)) == ""
    many = forms_of(model(*(Field(f"x{number}", "float") for number in range(9))))
    assert difference(many, forms_of(model(X4))).endswith("and 6 more")
