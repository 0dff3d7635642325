#!/usr/bin/env python3
"""The dashboard in a real browser: a film that plays, pages that are refused their streams, what films would cost, a scene that
is edited in two tabs, a button, and a job that changes while somebody looks at it. If they are asked for: what a reader is
refused, texts that are no mark-up, and each page in light, in dark and as a phone shows it, with its pictures.

What was found is printed as JSON.
"""

import argparse
import json
import time
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from chrome import PATIENCE, chrome, enter
from pages import faults, look_at_all, paths

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

# In place of streams: each is refused, and what a page waits for between its tries is over at once.
REFUSED = """
window.TRIES = 12;
window.waits = [];
window.fetched = null;
window.EventSource = class {
  constructor() { this.readyState = 2; queueMicrotask(() => this.onerror()); }
  addEventListener() {}
  close() {}
};
window.setTimeout = (act, wait) => {
  waits.push(wait);
  if (waits.length < TRIES) queueMicrotask(act);
  return 1;
};
const fetchNow = window.fetch;
window.fetch = (...asked) => {
  window.fetched ??= waits.reduce((sum, wait) => sum + wait, 0);
  return fetchNow(...asked);
};
"""

# What scenes say, and all that no page of ours consists of.
TEXTS = """
const foreign = [...document.querySelectorAll("*")].filter((element) =>
  element.matches("script:not([src^='/dashboard/assets/']), iframe, object, embed, base, math, style, meta[http-equiv]")
  || [...element.attributes].some(({ name, value }) => name.startsWith("on") || /^\\s*javascript:/i.test(value)));
return {
  texts: [...document.querySelectorAll(".scene > h3 + p")].map((text) => text.textContent),
  foreign: foreign.map((element) => element.outerHTML.slice(0, 120)),
};
"""


def until(driver, condition):
    return WebDriverWait(driver, PATIENCE, poll_frequency=0.05).until(condition)


def script(driver, text):
    return driver.execute_script(f"return {text}")


def is_live(driver):
    """Whether the page follows its job, and has fetched again what may have changed before."""
    return driver.execute_script("""
      return document.querySelector("[data-live]").textContent === "live"
        && performance.getEntriesByType("resource").some(({ name }) => name.includes("fragment="));
    """)


def refused_streams(driver, url):
    """What two pages do to which the server refuses each stream: how long each waits before its tries, and after how long it
    first fetches itself, in milliseconds."""
    command = "Page.addScriptToEvaluateOnNewDocument"
    added = driver.execute_cdp_cmd(command, {"source": REFUSED})["identifier"]
    found = []
    for _ in range(2):
        driver.get(url)
        found.append(until(driver, lambda page: script(page, "waits.length === TRIES && { waits, fetched }")))
    driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": added})
    return found


def button_of(driver, path):
    """The button that calls this path."""
    return driver.find_element(By.CSS_SELECTOR, f"form[data-path='{path}'] button")


def answer(driver, form):
    """What a form's button was answered, and how it looks. Read in one go: the page may put another element there."""
    return until(driver, lambda page: page.execute_script("""
      const output = document.querySelector(arguments[0] + " output:not(:empty)");
      return output && { text: output.textContent, look: output.className };
    """, form))


def refused(driver, entry, job):
    """What the button Resume says to somebody who may only read."""
    base = enter(driver, entry)
    driver.get(f"{base}/dashboard{job}")
    until(driver, is_live)
    button_of(driver, f"{job}/resume").click()
    return answer(driver, f"form[data-path='{job}/resume']")


def texts(driver, base, job):
    """The texts of all scenes of a job as a browser shows them, and what there is beside text; also in what the page has
    fetched again by itself, and where they can be edited."""
    found = {"texts": [], "foreign": []}
    for page in ["?scenes=1", "?scenes=2"]:
        driver.get(f"{base}/dashboard{job}{page}")
        until(driver, is_live)
        part = driver.execute_script(TEXTS)
        found["texts"] += part["texts"]
        found["foreign"] += part["foreign"]
    for page in ["/scenes/s1", "/events", "/yaml"]:
        driver.get(f"{base}/dashboard{job}{page}")
        found["foreign"] += driver.execute_script(TEXTS)["foreign"]
    return found | {"faults": faults(driver)}


def edit_twice(driver, url):
    """What two tabs are answered in which somebody has opened the same scene, and then saves it in one after the other."""
    first = driver.current_window_handle
    driver.get(url)
    driver.switch_to.new_window("tab")
    second = driver.current_window_handle
    driver.get(url)
    found = {}
    for tab, name in [(first, "first"), (second, "second")]:
        driver.switch_to.window(tab)
        field = driver.find_element(By.NAME, "narration")
        field.clear()
        field.send_keys(f"As the {name} tab has it.")
        driver.find_element(By.CSS_SELECTOR, "form[data-scene] button[value=save]").click()
        found[name] = answer(driver, "form[data-scene]")
    driver.close()
    driver.switch_to.window(first)
    driver.refresh()
    found["saved"] = script(driver, "document.querySelector('[name=narration]').value")
    # The refusal stands there as an answer with an error's status.
    faults(driver)
    return found


def resume(driver, base, job):
    """Presses Resume on the page of a held job, and waits until the page says by itself that the job continues."""
    driver.get(f"{base}/dashboard{job}")
    until(driver, is_live)
    phase = "document.querySelector('#head .badge').textContent"
    before = script(driver, phase)
    driver.execute_script("window.isSame = true")
    button_of(driver, f"{job}/resume").click()
    begun = time.monotonic()
    until(driver, lambda page: script(page, phase) != before)
    return {
        "before": before,
        "after": script(driver, phase),
        "seconds": time.monotonic() - begun,
        "same_page": script(driver, "window.isSame === true"),
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
    return until(driver, lambda _: form.find_element(By.TAG_NAME, "output").text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ["entry", "namespace", "film", "scene", "held", "channel", "axe", "chromium", "chromedriver"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--reader", help="where a browser is let in as somebody who may only read")
    parser.add_argument("--marks", help="name of a job whose texts would be mark-up")
    parser.add_argument("--screenshots", type=Path)
    args = parser.parse_args()
    held = f"/jobs/{args.namespace}/{args.held}"
    driver = chrome(args.chromium, args.chromedriver)
    try:
        report = {}
        if args.reader:
            report["refused"] = refused(driver, args.reader, held)
        base = enter(driver, args.entry)
        report["first"] = driver.current_url
        # The list has films of other tests, too, whose thumbnails may be deleted while it is looked at.
        faults(driver)
        pages = paths(args.namespace, args.film, args.scene)
        if args.screenshots:
            report["pages"] = look_at_all(driver, base, pages, Path(args.axe).read_text(), args.screenshots)
        driver.get(base + pages["job"])
        report["film"] = driver.execute_async_script(PLAY)
        if args.marks:
            report["marks"] = texts(driver, base, f"/jobs/{args.namespace}/{args.marks}")
        report["refused_streams"] = refused_streams(driver, f"{base}/dashboard{held}")
        report["estimate"] = estimate(driver, base, args)
        report["edited"] = edit_twice(driver, f"{base}/dashboard{held}/scenes/{args.scene}")
        report["resumed"] = resume(driver, base, held)
    finally:
        driver.quit()
    print(json.dumps(report))


main()
