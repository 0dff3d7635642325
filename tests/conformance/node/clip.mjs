// Makes one clip with xAI's client for Node.js, and prints what came of it as JSON.
// Arguments: base URL, key, prompt. NODE_CLIENTS: the folder with node_modules.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.NODE_CLIENTS}/package.json`);
const { createXai } = await import(pathToFileURL(require.resolve("@ai-sdk/xai")));
const [baseURL, apiKey, prompt] = process.argv.slice(2);

const model = createXai({ baseURL, apiKey }).video("grok-imagine-video");
try {
  const made = await model.doGenerate({
    prompt,
    n: 1,
    image: { type: "file", mediaType: "image/png", data: new TextEncoder().encode("picture") },
    duration: 8,
    aspectRatio: "9:16",
    resolution: undefined,
    fps: undefined,
    seed: undefined,
    providerOptions: { xai: { resolution: "720p", pollIntervalMs: 100, pollTimeoutMs: 20000 } },
  });
  const film = new Uint8Array(await (await fetch(made.videos[0].url)).arrayBuffer());
  const kind = new TextDecoder().decode(film.slice(4, 8));
  console.log(JSON.stringify({ kind, metadata: made.providerMetadata.xai }));
} catch (error) {
  console.log(JSON.stringify({ error: error.name, message: error.message }));
}
