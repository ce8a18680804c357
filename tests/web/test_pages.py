"""Both pages in a real browser: a buyer's and an operator's journey. Screenshots are kept in the folder that
FS_SCREENSHOTS names."""
import os
import pathlib

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from flashsale import Server

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--window-size=1280,1400"]
PATIENCE_S = 30


@pytest.fixture(scope="module", name="one_browser")
def make_browser():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    yield driver
    driver.quit()


@pytest.fixture(name="browser")
def empty_page(one_browser):
    """The browser, without the page and the messages of the test before."""
    one_browser.get("about:blank")
    one_browser.get_log("browser")
    return one_browser


@pytest.fixture(name="server")
def one_server(tmp_path):
    with Server(tmp_path) as server:
        yield server


def url(address):
    return f"http://{address[0]}:{address[1]}/"


def wait(browser, condition):
    WebDriverWait(browser, PATIENCE_S, poll_frequency=0.1).until(lambda _: condition())


def text(browser, selector):
    """In one step: the page replaces its rows each second. Empty where there is no such element."""
    return browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)


def click(browser, selector):
    browser.find_element(By.CSS_SELECTOR, selector).click()


def keep(browser, name):
    folder = os.environ.get("FS_SCREENSHOTS")
    if folder:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(pathlib.Path(folder) / f"{name}.png"))


def faults_of(browser):
    """Failed scripts and broken policies; a response of 4xx is the API's to give."""
    lines = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    return [line for line in lines if "the server responded with a status of 4" not in line]


def log_in(browser, server):
    browser.get(url(server.admin))
    browser.find_element(By.ID, "token").send_keys((server.data_dir / "admin.token").read_text().strip())
    click(browser, "#login button")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#sales tr[data-product='1']"))


def cell(browser, product, column):
    return text(browser, f"#sales tr[data-product='{product}'] td:nth-of-type({column})")


def act(browser, product, name):
    """Clicks a button of a sale's row, in one step."""
    row = f"#sales tr[data-product='{product}'] button"
    wait(browser, lambda: browser.execute_script(
        "const found = [...document.querySelectorAll(arguments[0])].find(one => one.innerText === arguments[1]);"
        "found?.click(); return Boolean(found)", row, name))


def test_a_buyer_logs_in_buys_and_cancels_on_the_shop_page(browser, server):
    card = "[data-product='1']"
    browser.get(url(server.address))
    wait(browser, lambda: "100 left" in text(browser, f"{card} .stock"))
    click(browser, "#login button")
    wait(browser, lambda: text(browser, "#who") == "Logged in as user_1.")
    click(browser, f"{card} button")
    wait(browser, lambda: "99 left" in text(browser, f"{card} .stock"))
    assert text(browser, f"{card} .result") == "You have 1."
    keep(browser, "shop")
    click(browser, "#orders button")
    wait(browser, lambda: "100 left" in text(browser, f"{card} .stock"))
    assert text(browser, "#orders").endswith("cancelled")
    assert server.ask("GET", "/inventory/1").json()["stock"] == 100
    assert not faults_of(browser)


def test_a_wrong_password_and_a_sold_out_sale_are_told_in_words(browser, server):
    server.admin_ask("PUT", "/admin/products/2", body={"stock": 0, "reset": True})
    browser.get(url(server.address))
    wait(browser, lambda: text(browser, "[data-product='2'] .state") == "Sold out")
    browser.find_element(By.ID, "password").send_keys("wrong")
    click(browser, "#login button")
    wait(browser, lambda: text(browser, "#who") == "The user name or the password is wrong.")
    assert not faults_of(browser)


def test_the_control_room_refuses_a_wrong_token_and_keeps_no_right_one(browser, server):
    browser.get(url(server.admin))
    browser.find_element(By.ID, "token").send_keys("wrong")
    click(browser, "#login button")
    wait(browser, lambda: text(browser, "#login-result") == "This is not the admin token of this server.")
    log_in(browser, server)
    assert browser.execute_script("return localStorage.length + sessionStorage.length") == 0
    assert browser.current_url == url(server.admin) and browser.get_cookies() == []
    browser.refresh()
    assert browser.find_element(By.ID, "login-card").is_displayed()


def test_an_operator_pauses_restocks_and_audits_a_sale(browser, server):
    buyer = server.login("user_1")
    log_in(browser, server)
    server.ask("POST", "/purchase/1", buyer, {"quantity": 3})
    wait(browser, lambda: cell(browser, 1, 2) == "97")
    act(browser, 1, "Pause")
    wait(browser, lambda: "PATCH" in text(browser, "#confirm-curl"))
    keep(browser, "control-room-confirm")
    click(browser, "#confirm-do")
    wait(browser, lambda: cell(browser, 1, 1) == "paused")
    assert server.ask("POST", "/purchase/1", buyer, {"quantity": 1}).json()["code"] == "sale_paused"
    act(browser, 1, "Restock")
    click(browser, "#confirm-do")
    wait(browser, lambda: cell(browser, 1, 2) == "107")
    act(browser, 1, "Audit")
    wait(browser, lambda: cell(browser, 1, 8) == "sound")
    keep(browser, "control-room")
    assert not faults_of(browser)


def test_a_reset_needs_the_name_typed_and_a_cancelled_dialog_sends_nothing(browser, server):
    log_in(browser, server)
    act(browser, 3, "Reset")
    assert not browser.find_element(By.ID, "confirm-do").is_enabled()
    browser.find_element(By.CSS_SELECTOR, "#confirm-fields [data-name=typed]").send_keys("3")
    assert browser.find_element(By.ID, "confirm-do").is_enabled()
    click(browser, "#confirm-cancel")
    assert server.admin_ask("GET", "/admin/products/3").json()["epoch"] == \
        server.admin_ask("GET", "/admin/products/4").json()["epoch"]


def test_the_control_room_comes_back_with_the_server(browser, server):
    log_in(browser, server)
    before = server.admin
    server.kill()
    wait(browser, lambda: "no connection" in text(browser, "#server"))
    keep(browser, "control-room-down")
    server.admin_listen = f"{before[0]}:{before[1]}"
    server.start()
    wait(browser, lambda: "ready" in text(browser, "#server"))


def test_a_hostile_product_name_is_shown_as_text(browser, server):
    server.admin_ask("PUT", "/admin/products/a_b-c", body={"stock": 5})
    log_in(browser, server)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#sales tr[data-product='a_b-c']"))
    assert browser.find_elements(By.CSS_SELECTOR, "main script") == []


def test_both_pages_fit_390_pixels(browser, server):
    browser.set_window_size(390, 844)
    try:
        for address in (server.address, server.admin):
            browser.get(url(address))
            assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth + 1")
        log_in(browser, server)
        keep(browser, "control-room-390")
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth + 1")
    finally:
        browser.set_window_size(1280, 1400)
