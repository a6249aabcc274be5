// Calls every method of the served Images API with the official JavaScript client; prints what came as JSON.
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";

const [baseURL, modules, pictureFile] = process.argv.slice(2);
const { default: OpenAI, toFile } = await import(createRequire(modules).resolve("openai"));
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const picture = await readFile(pictureFile);
const file = (name) => toFile(picture, name, { type: "image/png" });
const asked = { model: "solid", prompt: "a cat", size: "64x64" };
const seen = {};

let reply = await client.images.generate({ ...asked, n: 2, user: "me" });
seen.urls = reply.data.map((item) => Boolean(item.url));
reply = await client.images.generate({ ...asked, response_format: "b64_json", seed: 5 });
seen.png = Buffer.from(reply.data[0].b64_json, "base64").subarray(1, 4).toString() === "PNG";
seen.seed = reply.dalle_flux.seed;
reply = await client.images.edit({ model: "echo", image: [await file("a.png")], mask: await file("m.png"), prompt: "a hat" });
seen.edit = reply.data[0].revised_prompt;
reply = await client.images.createVariation({ model: "same", image: await file("a.png"), response_format: "b64_json" });
seen.variation = Boolean(reply.data[0].b64_json);
seen.stream = [];
for await (const event of await client.images.generate({ ...asked, stream: true })) seen.stream.push(event.type);
seen.edit_stream = [];
const edited = { model: "same", image: await file("a.png"), prompt: "a hat", stream: true, partial_images: 1 };
for await (const event of await client.images.edit(edited)) seen.edit_stream.push(event.type);
seen.partials = [];
const drawn = await client.images.generate({ model: "lora", prompt: "a cat", size: "64x64", stream: true, partial_images: 2 });
for await (const event of drawn) seen.partials.push(event.type.split(".").pop());
seen.models = (await client.models.list()).data.some((model) => model.id === "solid");
seen.moderation = (await client.moderations.create({ input: "I will kill them all" })).results[0].flagged;
for (const [name, fields] of Object.entries({ policy: { prompt: "porn" }, model: { model: "sora" }, value: { n: 0 } })) {
  try {
    await client.images.generate({ ...asked, ...fields });
  } catch (error) {
    seen[name] = [error.constructor.name, error.code];
  }
}
console.log(JSON.stringify(seen));
