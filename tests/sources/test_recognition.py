from collections.abc import Callable

from migrate.sources.recognition import Entry, Opened, Unreadable, find_models, model_ids

CONTENT = dict[str, bytes]


def recognise(name: str, size: int, read: Callable[[int, int], bytes]) -> str | None:
    """The first byte tells: M is a manifest, P a pipeline's configuration, O is ONNX, Z an archive with a model."""
    return {b"M": "manifest", b"P": "pipeline", b"O": "onnx", b"Z": "zip"}.get(read(0, 1))


def find(content: CONTENT, broken: tuple[str, ...] = ()) -> tuple[dict[str, str], dict[str, str], int]:
    reads = []

    def open_file(entry: Entry) -> Opened:
        if entry.path in broken:
            raise Unreadable("its disk is gone")

        def read(offset: int, length: int) -> bytes:
            reads.append(length)
            return content[entry.path][offset : offset + length]

        return Opened(entry.size, read)

    entries = [Entry(name, len(data)) for name, data in content.items()]
    found, ignored = find_models(entries, open_file, recognise, at_once=4)
    return (
        {name: model.path for model, name in model_ids(found, "whole").items()},
        {item.path: item.reason for item in ignored},
        sum(reads),
    )


def test_files_at_the_root_and_first_level_folders() -> None:
    models, ignored, _ = find(
        {
            "iris.onnx": b"O",
            "notes.txt": b"text",
            "empty": b"",
            "deep/a/b/model": b"O",
            "deep/readme": b"x",
            "data/a.csv": b"1,2",
            "data/b.csv": b"1,2",
        }
    )
    assert models == {"iris": "iris.onnx", "deep": "deep"}
    assert ignored == {
        "notes.txt": "no model by its content",
        "empty": "it is empty",
        "data/": "no model by content among its 2 files",
    }


def test_content_decides_and_not_the_name() -> None:
    models, ignored, _ = find({"model.csv": b"O", "data.onnx": b"x"})
    assert models == {"model.csv": "model.csv"}
    assert set(ignored) == {"data.onnx"}


def test_ids_stay_apart() -> None:
    models, _, _ = find({"iris.onnx": b"O", "iris/model": b"O", "Iris.bin": b"O", "wine.v2": b"O", "wine.onnx": b"O"})
    assert models == {
        "iris.onnx": "iris.onnx",
        "iris": "iris",
        "Iris.bin": "Iris.bin",
        "wine.v2": "wine.v2",
        "wine": "wine.onnx",
    }


def test_a_manifest_at_the_root_makes_the_whole_one_model() -> None:
    models, ignored, _ = find({"manifest.json": b"M", "model.onnx": b"O", "a/b": b"x"})
    assert models == {"whole": ""}
    assert ignored == {}


def test_the_configuration_of_a_pipeline_at_the_root_makes_the_whole_one_model() -> None:
    content = {"config.json": b"P", "pytorch_model.bin": b"O", "vocab.txt": b"text"}
    assert find(content)[:2] == ({"whole": ""}, {})
    inside = {f"bert/{name}": data for name, data in content.items()} | {"iris.onnx": b"O"}
    assert find(inside)[:2] == ({"bert": "bert", "iris": "iris.onnx"}, {})


def test_a_saved_model_at_the_root_makes_the_whole_one_model() -> None:
    content = {"saved_model.pb": b"O", "variables/variables.index": b"x", "variables/variables.data-0": b"x"}
    assert find(content)[:2] == ({"whole": ""}, {})
    inside = {f"wine/{name}": data for name, data in content.items()} | {"b/model.onnx": b"O"}
    assert find(inside)[:2] == ({"wine": "wine", "b": "b"}, {})
    named_only = find({**content, "saved_model.pb": b"text"})
    assert named_only[0] == {}


def test_versions_of_a_saved_model_are_one_model() -> None:
    versions = {f"{number}/{name}": b"O" for number in ("1", "1591", "2") for name in ("saved_model.pb", "variables/x")}
    assert find(versions)[:2] == ({"whole": ""}, {})
    assert find({**versions, "notes.txt": b"text"})[0] == {"whole": ""}
    assert find({**versions, "wine/saved_model.pb": b"O"})[0] == {name: name for name in ("1", "1591", "2", "wine")}
    assert find({**versions, "wine.onnx": b"O"})[0] == {"1": "1", "1591": "1591", "2": "2", "wine": "wine.onnx"}
    assert find({"1/saved_model.pb": b"O"})[0] == {"1": "1"}


