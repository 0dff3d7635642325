// What the pages have beside what stands in them: times in the reader's own time zone, buttons that call the API, logs that
// grow, and parts that are fetched again when the server says that they have changed. Without this script all can be read.
"use strict";

// ---- Buttons --------------------------------------------------------------------------------------------------------

// The body of a form's call: what stands in it already, and what the person has written.
function bodyOf(form) {
  const body = form.dataset.body ? JSON.parse(form.dataset.body) : {};
  for (const field of form.querySelectorAll("input[name], textarea[name]")) {
    if (field.value.trim()) body[field.name] = field.value.trim();
  }
  return Object.keys(body).length ? JSON.stringify(body) : "";
}

function showCurl(form) {
  const line = form.querySelector("[data-curl]");
  if (line) line.textContent = curl(form.dataset.method, form.dataset.path, bodyOf(form));
}

const dryRun = (path) => `${path}${path.includes("?") ? "&" : "?"}dry_run=true`;

async function press(form) {
  const button = form.querySelector("button");
  const output = form.querySelector("output");
  const isCounted = form.parentElement.hasAttribute("data-count-first") && form.dataset.counted !== bodyOf(form);
  if (!isCounted && form.dataset.confirm && !window.confirm(form.dataset.confirm)) return;
  button.disabled = true;
  try {
    const path = isCounted ? dryRun(form.dataset.path) : form.dataset.path;
    const answer = await call(form.dataset.method, path, bodyOf(form));
    tell(output, answer.ok, answer.ok ? what(answer.said) : why(answer));
    if (isCounted && answer.ok) {
      form.dataset.counted = bodyOf(form);
      output.textContent += " Press again to do it.";
    } else {
      delete form.dataset.counted;
      refresh();
    }
  } catch (error) {
    tell(output, false, `The request did not get through (${error.message}). Look before you ask again.`);
  } finally {
    button.disabled = false;
  }
}

// ---- A new film -----------------------------------------------------------------------------------------------------

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

// One scene a line: what is spoken, and after a bar what the picture shows.
function scenes(text) {
  return lines(text).map((line, place) => {
    const [narration, picture] = line.split("|").map((part) => part.trim());
    const scene = { id: `s${place + 1}` };
    if (narration) scene.narration = narration;
    if (picture) scene.imagePrompt = picture;
    return scene;
  });
}

function newFilm(form) {
  const value = (name) => (form.elements[name] ? form.elements[name].value.trim() : "");
  const body = { namespace: value("namespace") };
  const spec = {};
  if (value("channel")) spec.channelRef = { name: value("channel") };
  if (value("mode") === "Draft") spec.mode = "Draft";
  if (value("budget")) spec.budget = { limit: value("budget") };
  if (value("from") === "topics") body.topics = lines(value("topics"));
  else if (value("from") === "scenes") spec.scenes = scenes(value("scenes"));
  else body.topic = value("topic");
  if (value("name") && value("from") !== "topics") body.name = value("name");
  if (Object.keys(spec).length) body.spec = spec;
  return JSON.stringify(body);
}

async function makeFilm(form, isTried) {
  const output = form.querySelector("output");
  const body = newFilm(form);
  // The same wish is one request, however often it is sent.
  if (form.dataset.sent !== body) form.dataset.key = crypto.randomUUID();
  form.dataset.sent = body;
  const headers = isTried ? {} : { "Idempotency-Key": form.dataset.key };
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const answer = await call("POST", isTried ? dryRun("/jobs") : "/jobs", body, headers);
    if (!answer.ok) return tell(output, false, why(answer));
    const { items, estimate } = answer.said;
    if (isTried) {
      const films = items.length === 1 ? "The film would cost" : `The ${items.length} films would cost`;
      return tell(output, true, `${films} ${estimateWords(estimate)} Nothing was started.`);
    }
    tell(output, true, items.length === 1 ? "It is begun: " : `${items.length} films are begun: `);
    items.forEach(({ id }, place) => {
      const link = document.createElement("a");
      link.href = `/dashboard/jobs/${id}`;
      link.textContent = id;
      output.append(place ? ", " : "", link);
    });
  } catch (error) {
    tell(output, false, `The request did not get through (${error.message}). Send it again: nothing is made twice.`);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

function prepareNew(form) {
  const shown = () => {
    form.querySelector("[data-curl]").textContent = curl("POST", "/jobs", newFilm(form));
  };
  form.addEventListener("input", shown);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    makeFilm(form, event.submitter && event.submitter.value === "estimate");
  });
  shown();
}

