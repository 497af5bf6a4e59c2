"""Vectors of single rules, for what no request shows alone."""

import numpy as np
from golden.folder import Golden
from golden.models import MANY
from golden.pictures import png

FREE = "Impossible to convert object into tensor : "


def add(golden: Golden) -> None:
    """Add the vectors."""
    parsing(golden)
    shapes(golden)
    pictures(golden)
    flows(golden)
    java(golden)


def parsing(golden: Golden) -> None:
    """JSON values as tensors."""

    def parsed(value: object, kind: str, shape: list[int], *, nullable: bool = False) -> None:
        golden.vector("parse", input=value, expect={"type": kind, "shape": shape, "nullable": nullable})

    parsed(1, "integer", [])
    parsed(-(2**31), "integer", [])
    parsed(2**31, "long", [])
    parsed(-(2**63), "long", [])
    parsed(1.5, "double", [])
    parsed(1e300, "double", [])
    parsed(True, "boolean", [])
    parsed("", "string", [])
    parsed([1, 2, 3], "integer", [3])
    parsed([1, 2**40], "long", [2])
    parsed([1, 2**40, 0.5], "double", [3])
    parsed([[1], [2], [3]], "integer", [3, 1])
    parsed([[["a"]]], "string", [1, 1, 1])
    parsed([None, 1], "integer", [2], nullable=True)
    parsed([[None, "a"], ["b", None]], "string", [2, 2], nullable=True)
    parsed([None, True], "boolean", [2], nullable=True)
    for value, why in (
        ([[1, 2], [3]], "Dimension number 1 is expected to be of size 2 but found 1 instead"),
        ([[[1], [2]], [[3]]], "Dimension number 1 is expected to be of size 2 but found 1 instead"),
        ([[[1, 2]], [[3]]], "Dimension number 2 is expected to be of size 2 but found 1 instead"),
        ([None, None], "Impossible to find type of tensor : no one where found"),
        ([[], []], "Impossible to find type of tensor : no one where found"),
    ):
        golden.vector("parse", input=value, expect={"error": FREE + why})
    golden.vector(
        "parse_files",
        json={"a": [1, 2], "b": [[0.5], [1]], "c": "text"},
        expect={
            "a": {"type": "integer", "shape": [2]},
            "b": {"type": "double", "shape": [2, 1]},
            "c": {"type": "string", "shape": []},
        },
    )


