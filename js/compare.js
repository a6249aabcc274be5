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

const NODE = "DalleFluxCompare";
const OUTPUT = "dalle_flux_compare";
const PROPERTY = "compare_view"; // JSON text: the Properties panel shows text only
const SMALLEST = [480, 760]; // px, of a new node

/** Load the style sheet once, from wherever the pack is served. */
function loadStyle() {
  const href = new URL("./compare.css", import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}

/** @param {string} text @returns {object} what was saved, or nothing when it cannot be read */
function read(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** @param {{filename: string, subfolder: string, type: string}} file */
function address(file) {
  return api.apiURL(`/view?${new URLSearchParams(file)}`);
}

/** @param {any} node @param {any} output what the node's run left for the browser */
function show(node, output) {
  const payload = output?.[OUTPUT]?.[0];
  if (payload && node.dalleFluxCompare) node.dalleFluxCompare.show(payload);
}

/**
 * All compare nodes, also inside subgraphs, with the names under which the host files a node's output: the path of
 * ids down to it (history), and its subgraph's id with its own (the open workflow's outputs).
 *
 * @returns {Iterable<{node: any, path: string, locator: string}>}
 */
function* compareNodes(graph, above = "", owner = "") {
  for (const node of graph?.nodes ?? []) {
    if (node.dalleFluxCompare) yield { node, path: `${above}${node.id}`, locator: `${owner}${node.id}` };
    if (node.subgraph) yield* compareNodes(node.subgraph, `${above}${node.id}:`, `${node.subgraph.id}:`);
  }
}

/** Show the last run's pictures where nothing is shown yet. */
async function showEarlier() {
  const graph = app.graph;
  const waiting = [...compareNodes(graph)].filter(({ node }) => !node.dalleFluxCompare.payload);
  if (!waiting.length) return;
  const runs = await earlierOutputs((path) => api.fetchApi(path), graph.id);
  for (const { node, path } of waiting) {
    const view = node.dalleFluxCompare; // none when the node was removed meanwhile
    if (!view || view.payload) continue; // or a run was faster
    const last = runs.find((outputs) => outputs[path]?.[OUTPUT]);
    if (last) show(node, last[path]);
    else view.forgotten();
  }
}

/** Add the view to a new node. @param {any} node */
function attach(node) {
  const view = new CompareView({
    address,
    request: (path, options) => api.fetchApi(`/dalle_flux/comparison${path}`, options),
    link: (path) => api.apiURL(`/dalle_flux/comparison${path}`),
    remember(state) {
      node.properties ??= {};
      node.properties[PROPERTY] = JSON.stringify(state);
    },
  });
  node.dalleFluxCompare = view;
  node.addDOMWidget("compare", OUTPUT, view.root, {
    serialize: false, // neither in the prompt …
    getMinHeight: () => 360,
    hideOnZoom: false,
  }).serialize = false; // … nor in the workflow: the state is a property
  node.setSize?.([Math.max(node.size[0], SMALLEST[0]), Math.max(node.size[1], SMALLEST[1])]);

  const configured = node.onConfigure;
  node.onConfigure = function (saved) {
    configured?.call(this, saved);
    view.restore(read(saved?.properties?.[PROPERTY] ?? "{}"));
  };
  const executed = node.onExecuted;
  node.onExecuted = function (output) {
    executed?.call(this, output);
    show(this, output);
  };
  const removed = node.onRemoved;
  node.onRemoved = function () {
    removed?.call(this);
    view.destroy();
    delete this.dalleFluxCompare;
  };
}

app.registerExtension({
  name: "dalle_flux.compare",
  setup: loadStyle,
  nodeCreated(node) {
    if (node.comfyClass === NODE) attach(node);
  },
  /** Outputs come back when a workflow's tab is opened again. */
  onNodeOutputsUpdated(outputs) {
    for (const { node, locator } of compareNodes(app.graph)) show(node, outputs?.[locator]);
  },
  afterConfigureGraph() {
    showEarlier(); // not waited for: the canvas is ready without it
  },
});
