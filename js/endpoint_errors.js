// @ts-check
/**
 * The sentence of an endpoint node's error, on the node itself: newer frontends keep it three clicks away.
 * It goes with the next run.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { element } from "./dom.js";
import { allNodes } from "./graphs.js";

const NODES = new Set(["DalleFluxGenerate", "DalleFluxEdit", "DalleFluxVariation"]);
const WIDGET = "dalle_flux_error";
const STYLE =
  "box-sizing: border-box; padding: 6px 8px; overflow: auto; color: var(--input-text); user-select: text;" +
  "background: var(--comfy-input-bg); border-left: 3px solid var(--error-text); font: 12px/1.4 sans-serif";

/** @param {GraphNode} node @param {string} sentence */
function show(node, sentence) {
  clear(node);
  const shown = element("div", { "data-dalle-flux": "error", role: "alert", style: STYLE, text: sentence });
  node.addDOMWidget(WIDGET, WIDGET, shown, { serialize: false, getMinHeight: () => 90 }).serialize = false;
  app.graph.setDirtyCanvas(true, true);
}

/** @param {GraphNode} node */
function clear(node) {
  const index = node.widgets?.findIndex((widget) => widget.name === WIDGET) ?? -1;
  if (index < 0) return;
  const [widget] = /** @type {any[]} */ (node.widgets?.splice(index, 1));
  widget.onRemove?.();
  widget.element?.remove();
}

app.registerExtension({
  name: "dalletoflux.endpoint_errors",
  setup() {
    api.addEventListener("execution_error", ({ detail }) => {
      if (!NODES.has(detail.node_type)) return;
      const failed = String(detail.node_id); // in a subgraph the path down to it, such as "12:5"
      for (const { node, path } of allNodes()) if (path === failed) show(node, detail.exception_message.trim());
    });
    api.addEventListener("execution_start", () => {
      for (const { node } of allNodes()) clear(node);
    });
  },
});
