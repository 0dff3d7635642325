#!/usr/bin/env python3
"""Pages of other origins in a real browser, whose visitor has a proxy open: what they try, and what they get.

Each page tries the same on the proxy and on a server that is not careful, which shows that what is tried arrives. What
came of it is printed as JSON; whether something was changed on the cluster, whoever calls this looks up there.
"""

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from chrome import chrome

# Leads to this machine, as a name does whose owner has changed its address (DNS rebinding).
FOREIGN_NAME = "evil.example"

# Tries each way to write and to read at `target`; what it could read goes into `read`.
ATTEMPTS = """
const [target, paths, done] = arguments;
const url = (path) => target + path;
const outcome = {}, read = {};
const note = async (name, attempt) => {
  try { outcome[name] = String(await attempt()); } catch (error) { outcome[name] = "failed: " + error.name; }
};
const request = (name, path, options) => note(name, async () => {
  const answer = await fetch(url(path), {credentials: "include", ...options});
  const text = await answer.text();
  if (text) read[name] = text.slice(0, 500);
  return answer.type;
});
const plain = {"Content-Type": "text/plain"}, json = {"Content-Type": "application/json"};
const element = (name, tag, attribute, path) => note(name, () => new Promise((resolve) => {
  const made = document.createElement(tag);
  if (tag === "link") made.rel = "stylesheet";
  made.onload = () => resolve("loaded");
  made.onerror = () => resolve("error");
  made[attribute] = url(path);
  document.body.append(made);
}));
const form = (name, path, enctype, field, value) => note(name, () => new Promise((resolve) => {
  const frame = document.createElement("iframe"), made = document.createElement("form");
  frame.name = name;
  document.body.append(frame);
  const input = document.createElement("input");
  Object.assign(input, {type: "hidden", name: field, value});
  Object.assign(made, {method: "post", action: url(path), enctype, target: name});
  made.append(input);
  document.body.append(made);
  frame.onload = () => {
    try { read[name] = frame.contentDocument.body.textContent; } catch (error) { }
    resolve("sent");
  };
  made.submit();
}));
const frame = (name, path) => note(name, () => new Promise((resolve) => {
  const made = document.createElement("iframe");
  made.onload = () => {
    const text = made.contentDocument && made.contentDocument.body.textContent;
    if (text) read[name] = text;
    resolve("loaded");
  };
  made.src = url(path);
  document.body.append(made);
}));
const stream = (name, path) => note(name, () => new Promise((resolve) => {
  const source = new EventSource(url(path), {withCredentials: true});
  source.onmessage = (event) => { read[name] = event.data; source.close(); resolve("message"); };
  source.onopen = () => { read[name] = "open"; source.close(); resolve("open"); };
  source.onerror = () => { source.close(); resolve("error"); };
}));
(async () => {
  // One after the other: a write to an address, while a read of it is under way, takes that out of the browser's cache.
  const attempts = [
    () => request("post-plain", paths.stop, {method: "POST", mode: "no-cors", headers: plain, body: "{}"}),
    () => request("post-empty", paths.suspend, {method: "POST", mode: "no-cors"}),
    () => request("post-form", paths.suspend, {method: "POST", body: new URLSearchParams({reason: "x"})}),
    () => request("post-multipart", paths.stop, {method: "POST", mode: "no-cors", body: new FormData()}),
    () => request("post-json", paths.suspend, {method: "POST", headers: json, body: "{}"}),
    () => request("post-with-token", paths.suspend, {method: "POST", headers: {Authorization: "Bearer guess"}}),
    () => request("create-plain", paths.create, {method: "POST", mode: "no-cors", headers: plain, body: paths.job}),
    () => request("delete", paths.film, {method: "DELETE"}),
    () => request("cleanup", paths.cleanup, {method: "POST", mode: "no-cors"}),
    () => note("beacon", () => navigator.sendBeacon(url(paths.suspend), "{}")),
    () => form("form-plain", paths.create, "text/plain", paths.job.slice(0, -2), '"}'),
    () => form("form-urlencoded", paths.stop, "application/x-www-form-urlencoded", "a", "b"),
    () => element("image-of-a-write", "img", "src", paths.suspend),
    () => element("script-of-a-write", "script", "src", paths.stop),
    () => request("get", paths.list, {}),
    () => request("get-no-cors", paths.list, {mode: "no-cors"}),
    () => request("get-film", paths.film, {}),
    () => element("image", "img", "src", paths.list),
    () => element("script", "script", "src", paths.list),
    () => element("style", "link", "href", paths.list),
    () => frame("frame", "/docs"),
    () => stream("stream", paths.stream),
  ];
  for (const attempt of attempts) await attempt();
  done({outcome, read});
})().catch((error) => done({error: String(error)}));
"""

