#!/usr/bin/env python3
"""How soon a real browser can use pages: for each, the milliseconds until its document is interactive, at each visit.

What was found is printed as JSON.
"""

import argparse
import json

from chrome import chrome, enter

# Visits of each page.
VISITS = 20

INTERACTIVE = 'return performance.getEntriesByType("navigation")[0].domInteractive;'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ["entry", "chromium", "chromedriver"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("path", nargs="+")
    args = parser.parse_args()
    driver = chrome(args.chromium, args.chromedriver)
    try:
        base = enter(driver, args.entry)
        found = {path: [] for path in args.path}
        for path in args.path * VISITS:
            driver.get(base + path)
            found[path].append(driver.execute_script(INTERACTIVE))
    finally:
        driver.quit()
    print(json.dumps(found))


main()