// ---- A scene --------------------------------------------------------------------------------------------------------

// How the scene is to differ from the storyboard: what was changed on this page, and what differed already.
function wish(form) {
  const seen = JSON.parse(form.dataset.seen);
  const scene = { ...seen };
  for (const name of ["narration", "imagePrompt", "motionPrompt"]) {
    const field = form.elements[name];
    if (field.value !== field.defaultValue || name in seen) scene[name] = field.value;
  }
  const assets = {};
  for (const name of ["image", "clip", "voice"]) {
    const key = form.elements[name].value.trim();
    if (key) assets[name] = key;
  }
  delete scene.assets;
  if (Object.keys(assets).length) scene.assets = assets;
  delete scene.skip;
  if (form.elements.skip.checked) scene.skip = true;
  return JSON.stringify({ scene, seen });
}

async function editScene(form, isLook) {
  const output = form.querySelector("output");
  const buttons = form.querySelectorAll("button");
  const body = wish(form);
  const path = form.dataset.scene;
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const answer = await call("PUT", isLook ? dryRun(path) : path, body);
    tell(output, answer.ok, answer.ok ? what(answer.said) : why(answer));
    // From here on this is what the person has seen.
    if (answer.ok && !isLook) form.dataset.seen = JSON.stringify(JSON.parse(body).scene);
  } catch (error) {
    tell(output, false, `The request did not get through (${error.message}). Look before you save again.`);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

function prepareScene(form) {
  const shown = () => { form.querySelector("[data-curl]").textContent = curl("PUT", form.dataset.scene, wish(form)); };
  form.addEventListener("input", shown);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    editScene(form, event.submitter && event.submitter.value === "look");
  });
}

// ---- Times ----------------------------------------------------------------------------------------------------------

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    time.title = time.textContent;
    time.textContent = clock.format(new Date(time.dateTime));
  }
}

// ---- Parts that change ----------------------------------------------------------------------------------------------

// How the server wrote each element: what was changed here since (times, what a button has answered) is no difference.
const written = new WeakMap();
const isWhole = (element) => element.hasAttribute("data-fragment") || element.hasAttribute("data-parts");

function remember(root) {
  for (const element of [root, ...root.querySelectorAll("*")]) {
    if (element.id || isWhole(element) || (element.parentElement && isWhole(element.parentElement))) {
      written.set(element, element.outerHTML);
    }
  }
}

function prepare(root) {
  remember(root);
  localise(root);
  root.querySelectorAll("button[data-ready]").forEach((button) => { button.disabled = false; });
  root.querySelectorAll("form.call").forEach(showCurl);
}

// What a person has opened, and what they were answered, stays.
function carryOver(from, to) {
  const forms = new Map([...from.querySelectorAll("form.call")].map((form) => [form.dataset.path, form]));
  if (from.matches("form.call")) forms.set(from.dataset.path, from);
  for (const form of to.matches("form.call") ? [to] : to.querySelectorAll("form.call")) {
    const before = forms.get(form.dataset.path);
    if (!before) continue;
    form.querySelector("output").replaceWith(before.querySelector("output").cloneNode(true));
    form.querySelector("details").open = before.querySelector("details").open;
  }
}