# A page of the proxy's own: it reads with the cookie, and writes with the token.
OWN = """
const [paths, token, done] = arguments;
(async () => {
  const listed = await fetch(paths.list);
  const cookie = await fetch(paths.suspend, {method: "POST"});
  const shown = await fetch(paths.reject, {method: "POST", headers: {Authorization: "Bearer " + token}});
  done({listed: listed.status, jobs: (await listed.json()).items.map((job) => job.name),
        by_cookie: cookie.status, by_token: shown.status});
})().catch((error) => done({error: String(error)}));
"""


class Careless(BaseHTTPRequestHandler):
    """Serves an empty page, lets all pages read it, and remembers what it was asked."""

    asked = []

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(f"{self.command} {urlsplit(self.path).path}")
        body = b"data: secret\n\n" if self.path.endswith("stream") else b"<!doctype html><title>page</title><body>"
        kind = "text/event-stream" if self.path.endswith("stream") else "text/html"
        self.send_response(200)
        for name, value in {
            "Access-Control-Allow-Origin": self.headers.get("Origin", "*"),
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Headers": "authorization, content-type",
            "Access-Control-Allow-Methods": "POST, DELETE",
            # Else one answer may serve several of the requests, which differ in whom they let read it.
            "Cache-Control": "no-store",
            "Content-Type": kind,
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_OPTIONS = answer

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    # A page's requests come all at once.
    request_queue_size = 64


def serve():
    """A careless server on a free port of loopback; its port."""
    server = Server(("127.0.0.1", 0), Careless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def paths(args):
    job = f"/jobs/{args.namespace}/{args.film}"
    return {
        "film": job,
        "suspend": f"{job}/suspend",
        "reject": f"{job}/reject",
        "stop": f"/jobs/force-stop-all?namespace={args.namespace}",
        "create": "/jobs",
        "job": json.dumps({"namespace": args.namespace, "topic": "="}),
        "cleanup": f"/storage/cleanup?namespace={args.namespace}&days=0",
        "list": f"/jobs?namespace={args.namespace}",
        "stream": "/stream",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ["proxy-port", "token", "namespace", "film", "chromium", "chromedriver", "screenshot"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    asked, port, pages, careless = paths(args), args.proxy_port, serve(), serve()
    names = f"--host-resolver-rules=MAP {FOREIGN_NAME} 127.0.0.1"
    driver = chrome(args.chromium, args.chromedriver, names)
    try:
        report = {"attempts": {}}
        # The visitor has the proxy's page open: from now on the browser has its cookie.
        driver.get(f"http://localhost:{port}/docs?token={args.token}")
        report["own"] = {"title": driver.title, "url": driver.current_url}
        driver.save_screenshot(args.screenshot)
        # The page of the document forbids itself to ask for anything; an answer in JSON does not.
        driver.get(f"http://localhost:{port}{asked['list']}")
        report["own"] |= driver.execute_async_script(OWN, asked, args.token)

        for origin in ["localhost", "127.0.0.1", FOREIGN_NAME]:
            page = report["attempts"][origin] = {}
            for name in ["localhost", "127.0.0.1", FOREIGN_NAME]:
                driver.get(f"http://{origin}:{pages}/")
                page[name] = driver.execute_async_script(ATTEMPTS, f"http://{name}:{port}", asked)
            driver.get(f"http://{origin}:{pages}/")
            Careless.asked.clear()
            arrived = driver.execute_async_script(ATTEMPTS, f"http://localhost:{careless}", asked)
            page["careless"] = arrived | {"asked": sorted(set(Careless.asked))}

        # A name of theirs that leads to the proxy's port: the page is then of the same origin as what it asks.
        driver.get(f"http://{FOREIGN_NAME}:{port}/docs?token={args.token}")
        report["rebound"] = {"page": driver.execute_script("return document.body.textContent")}
        report["rebound"] |= driver.execute_async_script(ATTEMPTS, f"http://{FOREIGN_NAME}:{port}", asked)
    finally:
        driver.quit()
    print(json.dumps(report))


main()
