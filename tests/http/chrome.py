"""A Chromium without a window, which asks nothing of the outside."""

from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# Seconds that a page has for all that it does.
PATIENCE = 60


def chrome(chromium, chromedriver, *flags):
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1280,1600",
        "--hide-scrollbars",
        # No look for updates, or whatever else a browser asks of the outside.
        "--disable-background-networking",
        "--disable-component-update",
        "--no-proxy-server",
        *flags,
    ]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    driver.set_script_timeout(PATIENCE)
    driver.set_page_load_timeout(PATIENCE)
    return driver


def enter(driver, entry):
    """Is let in at this address, and brought to the dashboard; where that is served."""
    driver.get(entry)
    address = urlsplit(entry)
    return f"{address.scheme}://{address.netloc}"
