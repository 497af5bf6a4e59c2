from pathlib import Path

import pytest

from migrate.core.errors import UsageError
from migrate.sources.listing import needs_cloud
from migrate.sources.reference import BucketRef, ContainerRef, FolderRef, InventoryRef, NamespaceRef, parse_source


@pytest.mark.parametrize(
    ("text", "ref", "canonical"),
    [
        ("3f6d1c52-8a40-4e0b-9d57-0c2b7a9e41d8", NamespaceRef("3f6d1c52-8a40-4e0b-9d57-0c2b7a9e41d8"), None),
        ("my.name_space-1", NamespaceRef("my.name_space-1"), None),
        ("models@GRA", ContainerRef("models", "GRA"), None),
        ("models@gra/", ContainerRef("models", "GRA"), "models@GRA"),
        ("models@GRA/iris/v3/", ContainerRef("models", "GRA", "iris/v3"), "models@GRA/iris/v3"),
        ("my models@SBG5/a@b/c d", ContainerRef("my models", "SBG5", "a@b/c d"), None),
        ("a@b@GRA", ContainerRef("a@b", "GRA"), None),
        ("swift:models@gra/x/", ContainerRef("models", "GRA", "x", "swift"), "swift:models@GRA/x"),
        ("s3:models@GRA/x.json", ContainerRef("models", "GRA", "x.json", "s3"), None),
        ("swift:s3:odd@GRA", ContainerRef("s3:odd", "GRA", "", "swift"), None),
    ],
)
def test_the_forms_that_need_no_disk(text: str, ref: object, canonical: str | None) -> None:
    found = parse_source(text)
    assert found == ref
    assert found.canonical == (canonical or text)
    assert needs_cloud(found)


@pytest.mark.parametrize(
    ("text", "ref", "canonical"),
    [
        ("s3://models", BucketRef("models"), None),
        ("s3://models/", BucketRef("models"), "s3://models"),
        ("s3://my.models-1/iris/v3/", BucketRef("my.models-1", "iris/v3"), "s3://my.models-1/iris/v3"),
        ("s3://models/a b@GRA.json", BucketRef("models", "a b@GRA.json"), None),
    ],
)
def test_buckets_with_keys_of_their_own(text: str, ref: object, canonical: str | None) -> None:
    found = parse_source(text)
    assert found == ref
    assert found.canonical == (canonical or text)
    assert not needs_cloud(found)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("s3://", "s3://BUCKET"),
        ("s3://x", "s3://BUCKET"),
        ("s3://models/a\nb", "s3://BUCKET"),
        ("gs://models", "s3://BUCKET"),
        ("https://example.com/x.onnx", "s3://BUCKET"),
        ("https://s3.gra.io.cloud.ovh.net/models/my%20iris/", "Type it as s3://models/my iris, with AWS_ENDPOINT_URL="),
        ("https://storage.gra.cloud.ovh.net/v1/AUTH_0a1b/my%20models/iris", "Type it as my models@GRA/iris, with"),
    ],
)
def test_other_urls_are_refused_with_what_to_type(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source(text)
    assert (caught.value.code, hint in caught.value.next_step) == ("bad-source", True)


def test_what_exists_here_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models@GRA").mkdir()
    (tmp_path / "plain").mkdir()
    (tmp_path / "inventory").write_text("{}")
    assert parse_source("models@GRA") == FolderRef((tmp_path / "models@GRA").resolve())
    assert parse_source("plain") == FolderRef((tmp_path / "plain").resolve())
    assert parse_source("inventory") == InventoryRef((tmp_path / "inventory").resolve())
    assert not needs_cloud(parse_source("plain"))


def test_a_path_keeps_its_meaning_when_nothing_is_there_any_more(tmp_path: Path) -> None:
    assert parse_source(str(tmp_path / "gone")) == FolderRef(tmp_path.resolve() / "gone")
    assert parse_source(str(tmp_path / "gone.json")) == InventoryRef(tmp_path.resolve() / "gone.json")
    assert parse_source("./gone").canonical == str(Path.cwd() / "gone")


def test_a_link_and_its_target_are_one_source(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert parse_source(str(tmp_path / "link")) == parse_source(str(tmp_path / "real"))


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a b", "a/b", "@GRA", "models@", "models@5", "x" * 5000, "nul\0", '../../x"\nRUN nowhere', "\x1b[2J"],
)
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    if text.startswith("../"):  # looks like a path, and paths that are not there are told by listing
        assert isinstance(parse_source(text), FolderRef)
        return
    with pytest.raises(UsageError) as caught:
        parse_source(text)
    assert caught.value.code == "bad-source"
    for form in ("namespace", "NAME@REGION", "s3://BUCKET", "folder", "inventory"):
        assert form in caught.value.next_step
    assert "\x1b" not in caught.value.what


def test_an_unknown_user_is_no_crash() -> None:
    assert isinstance(parse_source("~nobody-of-that-name/models"), FolderRef)
