"""A plan as a page and on the screen: nothing of it is markup, nothing is loaded, and the picture has its sizes."""

import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from selenium import webdriver
from selenium.webdriver.common.by import By

from migrate.console.plan_file import show_plan_file
from migrate.console.plan_page import bars, plan_page
from migrate.core.planfile.content import Before, FlavorPrice, ManualTask, Month, PlanFile
from tests.core.planfile.samples import PRICES, app, model, sample

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"


def hostile() -> PlanFile:
    bad = model(HOSTILE, text=HOSTILE, notes=(HOSTILE,), was=HOSTILE, format=HOSTILE)
    task = ManualTask(number=1, owner="model owner", models=(HOSTILE,), text=HOSTILE)
    prices = replace(PRICES, flavors=(FlavorPrice(flavor="ai1-1-cpu", hour="0.03", source=HOSTILE),))
    return sample(
        models=(bad,), apps=(app("x", prices, models=(HOSTILE,), notes=(HOSTILE,)),), tasks=(task,), prices=prices
    )


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_page_tells_what_the_plan_tells_and_loads_nothing() -> None:
    page = read(plan_page(sample()))
    for part in (
        "iris",
        "titanic",
        "cut",
        "unreadable",
        "43.80 to 87.60 EUR a month",
        "input x: float [any, 4]",
        "0.03 EUR",
    ):
        assert part in page.text, part
    assert {"script", "img", "link", "iframe", "object"}.isdisjoint(page.tags)
    names = {name for name, _ in page.attributes}
    assert {"src", "href", "style"}.isdisjoint(names)
    assert not any(name.startswith("on") for name in names)
    policy = next(value for name, value in page.attributes if name == "content" and value and "default-src" in value)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_nothing_of_a_plan_is_markup_or_a_template() -> None:
    page = plan_page(hostile())
    found = read(page)
    assert {"script", "img"}.isdisjoint(found.tags)
    assert found.text.count(HOSTILE) >= 6
    assert "{{ 7*7 }}" in found.text
    escapes = plan_page(sample(models=(model("a\x1b[31m\u202eb"),), apps=(), tasks=()))
    assert "a\\x1b[31m\\u202eb" in escapes
    assert "\u202e" not in escapes


def test_the_screen_shows_no_control_characters() -> None:
    stream = io.StringIO()
    show_plan_file(Console(file=stream, width=200), sample(models=(model("a\x1b[31m\u202eb"),), apps=(), tasks=()))
    assert "\x1b" not in stream.getvalue()
    assert "\\u202e" in stream.getvalue()


def test_the_bars_have_one_scale_and_what_is_unknown_has_none() -> None:
    before, after = Month(least="100.00", most="100.00", known=True), Month(least="50.00", most="200.00", known=True)
    assert [(bar.least, bar.most) for bar in bars(before, after)] == [(280, 280), (140, 560)]
    unknown = Month(least=None, most=None, known=False)
    assert [(bar.name, bar.least, bar.text) for bar in bars(unknown, unknown)] == [
        ("before", 0, "unknown"),
        ("after", 0, "unknown"),
    ]
    nothing = Month(least="0.00", most="0.00", known=True)
    assert [bar.most for bar in bars(nothing, nothing)] == [0, 0]


def test_a_sum_with_an_unknown_in_it_is_told_as_at_least_and_never_0() -> None:
    stream = io.StringIO()
    prices = replace(PRICES, flavors=(FlavorPrice(flavor="ai1-1-cpu", hour=None),))
    file = sample(prices=prices)
    show_plan_file(Console(file=stream, width=200), file)
    text = stream.getvalue()
    assert "2 apps with 2 CPUs all the time: unknown; before: unknown." in text
    assert "with --replicas 2 the apps have 4 CPUs all the time, and what that costs is unknown." in text
    assert "unknown: ai1-1-cpu" in text
    assert not re.search(r"\b0(\.00)? EUR", text)
    partly = sample(prices=replace(PRICES, before=Before(models=(("iris", "40"),))))
    stream = io.StringIO()
    show_plan_file(Console(file=stream, width=200), partly)
    assert "before: at least 40.00 EUR a month" in stream.getvalue()


@pytest.mark.slow
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    program, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.fail("this test drives Chromium: install the packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1100,1400",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    (tmp_path / "plan.html").write_text(plan_page(sample()), encoding="utf-8")
    (tmp_path / "hostile.html").write_text(plan_page(hostile()), encoding="utf-8")
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        browser.get((tmp_path / "plan.html").as_uri())
        assert browser.find_element(By.ID, "cost").text == "43.80 to 87.60 EUR a month"
        assert len(browser.find_elements(By.CSS_SELECTOR, "#models tr")) == 4
        least, most = (
            browser.find_element(By.CSS_SELECTOR, f"svg rect.{name}").rect["width"] for name in ("least", "most")
        )
        assert 0 < least < most
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        browser.get((tmp_path / "hostile.html").as_uri())
        assert HOSTILE in browser.find_element(By.ID, "models").text
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    finally:
        browser.quit()


def test_the_same_note_of_several_apps_is_told_once() -> None:
    apps = tuple(app(name, notes=("A small one.", *more)) for name, more in (("a", ()), ("b", ("Its own.",))))
    with io.StringIO() as out:
        show_plan_file(Console(file=out, width=200), sample(models=(model("a"), model("b")), apps=apps, tasks=()))
        lines = [line.strip() for line in out.getvalue().splitlines()]
    assert [line for line in lines if line.endswith(("A small one.", "Its own."))] == [
        "a, b: A small one.",
        "b: Its own.",
    ]


def test_how_long_a_model_takes_is_told_only_where_something_is_left_to_do() -> None:
    made = sample()
    done = replace(made, forecast=replace(made.forecast, models=tuple(
        replace(one, left=False) for one in made.forecast.models
    )))  # fmt: skip
    for plan, there in ((made, True), (done, False)):
        with io.StringIO() as out:
            show_plan_file(Console(file=out, width=200), plan)
            assert ("about 1 min 47 s to move" in out.getvalue()) is there
        assert ("1 min 47 s" in plan_page(plan)) is there
        assert ("<b>Nothing</b>was left to do" in plan_page(plan)) is not there


def test_one_is_not_many() -> None:
    page = read(plan_page(sample(models=(model("iris"),), apps=(app("iris"),), tasks=()))).text
    assert "1 model" in page
    assert "1 app1 CPU all the time" in page
    assert "1 models" not in page
