import json
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.contract import contract

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "contract" / "ovh-api.json"


def test_the_extract_holds_names_and_types() -> None:
    api = contract()
    create = api.paths["/cloud/project/{serviceName}/ai/app"]["POST"]
    assert create.response == "cloud.project.ai.app.App"
    assert api.models["cloud.project.ai.app.AppSpecInput"].fields["image"].required
    assert "RUNNING" in (api.models["cloud.project.ai.app.AppStateEnum"].enum or ())


@pytest.mark.skipif(not SHARED.exists(), reason="the API contract is not beside the checkout")
def test_the_extract_is_what_the_script_makes(tmp_path: Path) -> None:
    target = tmp_path / "migrate" / "contract"
    target.mkdir(parents=True)
    script = tmp_path / "scripts" / "extract_contract.py"
    script.parent.mkdir()
    script.write_bytes((ROOT / "scripts" / "extract_contract.py").read_bytes())
    subprocess.run([sys.executable, script, SHARED], check=True, capture_output=True)
    made = json.loads((target / "api.json").read_text(encoding="utf-8"))
    committed = json.loads((ROOT / "migrate" / "contract" / "api.json").read_text(encoding="utf-8"))
    assert made == committed
