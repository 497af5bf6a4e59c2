import os
import shlex
import subprocess
import sys
from pathlib import Path

from migrate.images.runtime import uv_settings
from migrate.images.runtime.uv_settings import uv_environment


def settings(tmp_path: Path, config: str = "", **environ: str) -> dict[str, str]:
    folder = tmp_path / ".config/pip"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pip.conf").write_text(config)
    base = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}
    found = uv_environment(base | environ)
    # What this machine's own /etc/pip.conf says is not this test's matter.
    machine = uv_environment({"HOME": "/nonexistent", "XDG_CONFIG_DIRS": "/nonexistent"})
    return {name: value for name, value in found.items() if machine.get(name) != value}


def test_a_mirror_in_pips_file_reaches_uv(tmp_path: Path) -> None:
    config = "[global]\nindex-url = https://pypi.example.com/simple\nfind-links = /wheels /more\ncert = /ca.pem\n"
    assert settings(tmp_path, config) == {
        "UV_DEFAULT_INDEX": "https://pypi.example.com/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/ca.pem",
    }


def test_pips_variables_win_over_its_files(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        "[global]\nindex-url = https://file.example.com/simple\n",
        PIP_INDEX_URL="https://variable.example.com/simple",
        PIP_DEFAULT_TIMEOUT="7",
    )
    assert found["UV_DEFAULT_INDEX"] == "https://variable.example.com/simple"
    assert found["UV_HTTP_TIMEOUT"] == "7"


def test_uvs_own_variables_win(tmp_path: Path) -> None:
    found = settings(tmp_path, PIP_INDEX_URL="https://pip.example.com/", UV_INDEX_URL="https://uv.example.com/")
    assert "UV_DEFAULT_INDEX" not in found


def test_every_index_may_serve_what_a_hash_names(tmp_path: Path) -> None:
    found = settings(tmp_path, PIP_EXTRA_INDEX_URL="https://a.example.com/simple https://b.example.com/simple")
    assert found["UV_INDEX"] == "https://a.example.com/simple https://b.example.com/simple"
    assert found["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_a_broken_file_is_pips_to_complain_about(tmp_path: Path) -> None:
    assert settings(tmp_path, "no section\n", PIP_CERT="/ca.pem") == {"SSL_CERT_FILE": "/ca.pem"}


def test_pip_can_be_told_to_read_no_file(tmp_path: Path) -> None:
    assert settings(tmp_path, "[global]\nindex-url = https://x.example.com/\n", PIP_CONFIG_FILE=os.devnull) == {}


def test_the_script_prints_what_a_shell_can_evaluate(tmp_path: Path) -> None:
    index = "https://user:it's a $secret@pypi.example.com/simple"
    script = Path(uv_settings.__file__)
    # Without site-packages: the set-up runs it before anything is installed.
    text = subprocess.run(
        [sys.executable, "-I", "-S", str(script)],
        env={"HOME": str(tmp_path), "PIP_INDEX_URL": index},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    shell = subprocess.run(
        ["bash", "-c", 'eval "$0"; printf %s "$UV_DEFAULT_INDEX"', text], check=True, capture_output=True, text=True
    )
    assert shell.stdout == index
    assert all(shlex.split(line)[0] == "export" for line in text.splitlines())