def shapes(golden: Golden) -> None:
    """Shapes that are wanted of shapes that are sent."""
    for sent, wanted, expect in (
        ([], [], []),
        ([], [1, 1], [1, 1]),
        ([], [-1, 1], [1, 1]),
        ([1], [], []),
        ([1, 1], [], []),
        ([6], [2, 3], [2, 3]),
        ([6], [-1, 3], [2, 3]),
        ([2, 3], [3, -1], [3, 2]),
        ([2, 3], [-1], [6]),
        ([12], [2, -1, 3], [2, 2, 3]),
        ([5, 7], [-1, -1], [5, 7]),
        ([5], [-1, -1], [5, 1]),
        ([5], [-1, -1, 1], [5, 1, 1]),
        ([2, 8, 8], [-1, -1, -1, 1], [2, 8, 8, 1]),
        ([8, 8], [-1, -1, -1, 1], [8, 8, 1, 1]),
        ([4, 3], [-1, 3, -1], [4, 3, 1]),
        ([1, 8, 8, 3], [1, -1, -1, 3], [1, 8, 8, 3]),
        ([7], [2, 3], "error"),
        ([7], [-1, 3], "error"),
        ([2], [3, -1], "error"),
        ([2, 3], [3, 3], "error"),
        ([], [2], "error"),
        ([5, 7], [-1, -1, 7], "error"),
        ([5, 7, 2], [-1, -1], "error"),
        ([5, 7], [-1, 6, -1], "error"),
        ([8, 8, 3], [-1, -1, -1, 1], [8, 8, 3, 1]),
        ([2, 8, 8, 3], [-1, -1, -1, 1], "error"),
    ):
        golden.vector("resolve_shape", **{"from": sent, "to": wanted, "expect": expect})
    numbers = np.arange(1, 13)
    for data, wanted in (
        (numbers.reshape(3, 4), [4, 3]),
        (numbers.reshape(2, 6), [-1]),
        (numbers.reshape(3, 2, 2), [2, 3, 2]),
        (numbers[:1], []),
    ):
        made = data.reshape(wanted)
        golden.vector("reshape_roll", op="reshape", data=data.tolist(), to=wanted, expect=made.tolist())
    for data, window, axis in (
        (numbers[:5], 2, 0),
        (numbers[:5], 5, 0),
        (numbers.reshape(4, 3), 3, 0),
        (numbers.reshape(3, 2, 2), 2, 0),
        (numbers.reshape(2, 6), 4, 1),
    ):
        count = data.shape[axis] - window + 1
        parts = [np.take(data, range(start, start + window), axis) for start in range(count)]
        golden.vector(
            "reshape_roll",
            op="roll",
            axis=axis,
            window=window,
            data=data.tolist(),
            expect=np.stack(parts, axis).tolist(),
        )
    columns = {
        "name": "t",
        "type": "integer",
        "shape": [-1, 2],
        "fields": [{"name": "b", "index": 1}, {"name": "a", "index": 0}],
    }
    golden.vector(
        "fields",
        field=columns,
        batch_size=1,
        inputs=[{"a": [1, 2, 3], "b": [4, 5, 6]}, {"t": [1, 4, 2, 5, 3, 6]}, {"t": [[1, 4], [2, 5], [3, 6]], "a": 0}],
        expect=[[1, 4], [2, 5], [3, 6]],
    )
    golden.vector(
        "fields",
        field={**columns, "shape": [-1, 4]},
        batch_size=2,
        inputs=[{"a": [1, 2, 3], "b": [4, 5, 6]}, {"t": [[1, 4], [2, 5], [3, 6]]}],
        expect=[[1, 4, 2, 5], [2, 5, 3, 6]],
    )


def pictures(golden: Golden) -> None:
    """Which shapes are pictures, and pixels on their way in and out."""
    gray, colours = ["GRAY_SCALE"], ["RED", "GREEN", "BLUE"]
    for shape, expect in (
        ([-1, -1, -1, 1], ("BHWC", gray)),
        ([-1, 8, 8, 3], ("BHWC", colours)),
        ([5, 1, 8, 8], ("BCHW", gray)),
        ([-1, 3, -1, -1], ("BCHW", colours)),
        ([8, 8, 1], ("HWC", gray)),
        ([-1, -1, 3], ("HWC", colours)),
        ([1, -1, -1], ("CHW", gray)),
        ([3, 8, 8], ("CHW", colours)),
        ([8, 3, 8], ("HCW", colours)),
        ([1, 1, 1, 1], ("BHWC", gray)),
        ([3, 3, 3], ("HWC", colours)),
        ([1, 224, 224, 4], ("CBHW", gray)),
        ([2, 3, 3, 8], ("BHCW", colours)),
        ([8, 8], None),
        ([8], None),
        ([1], None),
        ([-1, 8, 8], None),
        ([2, 8, 8, 4], None),
        ([1, 1, 1, 1, 1], None),
    ):
        golden.vector("image_shape", shape=shape, expect=None if expect is None else _layout(*expect))
    row = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [250, 128, 0]]]
    golden.vector(
        "image_to_tensor", field_shape=[-1, -1, -1, 3], pixels_rgb_rows=row, expect_type="integer", expect=[row]
    )
    planes = np.array(row).transpose(2, 0, 1).tolist()
    golden.vector("image_to_tensor", field_shape=[-1, 3, -1, -1], pixels_rgb_rows=row, expect=[planes])
    golden.vector("image_to_tensor", field_shape=[-1, -1, 3], pixels_rgb_rows=row, expect=row)
    for word, sizes in (("width", [[2, 2], [3, 2]]), ("height", [[2, 2], [2, 4]])):
        golden.vector(
            "image_to_tensor",
            sizes_wh=sizes,
            field_shape=[-1, -1, -1, 3],
            error=f"To merge several images as a tensor, all images should have the same {word}. Found several : 2",
        )
    random = np.random.RandomState(11)
    large = random.randint(0, 256, (23, 31, 3))
    source = golden.picture_file("_images/large.png", png(large))
    scaled = golden.picture_file("_images/large_9x7.png", png(golden.java.shrunk(png(large), 9, 7)))
    golden.vector(
        "image_to_tensor", file=source, field_shape=[1, 3, 7, 9], expect_file=scaled, expect="pixel-identical"
    )
    data = [[[[300, 1, -1], [255, 256, 0]], [[-256, 7, 8], [9, 10, 511]]]]
    shown = {"0,0": [44, 1, 255], "1,0": [255, 0, 0], "0,1": [0, 7, 8], "1,1": [9, 10, 255]}
    golden.vector("tensor_to_image", shape=[1, 2, 2, 3], data=data, expect_rgb_xy=shown)
    shades = np.arange(256).reshape(16, 16)
    lifted = golden.java.colours(png(shades))[:, :, 0].reshape(-1)
    golden.vector("java_gray_to_rgb", samples={str(shade): int(lifted[shade]) for shade in range(256)})


