"""The page in a real browser that can reach nothing but this server."""

import os
import shutil
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.server import models
from tests.server.process import Server, running

pytestmark = pytest.mark.programs

# Where the pictures of the documentation go, when somebody asks for them.
PICTURES = os.environ.get("PICTURES")
DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], "digit.png", { type: "image/png" }));
const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
document.getElementById("drop").dispatchEvent(drop);
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two models in one process."""
    root = tmp_path_factory.mktemp("models")
    models.linear(root / "scores")
    models.identity(root / "image", TensorProto.FLOAT, [-1, -1, -1, 1], more={"image_transformer": models.GRAY})
    with running(root, tmp_path_factory.mktemp("log") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.fail("this test drives Chromium: install the packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1100,1000",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()


def wait_for(browser: webdriver.Chrome, element: str, text: str) -> str:
    """The text of an element once it contains something."""
    WebDriverWait(browser, 30).until(lambda found: text in found.find_element(By.ID, element).text)
    return browser.find_element(By.ID, element).text


def picture(browser: webdriver.Chrome, name: str) -> None:
    if PICTURES:
        browser.save_screenshot(str(Path(PICTURES, name)))


def errors(browser: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_list_leads_to_a_page_that_evaluates_json(server: Server, browser: webdriver.Chrome) -> None:
    browser.get(f"http://127.0.0.1:{server.port}/")
    assert browser.title == "Models"
    browser.find_element(By.LINK_TEXT, "Model scores").click()
    assert browser.title == "Model scores"
    assert "[?, 3]" in browser.find_element(By.CLASS_NAME, "signature").text
    field = browser.find_element(By.ID, "request")
    field.clear()
    field.send_keys('{"x": [1, 2, 2]}')
    browser.find_element(By.ID, "send").click()
    assert wait_for(browser, "status", "200 in")
    assert '"label": 1' in wait_for(browser, "answer", "scores")
    picture(browser, "server-page.png")
    field.clear()
    field.send_keys('{"x": [1]}')
    browser.find_element(By.ID, "send").click()
    assert "Unable to resolve shape" in wait_for(browser, "answer", "message")
    assert [error for error in errors(browser) if "400" not in error] == []


def test_a_dropped_image_is_evaluated(server: Server, browser: webdriver.Chrome) -> None:
    shades = np.array([[0, 64], [128, 255]], np.uint8)
    buffer = BytesIO()
    Image.fromarray(shades).save(buffer, "PNG")
    # Without its slash the page's address leads to the one with it, for the page's links are relative.
    browser.get(f"http://127.0.0.1:{server.port}/image")
    assert browser.current_url.endswith("/image/")
    browser.execute_script(DROP, b64encode(buffer.getvalue()).decode())
    assert "255" in wait_for(browser, "answer", '"y"')
    assert browser.find_element(By.ID, "preview").is_displayed()
    browser.find_element(By.CSS_SELECTOR, "#accept option[value='text/html']").click()
    browser.execute_script(DROP, b64encode(buffer.getvalue()).decode())
    WebDriverWait(browser, 30).until(lambda found: found.find_element(By.ID, "shown").is_displayed())
    shown = browser.find_element(By.ID, "shown")
    assert "data:image/png;base64," in (shown.get_attribute("srcdoc") or "")
    assert errors(browser) == []


def test_swagger_ui_comes_from_this_server(server: Server, browser: webdriver.Chrome) -> None:
    browser.get(f"http://127.0.0.1:{server.port}/scores/")
    browser.find_element(By.TAG_NAME, "summary").click()
    assert "Evaluate the model" in wait_for(browser, "swagger", "/eval")
    addresses = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert any(address.endswith("swagger-ui-bundle.js") for address in addresses)
    assert all(address.startswith((f"http://127.0.0.1:{server.port}/", "data:")) for address in addresses)
    picture(browser, "server-swagger.png")
    assert errors(browser) == []


def test_files_of_the_page(server: Server) -> None:
    for path in ("/page.css", "/image/swagger-ui.css", "/image/swagger-ui-standalone-preset.js"):
        assert server.call("GET", path).status == 200
    for path in ("/unknown.js", "/image/__init__.css"):
        assert (server.call("GET", path).status, server.call("GET", path).body) == (204, b"")
    assert server.call("GET", "/deeper/page.css").status == 404
