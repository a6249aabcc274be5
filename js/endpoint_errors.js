/**
 * The sentence of an endpoint node's error, on the node itself: newer frontends keep it three clicks away.
 * It goes with the next run.
 */

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const NODES = new Set(["DalleFluxGenerate", "DalleFluxEdit", "DalleFluxVariation"]);
const WIDGET = "dalle_flux_error";

/**
 * @param {any} node a LiteGraph node
 * @param {string} sentence
 */
function show(node, sentence) {
  clear(node);
  const element = document.createElement("div");
  element.className = "dalle-flux-endpoint-error";
  element.setAttribute("role", "alert");
  element.textContent = sentence;
  node.addDOMWidget(WIDGET, WIDGET, element, { serialize: false, getMinHeight: () => 90 });
  app.graph.setDirtyCanvas(true, true);
}

/** @param {any} node a LiteGraph node */
function clear(node) {
  const index = node.widgets?.findIndex((/** @type {any} */ widget) => widget.name === WIDGET) ?? -1;
  if (index < 0) return;
  const [widget] = node.widgets.splice(index, 1);
  widget.onRemove?.();
  widget.element?.remove();
}

app.registerExtension({
  name: "dalle_flux.endpoint_errors",
  setup() {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("./endpoint_errors.css", import.meta.url).href;
    document.head.append(style);
    api.addEventListener("execution_error", (/** @type {CustomEvent} */ { detail }) => {
      if (!NODES.has(detail.node_type)) return;
      const node = app.graph.getNodeById(detail.node_id) ?? app.graph.getNodeById(Number(detail.node_id));
      if (node) show(node, String(detail.exception_message).trim());
    });
    api.addEventListener("execution_start", () => {
      for (const node of app.graph.nodes ?? []) if (NODES.has(node.type)) clear(node);
    });
  },
});
