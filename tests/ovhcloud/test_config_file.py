"""Lines are put into ovh.conf and taken out again, and whatever else is in it stays."""

import configparser
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.errors import ConfigurationError
from migrate.ovhcloud.config_file import login_in, read_text, with_login, without_login, write_text

VALUES = {"application_key": "ak", "application_secret": "as", "consumer_key": "ck", "cloud_project": "p"}
OTHERS = (
    "# mine\n[default]\nendpoint = ovh-ca\n\n[ovh-ca]\napplication_key=1\napplication_secret=2\nconsumer_key=3\n"
    "\n; and this\n[ovh-cli]\ndefault_cloud_project = x\n"
)
OWN_KEY = "[ovh-eu]\n# the company's\napplication_key = ak\nconsumer_key : old\nother=1\n"


def values(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}


@pytest.mark.parametrize("before", ["", "\n", "# only this\n", OTHERS, OWN_KEY, OTHERS + OWN_KEY, OTHERS.rstrip("\n")])
@pytest.mark.parametrize("default", [True, False])
def test_a_login_goes_in_and_out_again(before: str, default: bool) -> None:
    text = with_login(before, "ovh-eu", VALUES, default=default)
    found = values(text)
    assert found["ovh-eu"].items() >= VALUES.items()
    assert not default or found["default"]["endpoint"] == "ovh-eu"
    assert login_in(text, "ovh-eu") == VALUES | ({"endpoint": "ovh-eu"} if default else {})
    assert login_in(text, "ovh-ca") is None
    for name, section in values(before).items():
        for key, value in section.items():
            if not (name == "ovh-eu" and key in VALUES) and not (default and (name, key) == ("default", "endpoint")):
                assert found[name][key] == value
    assert without_login(text, "ovh-eu").rstrip("\n") == before.rstrip("\n")


def test_a_second_login_replaces_the_first_one() -> None:
    once = with_login(OWN_KEY, "ovh-eu", VALUES, default=False)
    again = with_login(once, "ovh-eu", VALUES | {"consumer_key": "new"}, default=False)
    assert again == once.replace("consumer_key=ck", "consumer_key=new")


def test_two_endpoints_have_a_login_each() -> None:
    both = with_login(with_login("", "ovh-eu", VALUES, default=True), "ovh-ca", {"consumer_key": "c"}, default=False)
    assert values(both)["default"]["endpoint"] == "ovh-eu"
    left = without_login(both, "ovh-eu")
    assert values(left) == {"ovh-ca": {"consumer_key": "c"}}


@given(st.lists(st.sampled_from(["", "# c", "[ovh-eu]", "[default]", "[x]", "a=1", "consumer_key=9", "endpoint = y"])))
def test_no_line_is_lost_whatever_the_file_is(lines: list[str]) -> None:
    before = "".join(f"{line}\n" for line in lines)
    text = with_login(before, "ovh-eu", VALUES, default=True)
    assert without_login(text, "ovh-eu").rstrip("\n") == before.rstrip("\n")


@pytest.mark.parametrize("lost", ["end", "down to the next mark"])
@pytest.mark.parametrize("default", [True, False])
def test_a_mark_that_somebody_deleted_takes_no_other_line_along(lost: str, default: bool) -> None:
    text = (
        with_login("", "ovh-eu", VALUES, default=default) + "\n" + OTHERS.replace("[default]\nendpoint = ovh-ca\n", "")
    )
    lines = text.splitlines(keepends=True)
    lines.remove(next(line for line in lines if line.startswith("# migrate login ovh-eu") and lost in line))
    damaged = "".join(lines)
    for after in (without_login(damaged, "ovh-eu"), with_login(damaged, "ovh-eu", VALUES, default=False)):
        assert values(after)["ovh-ca"] == values(text)["ovh-ca"]
        assert values(after)["ovh-cli"] == values(text)["ovh-cli"]


def test_a_file_is_its_owners_alone_and_a_link_stays_one(tmp_path: Path) -> None:
    file, link = tmp_path / "real.conf", tmp_path / ".ovh.conf"
    file.write_text("# mine\n")
    file.chmod(0o644)
    link.symlink_to(file)
    text = with_login(read_text(link), "ovh-eu", VALUES, default=True)
    write_text(link, text, "ovh-eu", VALUES)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == text
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / ".ovh.conf"
    file.write_text("[ovh-eu]\n[ovh-eu]\n")
    with pytest.raises(ConfigurationError) as caught:
        write_text(file, with_login(read_text(file), "ovh-eu", VALUES, default=True), "ovh-eu", VALUES)
    assert caught.value.code == "bad-configuration"
    assert file.read_text() == "[ovh-eu]\n[ovh-eu]\n"
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError):
        read_text(tmp_path / "latin")
