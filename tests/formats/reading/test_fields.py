import pytest

from migrate.formats.reading.fields import image_transformer, java_hash_order, tensor_field
from tests.golden_folders import vectors

_GRAY = ["GRAY_SCALE"]
_RGB = ["RED", "GREEN", "BLUE"]
_IMAGES = [
    ([-1, -1, -1, 1], ["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"], _GRAY),
    ([10, -1, 3, 3], ["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"], _RGB),
    ([-1, 3, 224, 224], ["BATCH_SIZE", "CHANEL", "HEIGHT", "WIDTH"], _RGB),
    ([-1, -1, 1, 28], ["BATCH_SIZE", "HEIGHT", "CHANEL", "WIDTH"], _GRAY),
    ([1, 224, 224, 4], ["CHANEL", "BATCH_SIZE", "HEIGHT", "WIDTH"], _GRAY),
    ([28, 28, 1], ["HEIGHT", "WIDTH", "CHANEL"], _GRAY),
    ([3, 28, 28], ["CHANEL", "HEIGHT", "WIDTH"], _RGB),
    *(
        (case["shape"], *_known)
        for case in vectors("image_shape")
        if (_known := [case["expect"]["image_shape"], case["expect"]["property_chanel"]] if case["expect"] else None)
    ),
]
_NO_IMAGES = [[], [3], [28, 28], [-1, 3], [-1, 28, 28], [-1, 224, 224, 4], [-1, 4, 28, 28, 1]] + [
    case["shape"] for case in vectors("image_shape") if case["expect"] is None
]


@pytest.mark.parametrize(("shape", "layout", "colours"), _IMAGES)
def test_image_shapes(shape: list[int], layout: list[str], colours: list[str]) -> None:
    found = image_transformer(shape)
    assert found is not None
    assert (list(found.image_shape), list(found.property_chanel)) == (layout, colours)


@pytest.mark.parametrize("shape", _NO_IMAGES)
def test_other_shapes(shape: list[int]) -> None:
    assert image_transformer(shape) is None


def test_only_numbers_are_images() -> None:
    assert tensor_field("x", "long", [-1, 8, 8, 1]).image_transformer is not None
    assert tensor_field("x", "string", [-1, 8, 8, 1]).image_transformer is None
    assert tensor_field("x", "boolean", [-1, 8, 8, 1]).image_transformer is None


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["class_ids", "classes", "logits", "probabilities"], ["class_ids", "logits", "classes", "probabilities"]),
        (["pclass", "sex", "age", "fare", "embarked"], ["fare", "sex", "embarked", "pclass", "age"]),
        (["Aa", "BB"], ["Aa", "BB"]),  # equal hash codes keep their order
        (["BB", "Aa"], ["BB", "Aa"]),
        ([], []),
        *((case["names"], case["expect"]) for case in vectors("java_hashmap_order")),
    ],
)
def test_java_hash_order(names: list[str], order: list[str]) -> None:
    assert java_hash_order(names) == order


def test_java_hash_order_grows_its_table() -> None:
    # the code of a one-letter key is its code point: "p" (112) is in bucket 0 of 16 and in bucket 16 of 32
    assert java_hash_order("abcdefghijkp") == ["p", *"abcdefghijk"]
    assert java_hash_order("abcdefghijklp") == [*"abcdefghijkl", "p"]


def test_java_hash_order_of_characters_beyond_the_first_plane() -> None:
    assert sorted(java_hash_order(["\U0001f600", "a", "\ud800"])) == sorted(["\U0001f600", "a", "\ud800"])
