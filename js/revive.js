// @ts-check
/**
 * "Revive DALL·E nodes": retired DALL·E nodes on the canvas become this pack's, with their prompt, seed, size,
 * quality, style, n, picture and mask. Which becomes which stands in old_nodes.json, which the Python side reads too.
 */

import { app } from "../../scripts/app.js";
import { rootGraph } from "./graphs.js";
import { t } from "./words.js";

/**
 * @typedef {Object} Retired
 * @property {string} from whose node it was
 * @property {string[]} widgets old widgets in the order of widgets_values
 * @property {string} local successor on this machine
 * @property {string} endpoint successor at an endpoint
 * @property {{input: string, local: string, endpoint: string}} [without] successors if that input is not connected
 * @property {Record<string, string>} inputs old name → new name
 * @property {Record<string, any>} set new name → value where nothing else says
 * @property {Record<string, Record<string, any>>} values old name → old value → new value
 * @property {Record<string, number>} outputs old place → new place
 * @property {string[]} [images_as_masks] old inputs that took their mask as an IMAGE
 */

/** @type {Promise<Record<string, Retired>>} */
const table = fetch(new URL("./old_nodes.json", import.meta.url)).then((reply) => reply.json());

/** @returns {Generator<Graph>} every graph of the workflow: the canvas's own and those of its subgraphs */
function* graphs() {
  const root = rootGraph();
  yield root;
  yield* root.subgraphs?.values?.() ?? [];
}

/** @param {Record<string, Retired>} retired */
function* retiredNodes(retired) {
  for (const graph of graphs()) for (const node of [...graph.nodes]) if (node.type in retired) yield { graph, node };
}

/**
 * Widget values of a node, also of one whose type is missing and that has no widgets.
 * @param {any} node
 * @param {Retired} entry
 * @returns {Record<string, any>}
 */
function oldValues(node, entry) {
  if (node.widgets?.length && !node.has_errors)
    return Object.fromEntries(node.widgets.map((/** @type {Widget} */ widget) => [widget.name, widget.value]));
  const values = node.widgets_values ?? node.last_serialization?.widgets_values ?? [];
  if (!Array.isArray(values)) return { ...values };
  return Object.fromEntries(entry.widgets.slice(0, values.length).map((name, place) => [name, values[place]]));
}

/**
 * Lay a link from where an old one began: a node's output, or an input of the subgraph around it.
 * @param {any} graph
 * @param {any} link
 * @param {any} node
 * @param {number} place
 */
function connectFrom(graph, link, node, place) {
  if (link.origin_id === graph.inputNode?.id)
    graph.inputNode.slots[link.origin_slot]?.connect(node.inputs[place], node);
  else graph.getNodeById(link.origin_id)?.connect(link.origin_slot, node, place);
}

/**
 * Lay a link to where an old one ended: a node's input, or an output of the subgraph around it.
 * @param {any} graph
 * @param {any} link
 * @param {any} node
 * @param {number} place
 */
function connectTo(graph, link, node, place) {
  if (link.target_id === graph.outputNode?.id)
    graph.outputNode.slots[link.target_slot]?.connect(node.outputs[place], node);
  else {
    const target = graph.getNodeById(link.target_id);
    if (target) node.connect(place, target, link.target_slot);
  }
}

/**
 * A node that makes a mask of the picture that an old link brought.
 * @param {any} graph
 * @param {any} link
 * @param {any} user the node that needs the mask
 */
function asMask(graph, link, user) {
  const node = LiteGraph.createNode("ImageToMask");
  if (!node) throw new Error(t("ComfyUI's own node ImageToMask is missing"));
  node.pos = [user.pos[0] - node.size[0] - 30, user.pos[1] + user.size[1]];
  graph.add(node);
  connectFrom(graph, link, node, 0);
  return node;
}

/**
 * @param {any} graph
 * @param {any} old
 * @param {Retired} entry
 * @param {"local" | "endpoint"} where
 * @returns {boolean}
 */
