// @ts-check
/**
 * Pictures of the archive into the open workflow.
 *
 * @typedef {import("./asking.js").Item} Item
 */
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { allNodes } from "../graphs.js";
import { Refused } from "../asking.js";
import { t } from "../words.js";

const LOAD = "DalleFluxArchiveLoad";
const WORKFLOW = "archive-vs-flux";
const DRAWS = ["DalleFluxLocalGenerate", "DalleFluxGenerate", "DalleFluxPrompt", "DalleFluxImagesRequest"];

/**
 * Fill the open workflow: its load node, else a node that takes a prompt, else a new load node. What is selected comes
 * first.
 * @param {Item} item
 * @returns {string} what was done, for people
 */
export function useInWorkflow(item) {
  const selected = /** @type {GraphNode[]} */ (Object.values(app.canvas.selected_nodes ?? {}));
  const nodes = [...selected, ...[...allNodes()].map(({ node }) => node)];
  const load = find(nodes, [LOAD]);
  if (load) {
    choose(load, item);
    return t("“{0}” now loads this picture.", load.title);
  }
  const draws = find(nodes, DRAWS);
  if (draws) {
    set(draws, "prompt", item.revised_prompt || item.prompt);
    set(draws, "size", item.size);
    return t("“{0}” now has this picture's prompt and size.", draws.title);
  }
  const added = LiteGraph.createNode(LOAD);
  if (!added) throw new Refused(t("This ComfyUI has no node Load from DALL·E Archive; reload the page."));
  const { ds, canvas } = app.canvas;
  added.pos = [canvas.clientWidth / 2 / ds.scale - ds.offset[0], canvas.clientHeight / 3 / ds.scale - ds.offset[1]];
  app.graph.add(added);
  choose(added, item);
  return t("Added a node that loads this picture.");
}

/** Open the shipped workflow with this picture chosen. @param {Item} item @throws {Refused} */
export async function compareWithFlux(item) {
  const workflow = await shipped(WORKFLOW);
  for (const node of workflow.nodes) {
    if (node.type === LOAD) node.widgets_values = [`id:${item.id}`, 0, "fixed", 1];
  }
  await app.loadGraphData(workflow, true, true, `${WORKFLOW} ${item.id.slice(0, 8)}`);
}

/** @param {string} name @returns {Promise<any>} in canvas format @throws {Refused} */
async function shipped(name) {
  const pack = new URL(import.meta.url).pathname.split("/extensions/")[1].split("/")[0]; // its folder, as in the address
  const reply = await api.fetchApi(`/workflow_templates/${pack}/${name}.json`).catch(() => null);
  if (!reply?.ok) throw new Refused(t("The workflow {0} cannot be read; open it from ComfyUI's templates.", name));
  return reply.json();
}

/** @param {GraphNode[]} nodes @param {string[]} types */
function find(nodes, types) {
  return nodes.find((node) => types.includes(/** @type {string} */ (node?.type)));
}

/** @param {GraphNode} node @param {Item} item */
function choose(node, item) {
  set(node, "query", `id:${item.id}`);
  set(node, "index", 0);
  set(node, "limit", 1);
}

/** @param {GraphNode} node @param {string} name @param {string | number} value */
function set(node, name, value) {
  const widget = node.widgets?.find((one) => one.name === name);
  if (!widget) return;
  widget.value = value;
  widget.callback?.(value);
  node.setDirtyCanvas?.(true, true);
}
