// @ts-check
/** The nodes of the open workflow, in its subgraphs too. */
import { app } from "../../scripts/app.js";

/** @returns {Graph} the workflow's outermost graph, whichever of its subgraphs is shown */
export function rootGraph() {
  return app.rootGraph ?? app.graph.rootGraph ?? app.graph;
}

/**
 * All nodes with the names under which the host files what they do: the path of ids down to one (runs, history), and
 * its subgraph's id with its own (the open workflow's outputs).
 *
 * @param {Graph} [graph]
 * @returns {Generator<{node: GraphNode, path: string, locator: string}>}
 */
export function* allNodes(graph = rootGraph(), above = "", owner = "") {
  for (const node of /** @type {GraphNode[]} */ (graph?.nodes ?? [])) {
    yield { node, path: `${above}${node.id}`, locator: `${owner}${node.id}` };
    if (node.subgraph) yield* allNodes(node.subgraph, `${above}${node.id}:`, `${node.subgraph.id}:`);
  }
}
