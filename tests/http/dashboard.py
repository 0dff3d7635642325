#!/usr/bin/env python3
"""The dashboard in a real browser: a film that plays, what films would cost, a button, and a job that changes while somebody
looks at it; and each page in light, in dark and as a phone shows it, if a folder is named for their pictures.

What was found is printed as JSON.
"""

import argparse
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from chrome import PATIENCE, chrome

WIDE, PHONE = (1280, 900), (390, 844)
LOOKS = {"light": ("light", WIDE), "dark": ("dark", WIDE), "phone": ("light", PHONE)}

# What a page is: whether it is wider than the window, what it has loaded from elsewhere, how soon it could be used.
LOOK = """
const outside = performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => !name.startsWith(location.origin));
const { domInteractive } = performance.getEntriesByType("navigation")[0];
const nameless = [...document.querySelectorAll("button, a, input:not([type=hidden]), select, textarea, audio, video, svg")]
  .filter((element) => element.checkVisibility() && !element.closest("[aria-hidden]"))
  .filter((element) => !(element.labels && element.labels.length) && !element.getAttribute("aria-label")
    && !element.textContent.trim())
  .map((element) => element.outerHTML.slice(0, 120));
return {
  title: document.title, heading: document.querySelector("h1").textContent, nameless, outside, interactive: domInteractive,
  sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
};
"""

# Plays a film from its middle, and says where it is then.
PLAY = """
const done = arguments[arguments.length - 1];
const film = document.querySelector("#film video");
film.muted = true;
film.onerror = () => done({ error: film.error.message });
const seek = () => {
  film.onseeked = () => film.play().then(() => {
    film.ontimeupdate = () => { if (film.currentTime > film.duration / 2) done({ at: film.currentTime, of: film.duration }); };
  });
  film.currentTime = film.duration / 2;
};
if (film.readyState > 0) seek(); else { film.onloadedmetadata = seek; film.load(); }
"""


def pages(args):
    job = f"/dashboard/jobs/{args.namespace}/{args.film}"
    return {
        "jobs": f"/dashboard?namespace={args.namespace}",
        "job": job,
        "scene": f"{job}/scenes/{args.scene}",
        "events": f"{job}/events",
        "log": f"{job}/logs",
        "yaml": f"{job}/yaml",
        "new": "/dashboard/new",
        "storage": f"/dashboard/storage?namespace={args.namespace}",
        "accounts": f"/dashboard/accounts?namespace={args.namespace}",
        "health": "/dashboard/health",
    }


def faults(driver):
    """What the browser's console has complained of since the last time."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def look_at(driver, base, name, path, folder):
    """A page in each look: what it is, and its picture."""
    found = {}
    for look, (scheme, (width, height)) in LOOKS.items():
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        driver.get(base + path)
        found[look] = driver.execute_script(LOOK) | {"faults": faults(driver)}
        driver.save_screenshot(str(folder / f"{name}-{look}.png"))
    return found


def resume(driver, base, args):
    """Presses Resume on the page of a held job, and waits until the page says by itself that the job continues."""
    driver.get(f"{base}/dashboard/jobs/{args.namespace}/{args.held}")
    wait = WebDriverWait(driver, PATIENCE, poll_frequency=0.05)
    phase = "return document.querySelector('#head .badge').textContent"
    wait.until(lambda page: page.execute_script("return document.querySelector('[data-live]').textContent") == "live")
    before = driver.execute_script(phase)
    driver.execute_script("window.isSame = true")
    button = driver.find_element(By.CSS_SELECTOR, f"form[data-path='/jobs/{args.namespace}/{args.held}/resume'] button")
    button.click()
    begun = time.monotonic()
    wait.until(lambda page: page.execute_script(phase) != before)
    return {
        "before": before,
        "after": driver.execute_script(phase),
        "seconds": time.monotonic() - begun,
        "same_page": driver.execute_script("return window.isSame === true"),
        "faults": faults(driver),
    }


def estimate(driver, base, args):
    """What the page says that two films would cost and need, before one is begun."""
    driver.get(f"{base}/dashboard/new?namespace={args.namespace}")
    form = driver.find_element(By.CSS_SELECTOR, "form[data-new]")
    form.find_element(By.CSS_SELECTOR, "input[value=topics]").click()
    form.find_element(By.NAME, "topics").send_keys("Why the sea is salty\nWhy mountains grow")
    form.find_element(By.NAME, "channel").send_keys(args.channel)
    form.find_element(By.CSS_SELECTOR, "button[value=estimate]").click()
    wait = WebDriverWait(driver, PATIENCE, poll_frequency=0.05)
    return wait.until(lambda _: form.find_element(By.TAG_NAME, "output").text)


def look_at_all(driver, base, args):
    """Each page in each look."""
    folder = Path(args.screenshots)
    folder.mkdir(parents=True, exist_ok=True)
    found = {name: look_at(driver, base, name, path, folder) for name, path in pages(args).items()}
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ["entry", "namespace", "film", "scene", "held", "channel", "chromium", "chromedriver"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--screenshots")
    args = parser.parse_args()
    # Where the browser is let in, and then brought to the dashboard.
    entry = urlsplit(args.entry)
    base = f"{entry.scheme}://{entry.netloc}"
    driver = chrome(args.chromium, args.chromedriver)
    try:
        driver.get(args.entry)
        report = {"first": driver.current_url}
        # The list has films of other tests, too, whose thumbnails may be deleted while it is looked at.
        faults(driver)
        if args.screenshots:
            report["pages"] = look_at_all(driver, base, args)
        driver.get(base + pages(args)["job"])
        report["film"] = driver.execute_async_script(PLAY)
        report["estimate"] = estimate(driver, base, args)
        report["resumed"] = resume(driver, base, args)
    finally:
        driver.quit()
    print(json.dumps(report))


main()
