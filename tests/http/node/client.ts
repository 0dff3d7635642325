// What somebody writes who has generated a client: it makes a job, finds it in the list, asks something of it, and takes
// the bytes of a film. It is compiled as strictly as it can be, and then run.
import assert from "node:assert/strict";
import { env } from "node:process";

import createClient from "openapi-fetch";

import type { components, paths } from "./api.js";

const { API_URL, API_TOKEN, NAMESPACE, FILM } = env as Record<string, string>;
assert(API_URL && API_TOKEN && NAMESPACE && FILM, "API_URL, API_TOKEN, NAMESPACE and FILM say what to ask");

const api = createClient<paths>({ baseUrl: API_URL, headers: { Authorization: `Bearer ${API_TOKEN}` } });

const topic = "Why the sea is salty";
const made = await api.POST("/jobs", {
  body: { namespace: NAMESPACE, name: "generated", topic, spec: { suspend: true, sceneCount: 2 } },
});
assert.deepEqual(made.data?.items, [{ id: `${NAMESPACE}/generated` }], JSON.stringify(made.error));

// What the operator has seen; a job that was made a moment ago comes into the list by itself.
type Job = components["schemas"]["JobSummary"];
let jobs: Job[] = [];
for (let tries = 0; tries < 100 && !jobs.some((job) => job.name === "generated"); tries += 1) {
  const listed = await api.GET("/jobs", { params: { query: { namespace: NAMESPACE, limit: 100 } } });
  assert(listed.data, JSON.stringify(listed.error));
  jobs = listed.data.items;
}
assert(jobs.some((job) => job.name === "generated"), JSON.stringify(jobs));

const path = { namespace: NAMESPACE, name: FILM };
const refused = await api.POST("/jobs/{namespace}/{name}/{action}", { params: { path: { ...path, action: "approve" } } });
assert.equal(refused.response.status, 409);
assert(refused.error && refused.error.detail.length > 0, "a refusal says why");

const streamed = await api.GET("/jobs/{namespace}/{name}/artifacts/{artifact}", {
  params: { path: { ...path, artifact: "video" } },
  parseAs: "stream",
});
assert(streamed.data, JSON.stringify(streamed.error));
let bytes = 0;
for await (const part of streamed.data as unknown as AsyncIterable<Uint8Array>) bytes += part.length;
const { data: files } = await api.GET("/jobs/{namespace}/{name}/artifacts", { params: { path } });
assert.equal(files?.items.find((file) => file.name === "video")?.sizeBytes, bytes);
console.log(`${jobs.length} jobs, ${bytes} bytes of film`);
