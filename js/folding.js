// @ts-check
/**
 * Inputs that do not apply to the present choice are folded away: they keep their values, and come back with the
 * choice. What is connected stays in sight.
 */
import { app } from "../../scripts/app.js";
import { allNodes } from "./graphs.js";
import { fold } from "./widgets.js";

/**
 * @typedef {(name: string) => string} Value the value of an input, as text
 * @typedef {(name: string) => boolean} Connected
 * @typedef {(value: Value, connected: Connected) => boolean} Applies
 */

const LOOK_EVERY = 500; // ms

/** @type {Applies} */
const openai = (value) => value("text_check").includes("openai") || value("image_check").includes("openai");
/** @type {Applies} */
const guard = (value) => value("text_check").includes("llm guard");
/** Node → input → when it applies. @type {Record<string, Record<string, Applies>>} */
const RULES = {
  DalleFluxModerationPolicy: { endpoint: openai, model: openai, guard_endpoint: guard, guard_model: guard },
  DalleFluxGenerate: { moderation: (value) => value("model").includes("gpt-image") },
  DalleFluxCompare: { label_c: (_, connected) => connected("image_c"), label_d: (_, connected) => connected("image_d") },
};

/** @param {GraphNode} node */
function look(node) {
  const place = (/** @type {string} */ name) => node.inputs?.findIndex((input) => input.name === name) ?? -1;
  const connected = (/** @type {string} */ name) => place(name) >= 0 && node.isInputConnected(place(name));
  const value = (/** @type {string} */ name) => String(node.widgets?.find((widget) => widget.name === name)?.value ?? "");
  const changed = Object.entries(RULES[String(node.comfyClass)]).flatMap(([name, applies]) => {
    const widget = node.widgets?.find((one) => one.name === name);
    const away = !connected(name) && !applies(value, connected);
    return widget && Boolean(widget.hidden) !== away ? [{ widget, away }] : [];
  });
  if (!changed.length) return;
  const height = node.computeSize?.()[1] ?? 0;
  for (const { widget, away } of changed) fold(widget, away);
  const needed = node.computeSize?.()[1] ?? 0;
  // A node that was opened with a workflow has the size it was saved with.
  if (seen.has(node) || needed > node.size[1]) node.setSize?.([node.size[0], Math.max(node.size[1] + needed - height, needed)]);
  seen.add(node);
  app.graph.setDirtyCanvas(true, true);
}

/** Nodes that were looked at before. @type {WeakSet<GraphNode>} */
const seen = new WeakSet();

app.registerExtension({
  name: "dalletoflux.folding",
  setup() {
    setInterval(() => {
      for (const { node } of allNodes()) if (String(node.comfyClass) in RULES) look(node);
    }, LOOK_EVERY);
  },
});