function merge(old, fresh) {
  const html = fresh.outerHTML;
  if (written.get(old) === html) return old;
  if (isWhole(old) && isWhole(fresh)) {
    mergeChildren(old, fresh);
    written.set(old, html);
    return old;
  }
  // Nobody's words are taken away while they write.
  if (old.contains(document.activeElement) && document.activeElement.matches("input, textarea")) return old;
  const before = old;
  prepare(fresh);
  carryOver(before, fresh);
  old.replaceWith(fresh);
  return fresh;
}

function mergeChildren(old, fresh) {
  let place = old.firstElementChild;
  for (const child of [...fresh.children]) {
    const named = child.id ? [...old.children].find((one) => one.id === child.id) : null;
    const same = named || (place && !place.id && !child.id && place.tagName === child.tagName ? place : null);
    if (!same) {
      prepare(child);
      old.insertBefore(child, place);
      continue;
    }
    if (same !== place) old.insertBefore(same, place);
    place = merge(same, child).nextElementSibling;
  }
  while (place) {
    const next = place.nextElementSibling;
    place.remove();
    place = next;
  }
}

let isFetching = false;
let isStale = false;

// Fetches the part of this page that changes. What changes meanwhile is fetched after it.
async function refresh() {
  const root = document.querySelector("[data-fragment]");
  if (!root) return;
  if (isFetching) { isStale = true; return; }
  isFetching = true;
  try {
    const address = new URL(location.href);
    address.hash = "";
    address.searchParams.set("fragment", root.dataset.fragment);
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // It stays in that document until it is put into this one: there nothing is loaded.
      const fresh = page.createElement("div");
      fresh.dataset.fragment = root.dataset.fragment;
      fresh.append(...page.body.childNodes);
      mergeChildren(root, fresh);
    } else if (answer.status === 404 || answer.status === 401 || answer.status === 403) {
      location.reload();
    }
  } catch { /* The next event or the next stream brings it. */ }
  isFetching = false;
  if (isStale) { isStale = false; refresh(); }
}

// Wait before following again: short at first, because another replica may just take over; doubled each time it is refused, up
// to POLL; each time half as long again or as short, or all pages would return at once. After FAST_TRIES, within ten seconds,
// each try also fetches the page.
const FIRST_TRY = 250;
const FAST_TRIES = 4;
const POLL = 10000;

function follow(address) {
  const sign = document.querySelector("[data-live]");
  let source = null;
  let timer = null;
  let refusals = 0;
  let since = Infinity;
  const show = (text) => { sign.hidden = false; sign.textContent = text; };
  const stop = () => {
    if (source) source.close();
    clearTimeout(timer);
    source = timer = null;
  };
  const tryAgain = () => {
    stop();
    if (Date.now() - since > POLL) refusals = 0;
    since = Infinity;
    const isPolled = refusals >= FAST_TRIES;
    const wait = Math.min(FIRST_TRY * 2 ** refusals, POLL) * (0.5 + Math.random());
    refusals += 1;
    show(isPolled ? "asks every 10 s" : "connecting …");
    timer = setTimeout(() => {
      timer = null;
      if (isPolled) refresh();
      start();
    }, wait);
  };
  const start = () => {
    if (source || timer) return;
    source = new EventSource(address);
    // It comes first on every stream: what was missed before is fetched.
    source.addEventListener("resync", () => {
      since = Date.now();
      show("live");
      refresh();
    });
    source.addEventListener("changed", refresh);
    source.onerror = tryAgain;
  };
  // A page that nobody sees holds no connection: browsers have six for all tabs together.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  window.addEventListener("pagehide", stop);
  if (!document.hidden) start();
}

// ---- Logs -----------------------------------------------------------------------------------------------------------

// Most characters of a log that stay on the page.
const LONGEST_LOG = 500000;

