// @ts-check
/**
 * The files that a local node lacks, as a checklist on the node: before the first run, not only as its error. It
 * follows draw_with and what is connected, ticks what has arrived, and goes with the next run.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { button, element } from "./dom.js";
import { allNodes } from "./graphs.js";
import { find, put, take } from "./notice.js";
import { request } from "./asking.js";
import { t, told } from "./words.js";

/**
 * @typedef {{name: string, folder: string, size_gib: number, url: string, found: string | null,
 *   licence: {name: string, url: string, terms: string, commercial: boolean}}} File
 * @typedef {{model: string, complete: boolean, files: File[], instead: File | null, unusable: string[]}} Checklist
 */

const NODES = new Set(["DalleFluxLocalGenerate", "DalleFluxLocalEdit", "DalleFluxLocalVariation"]);
const NOTICE = "missing_files";
const LOOK_EVERY = 1000; // ms between looks at what is set; ComfyUI is asked when that has changed
const LINE = 70; // px that a file takes, and a line of text at most

const TEXT = {
  lacking: (/** @type {string} */ model, /** @type {number} */ few, /** @type {number} */ all) =>
    t("Files that {0} needs: {1}; not here yet: {2}.", model, all, few),
  complete: (/** @type {string} */ model) => t("Everything that {0} needs is here. Press Run.", model),
  files: t("Files needed"),
  there: (/** @type {string} */ place) => t("here: {0}", place),
  place: (/** @type {File} */ { folder, size_gib }) => `models/${folder} · ${size_gib} GB`,
  terms: (/** @type {boolean} */ commercial) => t(commercial ? "commercial use allowed" : "non-commercial"),
  isHere: t("is here"),
  isMissing: t("is missing"),
  download: t("Download"),
  copy: t("Copy link"),
  copied: t("Copied"),
  instead: t("Or this one file in place of model, text encoders and VAE:"),
  again: t("Look again"),
  fetch: t("Fetch with ComfyUI…"),
  fetchOne: t("Fetch"),
  close: t("Close"),
};

/** @param {GraphNode} node @returns {URLSearchParams} what the node asks for, as it is set */
function asked(node) {
  const drawWith = node.widgets?.find((widget) => widget.name === "draw_with");
  const connected = (node.inputs ?? []).filter((_, place) => node.isInputConnected(place)).map((input) => input.name);
  return new URLSearchParams({
    node: String(node.comfyClass),
    draw_with: String(drawWith?.value ?? "auto"),
    connected: connected.join(","),
  });
}

/** Where ComfyUI can fetch models by itself: its desktop app. @returns {((file: File) => void) | null} */
function fetcher() {
  const desktop = /** @type {any} */ (window).__comfyDesktop2;
  if (!desktop?.downloadModel || desktop.isRemote?.()) return null;
  return ({ url, name, folder }) => desktop.downloadModel(url, name, folder);
}

/** ComfyUI's own dialog of missing models, in frontends that have one. @param {File[]} files */
async function openDialog(files) {
  const models = files.map(({ name, folder, url }) => ({ name, directory: folder, url }));
  /** @type {any} */ (app).showMissingModelsError(models, await api.getFolderPaths());
}

/** @param {File} file */
function entry(file) {
  const { name, url, found, licence } = file;
  const sign = element("span", { role: "img", "aria-label": found ? TEXT.isHere : TEXT.isMissing, text: found ? "✓" : "☐" });
  const lines = [sign, element("b", { text: name })];
  if (found) lines.push(element("span", { class: "dfn-faint", text: TEXT.there(found) }));
  else {
    const terms = element("a", { href: licence.url, target: "_blank", rel: "noopener", title: licence.terms, text: licence.name });
    lines.push(element("span", { class: "dfn-faint" }, `${TEXT.place(file)} · `, terms, ` (${TEXT.terms(licence.commercial)})`));
    const fetch = fetcher();
    const get = fetch
      ? button(`${TEXT.fetchOne}: ${name}`, TEXT.fetchOne, () => fetch(file))
      : element("a", { href: url, target: "_blank", rel: "noopener", "aria-label": `${TEXT.download}: ${name}`, text: TEXT.download });
    const copy = button(`${TEXT.copy}: ${name}`, TEXT.copy, async () => {
      try {
        await navigator.clipboard.writeText(url);
        copy.textContent = TEXT.copied;
      } catch {
        prompt(TEXT.copy, url); // browsers copy by themselves only on this machine and over https
      }
    });
    lines.push(element("span", { class: "dfn-row" }, get, copy));
  }
  return element("li", { class: "dfn-file", "data-file": name, "data-found": found ? "yes" : "no" }, ...lines);
}

