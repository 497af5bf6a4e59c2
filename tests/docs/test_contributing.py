"""Each pointer from the code to a page of docs/contributing leads to a heading that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {name: ROOT / "docs" / "contributing" / f"{name}.md" for name in ("contract", "decisions")}
POINTER = re.compile(r"\((contract|decisions): ([A-Z][^)\n]*)\)")
OUTSIDE = re.compile(r"field notes,? \d|\bcontract, \d|contract/(?:ai-deploy|ml-serving|ovh-api|serving-runtime)\b, \d")


def _sources() -> list[Path]:
    folders = ("migrate", "scripts", "tests", "benchmarks", "dockerfile_templates")
    return [path for folder in folders for path in (ROOT / folder).rglob("*.*") if path.suffix in {".py", ".j2", ".md"}]


def test_each_pointer_leads_somewhere() -> None:
    headings = {name: set(re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)) for name, page in PAGES.items()}
    found = 0
    for path in _sources():
        for page, names in POINTER.findall(path.read_text(encoding="utf-8")):
            for name in names.split("; "):
                if name[:1].isupper() and not name.startswith("Contract,"):
                    found += 1
                    assert name in headings[page], (
                        f"{path.relative_to(ROOT)}: docs/contributing/{page}.md has no '{name}'"
                    )
    assert found > 50


def test_nothing_points_to_a_document_that_is_not_here() -> None:
    here = Path(__file__)
    for path in _sources():
        if path != here:
            hit = OUTSIDE.search(path.read_text(encoding="utf-8"))
            assert hit is None, f"{path.relative_to(ROOT)}: {hit and hit.group(0)}"


def test_each_room_has_its_paragraph_and_each_name_in_it_is_there() -> None:
    text = (ROOT / "docs" / "contributing" / "architecture.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    rooms = {path.parent.name for path in (ROOT / "migrate").glob("*/__init__.py")}
    assert rooms - set(sections) == {"contract"}  # data and its reader
    for room, section in sections.items():
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", section):
            places = [ROOT / "migrate" / name, *(ROOT / "migrate" / room).rglob(name.rstrip("/"))]
            assert any(place.exists() for place in places), f"{room}: {name} is not there"
