// Draws with the packages that JavaScript apps use, LangChain's and Vercel's; prints what came as JSON.
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";

const [baseURL, modules, pictureFile] = process.argv.slice(2);
const load = (name) => import(createRequire(modules).resolve(name));
const [{ DallEAPIWrapper }, { generateImage }, { createOpenAI }] = await Promise.all(
  ["@langchain/openai", "ai", "@ai-sdk/openai"].map(load),
);
const picture = await readFile(pictureFile);
const seen = {};

const tool = new DallEAPIWrapper({ model: "dall-e-3", apiKey: "none", baseUrl: baseURL });
const [address] = [await tool.invoke("a cat")].flat();
seen.langchain = (await fetch(address)).headers.get("content-type");

const provider = createOpenAI({ baseURL, apiKey: "none" });
for (const [name, model, asked] of [
  ["two", "dall-e-2", { prompt: "a cat", n: 2, size: "256x256" }],
  ["gpt", "gpt-image-1", { prompt: "a cat", size: "1024x1024" }],
  ["edit", "gpt-image-1", { prompt: { text: "a hat", images: [picture], mask: picture } }],
]) {
  const { images } = await generateImage({ model: provider.image(model), maxRetries: 0, ...asked });
  seen[name] = images.map((image) => image.mediaType);
}
try {
  await generateImage({ model: provider.image("dall-e-3"), prompt: "porn", maxRetries: 0 });
} catch (error) {
  seen.refused = error.statusCode;
}
console.log(JSON.stringify(seen));
