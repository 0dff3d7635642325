#!/usr/bin/env python3
"""The page of a job in a browser that nobody touches: when it shows what.

Reads a line for each thing that is waited for, and answers with a line of JSON when it has come:
  live             the page follows its job
  shows <phase>    it has shown this phase since the last answer: when, in seconds since 1970
  leaves <phase>   it has shown another one since the last answer: likewise
Ends with its input.
"""

import argparse
import json
import sys

from selenium.webdriver.support.ui import WebDriverWait

from chrome import PATIENCE, chrome, enter

# Notes each phase that the page shows, with the time.
NOTE = """
const phase = () => document.querySelector("#head .badge").textContent;
window.noted = [[phase(), Date.now() / 1000]];
new MutationObserver(() => {
  if (phase() !== noted.at(-1)[0]) noted.push([phase(), Date.now() / 1000]);
}).observe(document.querySelector("[data-fragment]"), { childList: true, characterData: true, subtree: true });
"""

IS_LIVE = """return document.querySelector("[data-live]").textContent === "live";"""

# When a phase was first shown, or another one than that; what is older than that is forgotten.
FIND = """
const [isWanted, wanted] = arguments;
const place = noted.findIndex(([phase]) => (phase === wanted) === isWanted);
if (place < 0) return null;
noted.splice(0, place);
return noted[0][1];
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ["entry", "path", "chromium", "chromedriver"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    driver = chrome(args.chromium, args.chromedriver)
    try:
        driver.get(enter(driver, args.entry) + args.path)
        driver.execute_script(NOTE)
        wait = WebDriverWait(driver, PATIENCE, poll_frequency=0.1)
        for line in sys.stdin:
            asked, _, phase = line.strip().partition(" ")
            if asked == "live":
                answer = wait.until(lambda page: page.execute_script(IS_LIVE))
            else:
                answer = wait.until(lambda page: page.execute_script(FIND, asked == "shows", phase))
            print(json.dumps(answer), flush=True)
    finally:
        driver.quit()


main()
