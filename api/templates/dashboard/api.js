// How pages ask the API for something, and how its answers read. The other script is loaded after this one.
"use strict";

// What is shown beside requests that change something: the plugin's proxy gives a page of its own a token; another proxy
// adds one by itself.
const session = fetch("/dashboard/session")
  .then((answer) => (answer.status === 200 ? answer.json() : {}))
  .catch(() => ({}));

async function call(method, path, body, headers = {}) {
  const { token } = await session;
  const all = { Accept: "application/json", ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body) all["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers: all, body: body || undefined });
  const text = await answer.text();
  let said = {};
  try { said = text ? JSON.parse(text) : {}; } catch { said = { detail: text.slice(0, 500) }; }
  return { ok: answer.ok, status: answer.status, said };
}

function tell(output, ok, text) {
  output.className = ok ? "good" : "bad";
  output.textContent = text;
}

// With its full stop. The first letter stays: it may be a name's.
const sentence = (text) => (text ? text.replace(/[.]?$/, ".") : "");

function why({ status, said }) {
  const detail = said.detail || `The server answered with ${status}`;
  return said.hint ? `${sentence(detail)} Next: ${sentence(said.hint)}` : sentence(detail);
}

const OUTCOMES = {
  requested: "Requested: the operator acts on it now.",
  unchanged: "Nothing to do: it is so already.",
  would_request: "It would be asked.",
};

const STEPS = {
  "generate-images": "picture", "narrate-scenes": "voice", "animate-scenes": "clip", "assemble-video": "film",
};

// What is made again, at which price, and when its account has room for it.
function remadeWords(remade) {
  if (!remade.length) return "Nothing is made again.";
  const parts = remade.map(({ step, account, cost, unitsLeft, nextUnitAt }) => {
    const facts = [];
    if (account) facts.push(cost ? `about $${cost}` : "its price is not known", `from ${account}`);
    if (unitsLeft !== undefined) facts.push(`${unitsLeft} units left`);
    if (nextUnitAt && !unitsLeft) facts.push(`the next at ${clock.format(new Date(nextUnitAt))}`);
    return `${STEPS[step] || step}${facts.length ? ` (${facts.join(", ")})` : ""}`;
  });
  return `Made again: ${parts.join(", ")}.`;
}

// What films would cost, what they need of their accounts' quotas, and when the accounts have room for the last film.
function estimateWords({ cost, unknown, quotas, lastUnitAt }) {
  const missing = unknown.length ? ` Not in it: ${unknown.join("; ")}.` : "";
  const units = quotas.map(({ account, quota, unit, units, remaining }) => {
    const s = unit === "Seconds" ? " s" : "";
    return `${units}${s} of the quota ${quota} of ${account}, which has ${remaining}${s} left`;
  });
  const needs = units.length ? ` Needed: ${units.join("; ")}.` : "";
  const last = lastUnitAt
    ? ` The accounts have room for all of it by ${clock.format(new Date(lastUnitAt))}, if nobody else asks.`
    : "";
  return `about $${cost}.${missing}${needs}${last}`;
}

function what(said) {
  if (said.remade) {
    const begun = said.outcome === "would_request" ? "Nothing was changed yet." : OUTCOMES[said.outcome] || "";
    return [begun, remadeWords(said.remade), sentence(said.detail)].filter(Boolean).join(" ");
  }
  if (said.counts) {
    const counts = Object.entries(said.counts).map(([outcome, count]) => `${count} ${outcome.replace("_", " ")}`);
    return `${said.dryRun ? "Nothing was changed yet. " : ""}${said.items.length} in all: ${counts.join(", ") || "none"}.`;
  }
  const outcome = OUTCOMES[said.outcome] || "Done.";
  return said.detail ? `${outcome} ${sentence(said.detail)}` : outcome;
}

// The text as one word of a shell.
const quoted = (word) => (/^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function curl(method, path, body, headers = {}) {
  const all = Object.entries(headers).map(([name, value]) => ` -H ${quoted(`${name}: ${value}`)}`).join("");
  const sent = body ? ` -H 'Content-Type: application/json' -d ${quoted(body)}` : "";
  return `curl -X ${method} ${quoted(`localhost:8000${path}`)}${all}${sent}`;
}
