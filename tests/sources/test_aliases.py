"""The other names of a source: kinds of containers, and paths that lead to one folder without a link."""

import subprocess
import sys
from pathlib import Path

import pytest

from migrate.core.values import BucketLocation, ContainerLocation, Location, ModelRecord
from migrate.sources.aliases import other_names, other_names_of, other_paths
from migrate.sources.reference import parse_source

SWIFT = ContainerLocation(region="GRA", container="models", container_id="c1", path="iris")
BUCKET = BucketLocation(bucket="models", region="GRA", endpoint=None, path="iris")


@pytest.mark.parametrize(
    ("source", "place", "others"),
    [
        ("models@GRA/iris", SWIFT, ("swift:models@GRA/iris",)),
        ("models@GRA/iris", BUCKET, ("s3:models@GRA/iris",)),
        ("models@GRA", None, ("swift:models@GRA", "s3:models@GRA")),
        ("s3:models@GRA", BUCKET, ("models@GRA",)),
        ("swift:models@GRA", SWIFT, ("models@GRA",)),
        ("s3://models", BUCKET, ()),
        ("/nowhere/at/all", None, ()),
    ],
)
def test_other_names_are_those_that_can_mean_the_place(
    source: str, place: Location | None, others: tuple[str, ...]
) -> None:
    assert other_names_of(ModelRecord(id="iris", source=source, location=place)) == others


def test_a_namespace_has_one_name(tmp_path: Path) -> None:
    record = ModelRecord(id="iris", source=str(tmp_path / "inventory.json"), namespace="ns-1", location=SWIFT)
    assert other_names_of(record) == ()
    assert other_names(parse_source("ns-1")) == ()


def test_a_folder_is_found_where_another_mount_shows_it(tmp_path: Path) -> None:
    here, there, mounts = tmp_path / "a b" / "models", tmp_path / "there", tmp_path / "mountinfo"
    here.mkdir(parents=True)
    there.symlink_to(here.parent)  # stands for the mount that the list tells of
    (tmp_path / "other" / "models").mkdir(parents=True)
    shown = str(tmp_path).replace(" ", "\\040")
    mounts.write_text(
        f"1 0 8:1 / {shown} rw - ext4 /dev/sda rw\n"
        f"2 1 8:1 /a\\040b {shown}/there rw - ext4 /dev/sda rw\n"
        f"3 1 8:1 /a\\040b {shown}/other rw - ext4 /dev/sda rw\n"  # another file system lies over it
        f"4 1 8:2 /a\\040b {shown}/gone rw - ext4 /dev/sdb rw\n"
        "5 1\n"
    )
    assert other_paths(here, mounts) == (there / "models",)
    assert other_paths(there / "models", mounts) == (here,)
    assert other_paths(tmp_path / "other" / "models", mounts) == ()
    assert other_paths(here, tmp_path / "no-list") == ()


_SEEN = """
import sys
from migrate.migration.run.leased import shared_name
from migrate.migration.run.units import unit_of
from migrate.core.values import ModelRecord
for path in sys.argv[1:]:
    unit = unit_of(ModelRecord(id="iris", source=path))
    print(shared_name(path, tuple), *sorted({unit.key("p"), *unit.other_keys("p")}))
"""


def test_a_bind_mount_has_the_lease_and_the_apps_of_the_folder_that_it_shows(tmp_path: Path) -> None:
    folder, other = tmp_path / "folder", tmp_path / "other"
    (folder / "models").mkdir(parents=True)
    other.mkdir()
    apart = ["unshare", "--user", "--map-root-user", "--mount"]
    mount = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    try:
        subprocess.run([*apart, "sh", "-c", mount, "sh", folder, other, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a folder a second time")
    paths = [str(folder / "models"), str(other / "models")]
    seen = subprocess.run(
        [*apart, "sh", "-c", mount, "sh", folder, other, sys.executable, "-c", _SEEN, *paths],
        check=True,
        capture_output=True,
        text=True,
    )
    first, second = seen.stdout.splitlines()
    assert first == second
    assert len(first.split()) == 3