function reviveNode(graph, old, entry, where) {
  const links = [...(graph.links instanceof Map ? graph.links.values() : Object.values(graph.links))].filter(Boolean);
  /** @param {Link} link */
  const places = ({ origin_id, origin_slot, target_id, target_slot }) => ({ origin_id, origin_slot, target_id, target_slot });
  const incoming = links.filter((link) => link.target_id === old.id).map(places);
  const outgoing = links.filter((link) => link.origin_id === old.id).map(places);
  const connected = new Set(incoming.map((link) => old.inputs[link.target_slot]?.name));
  const type = entry.without && !connected.has(entry.without.input) ? entry.without[where] : entry[where];
  const node = LiteGraph.createNode(type);
  if (!node) return false;
  const plainTitle = [old.type, old.constructor?.title, LiteGraph.registered_node_types[old.type]?.title];
  if (old.title && !plainTitle.includes(old.title) && !/DALL.?E [23]$/.test(old.title)) node.title = old.title;
  node.pos = [old.pos[0], old.pos[1]];
  node.mode = old.mode;
  const values = oldValues(old, entry);
  const inputs = [...(old.inputs ?? [])];
  graph.remove(old);
  node.id = old.id; // what else names the node, such as a widget shown on a subgraph, still finds it
  graph.add(node);

  /** @param {string} name @param {any} value */
  const set = (name, value) => {
    const widget = node.widgets?.find((candidate) => candidate.name === name);
    if (!widget || value === undefined) return;
    widget.value = value;
    widget.callback?.(value);
  };
  for (const [name, value] of Object.entries(entry.set)) set(name, value);
  for (const [before, after] of Object.entries(entry.inputs))
    set(after, entry.values[before]?.[values[before]] ?? values[before]);
  set("control_after_generate", values.control_after_generate);

  for (const link of incoming) {
    const before = inputs[link.target_slot]?.name;
    const place = node.inputs?.findIndex((candidate) => candidate.name === entry.inputs[before]) ?? -1;
    if (place < 0) continue;
    if (entry.images_as_masks?.includes(before)) asMask(graph, link, node).connect(0, node, place);
    else connectFrom(graph, link, node, place);
  }
  for (const link of outgoing) {
    const place = entry.outputs[link.origin_slot];
    if (place !== undefined) connectTo(graph, link, node, place);
  }
  return true;
}

/**
 * Revive every retired DALL·E node of the open workflow; one step for undo.
 * @param {"local" | "endpoint"} where
 * @returns {Promise<any>} how many
 */
export async function reviveAll(where = "local") {
  const retired = await table;
  const found = [...retiredNodes(retired)];
  let revived = 0;
  const root = app.graph;
  root.beforeChange?.();
  try {
    for (const { graph, node } of found) if (reviveNode(graph, node, retired[node.type], where)) revived += 1;
  } finally {
    root.afterChange?.();
    app.canvas.setDirty(true, true);
  }
  const left = found.length - revived;
  say(
    revived ? "success" : "info",
    revived
      ? where === "local" ? t("DALL·E nodes revived on local FLUX: {0}.", revived) : t("DALL·E nodes revived at an endpoint: {0}.", revived)
      : left
        ? t("This installation lacks the nodes that would take over.")
        : t("There is no retired DALL·E node in this workflow."),
  );
  return revived;
}

/** @param {"success" | "info"} severity @param {string} detail */
function say(severity, detail) {
  app.extensionManager?.toast?.add({ severity, summary: "DALL·E to FLUX", detail, life: 6000 });
}

app.registerExtension({
  name: "dalletoflux.revive",
  commands: [
    { id: "dalletoflux.ReviveLocal", label: t("Revive DALL·E nodes (local FLUX)"), function: () => reviveAll("local") },
    { id: "dalletoflux.ReviveEndpoint", label: t("Revive DALL·E nodes (endpoint)"), function: () => reviveAll("endpoint") },
  ],
  menuCommands: [{ path: ["Extensions", "DALL·E to FLUX"], commands: ["dalletoflux.ReviveLocal", "dalletoflux.ReviveEndpoint"] }],
  async afterConfigureGraph() {
    const count = [...retiredNodes(await table)].length;
    if (count)
      say("info", t("Retired DALL·E nodes in this workflow: {0}. Menu Extensions → DALL·E to FLUX → Revive.", count));
  },
});