def _layout(letters: str, channels: list[str]) -> dict[str, object]:
    words = {"B": "BATCH_SIZE", "H": "HEIGHT", "W": "WIDTH", "C": "CHANEL"}
    return {
        "image_shape": [words[letter] for letter in letters],
        "property_chanel": channels,
        "channel_index": letters.index("C"),
    }


def flows(golden: Golden) -> None:
    """What goes into a chain of models and what comes out of it."""
    golden.vector(
        "flow",
        evaluators=[
            {"inputs": [["a", "double"]], "outputs": [["b", "double"]], "batch_size": 2},
            {"inputs": [["b", "double"], ["c", "long"]], "outputs": [["d", "float"]], "batch_size": 4},
        ],
        outputs=[["d", "float"], ["b", "double"]],
        expect={
            "inputs_set": [["a", "double"], ["c", "long"]],
            "outputs_set": [["b", "double"], ["d", "float"]],
            "default_outputs_set": [["d", "float"]],
            "rolling_windows_size": 5,
            "unknown_output": "load error",
            "one_row": "EvaluationException -> 400",
            "kept_tensors": ["b", "d"],
        },
    )
    golden.vector("validator", ok=["double", "integer", "float", "long"], fail=["string", "boolean"])


def java(golden: Golden) -> None:
    """The order of maps and the text of numbers, by Java itself."""
    for names in (
        ["output_label", "output_probability"],
        ["a", "b", "c"],
        ["Aa", "BB", "AaAa", "BBBB", "AaBB"],
        list(MANY),
        ["é", "ü", "\U0001f600", "中", ""],
        [f"feature_{number}" for number in range(30)],
        [f"probability({number})" for number in range(10)],
    ):
        golden.vector("java_hashmap_order", names=names, expect=golden.java.map_order(names))
    # Below 10^7 every version of Java writes the shortest text; above, those up to 18 sometimes wrote a digit more.
    for number in (
        1.0,
        0.1,
        0.2,
        1 / 3,
        0.001,
        0.00099999,
        1e-5,
        1.17549435e-38,
        1.4e-45,
        9999999.0,
        1234567.9,
        16777216.0,
        -2.5,
    ):
        golden.vector("java_float_text", float32=float(np.float32(number)), text=golden.java.text(np.float32(number)))
    for number in (
        0.1,
        1 / 3,
        2 / 3,
        100.0,
        1e-3,
        9.99e-4,
        1e7,
        9999999.999999998,
        1e21,
        1e22,
        5e-324,
        1.7976931348623157e308,
        -1e-9,
        123456.789,
    ):
        golden.vector("java_float_text", float64=number, text=golden.java.text(np.float64(number)))
