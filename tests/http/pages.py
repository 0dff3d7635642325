"""Each page of the dashboard as it looks in light, in dark and on a phone: what it is, what in it hinders people by the rules
of axe, and its picture."""

from selenium.webdriver.support.ui import WebDriverWait

from chrome import PATIENCE

WIDE, PHONE = (1280, 900), (390, 844)
LOOKS = {"light": ("light", WIDE), "dark": ("dark", WIDE), "phone": ("light", PHONE)}
# Of a longer page, this much is in its picture.
LONGEST = 3200
# A page of something that is not there. That the browser complains of its status is right.
MISSING = "missing"

# What a page is: whether it is wider than the window, what it has loaded from elsewhere, and which players have no name, which
# axe does not judge.
LOOK = """
const outside = performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => !name.startsWith(location.origin));
const nameless = [...document.querySelectorAll("audio, video")]
  .filter((element) => element.checkVisibility() && !element.closest("[aria-hidden]") && !element.getAttribute("aria-label"))
  .map((element) => element.outerHTML.slice(0, 120));
return {
  title: document.title, heading: document.querySelector("h1").textContent, nameless, outside,
  sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
};
"""

# The rules that axe finds broken, each with where and why.
AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(
  ({ violations }) => done(violations.map(({ id, nodes }) => `${id}: `
    + nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join("; "))),
  (error) => done([String(error)]));
"""

# Whether nothing is missing in its picture: what comes late is there, or is known not to come.
IS_WHOLE = """
const films = [...document.querySelectorAll("video[preload=metadata]")];
const images = [...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight);
return images.every((image) => image.complete)
  && films.every((film) => film.error || film.readyState >= HTMLMediaElement.HAVE_METADATA);
"""


def paths(namespace, film, scene):
    job = f"/dashboard/jobs/{namespace}/{film}"
    return {
        "jobs": f"/dashboard?namespace={namespace}",
        "job": job,
        "scene": f"{job}/scenes/{scene}",
        "events": f"{job}/events",
        "log": f"{job}/logs",
        "yaml": f"{job}/yaml",
        "new": f"/dashboard/new?namespace={namespace}",
        "storage": f"/dashboard/storage?namespace={namespace}",
        "accounts": f"/dashboard/accounts?namespace={namespace}",
        "health": "/dashboard/health",
        MISSING: f"{job}-of-nobody",
    }


def faults(driver):
    """What the browser's console has complained of since the last time."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def resize(driver, width, height):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def draw(driver, width, file):
    """The picture of a page, down to its end."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    # What is loaded only where somebody looks is loaded by this.
    resize(driver, width, min(height, LONGEST))
    WebDriverWait(driver, PATIENCE, poll_frequency=0.05).until(lambda page: page.execute_script(IS_WHOLE))
    driver.save_screenshot(str(file))


def look_at(driver, url, name, axe, folder):
    """A page in each look."""
    found = {}
    for look, (scheme, (width, height)) in LOOKS.items():
        resize(driver, width, height)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        driver.get(url)
        found[look] = driver.execute_script(LOOK)
        driver.execute_script(axe)
        found[look]["violations"] = driver.execute_async_script(AXE)
        draw(driver, width, folder / f"{name}-{look}.png")
        complaints = faults(driver)
        found[look]["faults"] = [] if name == MISSING else complaints
    return found


def look_at_all(driver, base, pages, axe, folder):
    """Each page in each look. `axe`: the source of axe; `folder`: where their pictures are left."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {name: look_at(driver, base + path, name, axe, folder) for name, path in pages.items()}
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    return found
