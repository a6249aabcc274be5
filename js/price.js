// @ts-check
/**
 * What a run would cost, as a badge above each node that may send it to a paid service: asked of the table that the
 * budget counts with. ComfyUI's own price badges are for nodes that are paid by a Comfy account: such a node cannot be
 * run without signing in there.
 */
import { app } from "../../scripts/app.js";
import { allNodes } from "./graphs.js";
import { request } from "./asking.js";

const LOOK_EVERY = 1000; // ms between looks at what is set; ComfyUI is asked when that has changed
/** @type {Record<string, string>} */
const OPERATIONS = { DalleFluxGenerate: "generations", DalleFluxEdit: "edits", DalleFluxVariation: "variations" };
const COUNTS = ["endpoint", "model", "size", "quality", "n"];

/** @param {GraphNode} node @returns {string} what it asks for, as it is set; empty where that is not known before a run */
function asked(node) {
  const isConnected = (/** @type {string} */ name) => node.inputs?.some((input, at) => input.name === name && node.isInputConnected(at));
  if (COUNTS.some(isConnected)) return "";
  const query = new URLSearchParams({ operation: OPERATIONS[String(node.comfyClass)], mask: isConnected("mask") ? "yes" : "no" });
  for (const { name, value } of node.widgets ?? []) if (COUNTS.includes(name)) query.set(name, String(value));
  return query.toString();
}

/** Node → what it was last asked about. @type {WeakMap<GraphNode, string>} */
const looked = new WeakMap();
/** Node → its badge. @type {WeakMap<GraphNode, object>} */
const badges = new WeakMap();

/** @param {GraphNode} node */
async function look(node) {
  const query = asked(node);
  if (looked.get(node) === query) return;
  looked.set(node, query);
  if (!query) return show(node, null);
  try {
    const reply = await request(`/dalle_flux/images_api/price?${query}`);
    const { usd = null } = await reply.json();
    if (asked(node) === query) show(node, usd);
  } catch {
    looked.delete(node); // ComfyUI is away; asked again
  }
}

/** @param {number | null} usd */
function badgeOf(usd) {
  return new /** @type {any} */ (window).LGraphBadge({ text: usd ? `≈ $${usd.toFixed(usd < 0.1 ? 3 : 2)}` : "" });
}

/** @param {GraphNode} node @param {number | null} usd */
function show(node, usd) {
  badges.set(node, badgeOf(usd));
  const n = node.widgets?.find((widget) => widget.name === "n");
  if (n) {
    const { value } = n;
    n.value = Number(value) + 1; // Nodes 2.0 asks for a badge anew only when a value that it has read changes
    n.value = value;
  }
  app.graph.setDirtyCanvas(true, true);
}

app.registerExtension({
  name: "dalletoflux.price",
  /** @param {any} node */
  nodeCreated(node) {
    if (!(String(node.comfyClass) in OPERATIONS) || !("LGraphBadge" in window)) return;
    badges.set(node, badgeOf(null));
    node.badges.push(() => {
      asked(node); // reads what the price depends on, see `show`
      return badges.get(node);
    });
  },
  setup() {
    setInterval(() => {
      for (const { node } of allNodes()) if (badges.has(node)) void look(node);
    }, LOOK_EVERY);
  },
});