async function readLog(element) {
  const isAtEnd = () => element.scrollHeight - element.scrollTop - element.clientHeight < 40;
  const add = (text) => {
    const stays = isAtEnd();
    element.append(text);
    while (element.textContent.length > LONGEST_LOG && element.firstChild) element.firstChild.remove();
    if (stays) element.scrollTop = element.scrollHeight;
  };
  try {
    const answer = await fetch(element.dataset.log);
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      return add(why({ status: answer.status, said }));
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) add(piece.value);
    add("\n— the log ends here —\n");
  } catch (error) {
    add(`\n— the log broke off: ${error.message} —\n`);
  }
}

// ---- Plans ----------------------------------------------------------------------------------------------------------

// Most files of a plan that are shown one by one.
const MOST_FILES = 60;

const size = (bytes) => {
  const units = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];
  const [unit, name] = units.find(([unit]) => bytes >= unit) || [1, "B"];
  return `${(bytes / unit).toFixed(unit > 1 ? 1 : 0)} ${name}`;
};

// The job whose file this is, as its key says it: `<kind>/<namespace>/<name>-<id>/…`.
function jobOf(key) {
  const found = /^[a-z]+\/([a-z0-9-]+)\/([a-z0-9-]+)-[0-9a-f]{8}\//.exec(key);
  return found ? `${found[1]}/${found[2]}` : "";
}

function fileItem({ key, bytes, why }) {
  const item = document.createElement("li");
  const job = jobOf(key);
  if (job) {
    const picture = document.createElement("img");
    Object.assign(picture, { className: "thumb", alt: "", loading: "lazy", src: `/jobs/${job}/artifacts/thumbnail` });
    item.append(picture, " ");
  }
  item.append(`${key} (${size(bytes)}): ${why}`);
  return item;
}

// Reads a plan line by line: what would be deleted, summed up by why, and the first of these files.
async function readPlan(element) {
  const answer = await fetch(element.dataset.plan);
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    return element.append(why({ status: answer.status, said }));
  }
  const sums = new Map();
  const list = document.createElement("ul");
  list.className = "checks";
  let rest = "";
  const take = (line) => {
    const file = line ? JSON.parse(line) : {};
    if (file.verdict !== "delete") return;
    const [count, bytes] = sums.get(file.why) || [0, 0];
    sums.set(file.why, [count + 1, bytes + file.bytes]);
    if (list.children.length < MOST_FILES) list.append(fileItem(file));
  };
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const all = (rest + piece.value).split("\n");
    rest = all.pop();
    all.forEach(take);
  }
  take(rest);
  const words = [...sums].map(([reason, [count, bytes]]) => `${count} files, ${size(bytes)}: ${reason}`);
  const summary = document.createElement("p");
  summary.textContent = words.length ? `To be deleted: ${words.join("; ")}.` : "Nothing is to be deleted.";
  element.append(summary, list);
}

// ---- Begin ----------------------------------------------------------------------------------------------------------

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.call")) return;
  event.preventDefault();
  press(event.target);
});
document.addEventListener("input", (event) => {
  const form = event.target.closest("form.call");
  if (form) showCurl(form);
});
document.querySelectorAll("details[data-plan]").forEach((element) => {
  element.addEventListener("toggle", () => {
    readPlan(element).catch((error) => element.append(`The plan broke off: ${error.message}.`));
  }, { once: true });
});
// In place of a picture that is gone, its description stands with "not there".
function replaceMissing(image) {
  if (!image.matches("img.thumb, img.thumb-take")) return;
  const place = document.createElement("span");
  place.className = image.className;
  place.textContent = image.alt && `${image.alt}: not there`;
  image.replaceWith(place);
}
document.addEventListener("error", (event) => replaceMissing(event.target), true);
// Some were asked for, and refused, before this script was there.
[...document.images].filter((image) => image.complete && !image.naturalWidth).forEach(replaceMissing);
prepare(document.body);
document.querySelectorAll("form[data-new]").forEach(prepareNew);
document.querySelectorAll("form[data-scene]").forEach(prepareScene);
document.querySelectorAll("pre[data-log]").forEach(readLog);
if (document.body.dataset.stream) follow(document.body.dataset.stream);