def test_hidden_and_hostile_names_are_ignored_with_the_reason() -> None:
    models, ignored, _ = find(
        {".git/config": b"O", ".x": b"O", "../up": b"O", "/abs": b"O", "a\\b": b"O", "n\nl": b"O"}
    )
    assert models == {}
    assert ignored[".git/"] == ignored[".x"] == "it is hidden"
    assert "refused" in ignored["../"]
    assert "refused" in ignored["/"]
    assert "backslash" in ignored["a\\b"]
    assert "control character" in ignored["n\nl"]


def test_a_file_and_a_folder_of_one_name() -> None:
    models, ignored, _ = find({"iris": b"O", "iris/model.onnx": b"O"})
    assert models == {"iris": "iris"}
    assert ignored == {"iris/": "a file has the same name"}


def test_little_is_read() -> None:
    content = {f"folder/{number:04}.bin": b"x" * 100_000 for number in range(500)}
    content["big.csv"] = b"1" * 10_000_000
    _, ignored, read = find(content)
    assert len(ignored) == 2
    assert read <= 42 * 16 * 1024


def test_of_very_many_files_the_largest_are_read() -> None:
    texts = {f"{number:05}.txt": b"x" for number in range(10_500)}
    models, ignored, read = find({**texts, "iris.onnx": b"O", "a-model.txt": b"O" * 9})
    assert models == {"iris": "iris.onnx", "a-model.txt": "a-model.txt"}
    assert (len(ignored), read) == (10_500, 10_500 + 10)
    models, ignored, read = find({**texts, "iris.onnx": b"O"})
    assert (len(models), read) == (1, 41)
    assert ignored["00000.txt"] == "no model by its content"
    assert ignored["10499.txt"] == "40 of the 10500 files here that end in .txt were read, and none is a model"


def test_a_manifest_is_read_among_very_many_files() -> None:
    many = {f"{number:05}.json": b"xxxx" for number in range(2000)}
    assert find({**many, "manifest.json": b"M"})[0] == {"whole": ""}


def test_a_file_that_cannot_be_read_costs_no_other() -> None:
    content = {"iris.onnx": b"O", "bad.onnx": b"O", "half/a.onnx": b"O", "half/b.onnx": b"O", "lost/a.onnx": b"O"}
    models, ignored, _ = find(content, ("bad.onnx", "half/a.onnx", "lost/a.onnx"))
    assert models == {"iris": "iris.onnx", "half": "half"}
    assert ignored == {
        "bad.onnx": "it cannot be read: its disk is gone",
        "lost/": "no model by content among its 1 files; lost/a.onnx: it cannot be read: its disk is gone",
    }


def test_names_below_a_folder_are_looked_at_before_anything_is_read() -> None:
    models, ignored, read = find(
        {"dots/./model.onnx": b"O", "up/../../x": b"O", "dbl//slash.onnx": b"O", "iris/model.onnx": b"O"}
    )
    assert (models, read) == ({"iris": "iris"}, 1)
    assert "the name 'dots/./model.onnx' is refused: a part of it is empty, '.' or '..'" in ignored["dots/"]
    assert "refused" in ignored["up/"]
    assert "'dbl//slash.onnx' is refused: a part of it is empty" in ignored["dbl/"]


def test_many_small_reads_become_few() -> None:
    sizes = []

    def read(offset: int, length: int) -> bytes:
        sizes.append((offset, length))
        return bytes(length)

    def walker(name: str, size: int, read: Callable[[int, int], bytes]) -> str | None:
        for offset in range(0, 40_000, 10):
            assert len(read(offset, 10)) == 10
        assert read(size - 3, 10) == bytes(3)
        assert read(size + 5, 10) == b""
        return "onnx"

    find_models([Entry("model", 1_000_000)], lambda entry: Opened(entry.size, read), walker)
    assert len(sizes) == 4


def test_an_archive_counts_where_there_is_no_other_model() -> None:
    assert find({"iris.zip": b"Z", "notes.txt": b"x"})[0] == {"iris": "iris.zip"}
    assert find({"iris/iris.zip": b"Z"})[0] == {"iris": "iris"}
    models, ignored, _ = find({"iris.zip": b"Z", "iris.onnx": b"O", "b/a.zip": b"Z", "b/model": b"O"})
    assert models == {"iris": "iris.onnx", "b": "b"}
    assert ignored == {
        "iris.zip": "a ZIP archive beside other models; put it into a folder of its own to have what is in it served"
    }
