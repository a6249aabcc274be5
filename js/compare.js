// @ts-check
/**
 * Puts the comparison view on the node "Side-by-Side Compare".
 *
 * A DOM widget, so it is the same in the classic canvas and in Nodes 2.0. What the user set (mode, pair, zoom …)
 * lives in `node.properties`, so it travels with the workflow; pictures do not. When a workflow is opened again, the
 * pictures of its last run come from ComfyUI's history, as long as ComfyUI has them.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { earlierOutputs } from "./compare/history.js";
import { CompareView } from "./compare/view.js";
import { request } from "./asking.js";
import { allNodes, rootGraph } from "./graphs.js";

const NODE = "DalleFluxCompare";
const OUTPUT = "dalle_flux_compare";
const PROPERTY = "compare_view"; // JSON text: the Properties panel shows text only
const SMALLEST = [480, 760]; // px, of a new node

/** @typedef {GraphNode & {dalleFluxCompare?: CompareView}} CompareNode */

/** @param {unknown} text @returns {object} what was saved, or nothing when it cannot be read */
function read(text) {
  try {
    return JSON.parse(String(text)) ?? {};
  } catch {
    return {};
  }
}

/** @param {CompareNode} node @param {any} output what the node's run left for the browser */
function show(node, output) {
  const payload = output?.[OUTPUT]?.[0];
  if (payload) node.dalleFluxCompare?.show(payload);
}

/** @returns {{node: CompareNode, path: string, locator: string}[]} */
function compareNodes() {
  return [...allNodes()].filter(({ node }) => "dalleFluxCompare" in node);
}

/** Show the last run's pictures where nothing is shown yet. */
async function showEarlier() {
  const waiting = compareNodes().filter(({ node }) => !node.dalleFluxCompare?.payload);
  if (!waiting.length) return;
  const runs = await earlierOutputs((path) => api.fetchApi(path), rootGraph().id);
  for (const { node, path } of waiting) {
    const view = node.dalleFluxCompare; // none when the node was removed meanwhile
    if (!view || view.payload) continue; // or a run was faster
    const last = runs.find((outputs) => outputs[path]?.[OUTPUT]);
    if (last) show(node, last[path]);
    else view.forgotten();
  }
}

/** Add the view to a new node. @param {CompareNode} node */
function attach(node) {
  const view = new CompareView({
    address: (file) => api.apiURL(`/view?${new URLSearchParams({ ...file })}`),
    request: (path, options) => request(`/dalle_flux/comparison${path}`, options),
    link: (path) => api.apiURL(`/dalle_flux/comparison${path}`),
    remember(state) {
      node.properties ??= {};
      node.properties[PROPERTY] = JSON.stringify(state);
    },
  });
  node.dalleFluxCompare = view;
  node.addDOMWidget("compare", OUTPUT, view.element, {
    serialize: false, // neither in the prompt …
    getMinHeight: () => 360,
    hideOnZoom: false,
  }).serialize = false; // … nor in the workflow: the state is a property
  node.setSize?.([Math.max(node.size[0], SMALLEST[0]), Math.max(node.size[1], SMALLEST[1])]);

  const { onConfigure, onExecuted, onRemoved } = node;
  node.onConfigure = function (saved) {
    onConfigure?.call(this, saved);
    view.restore(read(saved?.properties?.[PROPERTY] ?? "{}"));
  };
  node.onExecuted = function (output) {
    onExecuted?.call(this, output);
    show(this, output);
  };
  node.onRemoved = function () {
    onRemoved?.call(this);
    view.destroy();
    delete node.dalleFluxCompare;
  };
}

app.registerExtension({
  name: "dalletoflux.compare",
  nodeCreated(node) {
    if (node.comfyClass === NODE) attach(/** @type {CompareNode} */ (node));
  },
  /** Outputs come back when a workflow's tab is opened again. @param {Record<string, any>} outputs */
  onNodeOutputsUpdated(outputs) {
    for (const { node, locator } of compareNodes()) show(node, outputs?.[locator]);
  },
  afterConfigureGraph() {
    showEarlier(); // not waited for: the canvas is ready without it
  },
});