/** @param {GraphNode} node @param {Checklist} list */
function show(node, list) {
  const missing = list.files.filter((file) => !file.found);
  const head = list.complete ? TEXT.complete(list.model) : TEXT.lacking(list.model, missing.length, list.files.length);
  const content = element("section", { "aria-label": TEXT.files });
  content.append(element("p", { class: "dfn-head", role: "status", text: head }));
  content.append(element("ul", { class: "dfn-list" }, ...list.files.map(entry)));
  if (list.instead) content.append(element("p", { text: TEXT.instead }), element("ul", {}, entry(list.instead)));
  for (const sentence of list.unusable) content.append(element("p", { class: "dfn-faint", text: told(sentence) }));
  const tools = element("div", { class: "dfn-row" }, button(TEXT.again, TEXT.again, () => look(node)));
  if (missing.length && /** @type {any} */ (app).showMissingModelsError) {
    tools.append(button(TEXT.fetch, TEXT.fetch, () => openDialog(missing)));
  }
  tools.append(button(TEXT.close, TEXT.close, () => take(node, NOTICE)));
  content.append(tools);
  const lines = list.files.length + (list.instead ? 1.5 : 0) + Math.min(list.unusable.length, 2);
  put(node, NOTICE, content, Math.min(76 + lines * LINE, 520));
}

/** @param {GraphNode} node @param {string} sentence */
function complain(node, sentence) {
  const tools = element("div", { class: "dfn-row" },
    button(TEXT.again, TEXT.again, () => look(node)), button(TEXT.close, TEXT.close, () => take(node, NOTICE))); // prettier-ignore
  put(node, NOTICE, element("section", { class: "dfn-error", role: "alert" }, element("p", { text: told(sentence) }), tools), 110);
}

/**
 * Ask what the node lacks, and show it; nothing is shown on a node that never lacked anything.
 *
 * @param {GraphNode} node
 * @param {boolean} [runs] a complete list is no longer needed
 */
async function look(node, runs = false) {
  const query = asked(node).toString();
  looked.set(node, query);
  let reply, answer;
  try {
    reply = await request(`/dalle_flux/flux/checklist?${query}`);
    answer = await reply.json();
  } catch {
    return looked.delete(node); // ComfyUI is away; asked again
  }
  if (!looked.has(node) || asked(node).toString() !== query) return; // removed, or set otherwise meanwhile
  if (!reply.ok) complain(node, answer.error);
  else if (answer.complete && runs) take(node, NOTICE);
  else if (!answer.complete || find(node, NOTICE)) show(node, answer);
}

/** Node → what it was last asked about. @type {Map<GraphNode, string>} */
const looked = new Map();

/** @returns {GraphNode[]} those on the canvas whose files are looked for */
const ours = () => [...allNodes()].map(({ node }) => node).filter((node) => NODES.has(String(node.comfyClass)));

app.registerExtension({
  name: "dalletoflux.missing_files",
  setup() {
    setInterval(() => {
      const here = ours();
      for (const node of looked.keys()) if (!here.includes(node)) looked.delete(node);
      for (const node of here) if (looked.get(node) !== asked(node).toString()) void look(node);
    }, LOOK_EVERY);
    // Back from the page where the files were fetched, or after a run that lacked one.
    const again = (/** @type {boolean} */ runs) => ours().forEach((node) => find(node, NOTICE) && void look(node, runs));
    window.addEventListener("focus", () => again(false));
    api.addEventListener("execution_error", ({ detail }) => {
      for (const { node, path } of allNodes()) if (path === String(detail.node_id) && NODES.has(detail.node_type)) void look(node);
    });
    api.addEventListener("execution_start", () => again(true));
  },
});
