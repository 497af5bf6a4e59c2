import msgspec

from migrate.core.values import ContainerLocation, FolderLocation, ModelRecord, to_json


def test_a_record_survives_the_journal() -> None:
    for location in (
        ContainerLocation(region="GRA", container="models", container_id="abc", path="iris/v3"),
        FolderLocation(path="/models/iris"),
        None,
    ):
        record = ModelRecord(id='../../x"\nRUN nowhere', source="ns", location=location)
        assert msgspec.json.decode(to_json(record), type=ModelRecord) == record


def test_equal_values_have_equal_texts() -> None:
    assert to_json({"b": 1, "a": 2}) == to_json({"a": 2, "b": 1}) == b'{"a":2,"b":1}'
