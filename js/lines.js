// @ts-check
/**
 * A node keeps the line that its run ended with: what it cost, under which licence it was drawn, what was held back.
 * Newer frontends take every line away when the run ends.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { allNodes } from "./graphs.js";

/** @typedef {GraphNode & {dalleFluxLine?: string}} NodeWithLine */

app.registerExtension({
  name: "dalletoflux.lines",
  setup() {
    api.addEventListener("progress_text", ({ detail }) => {
      for (const { node, path } of ours()) if (path === String(detail.nodeId)) node.dalleFluxLine = detail.text;
    });
    api.addEventListener("execution_success", showAgain);
    for (const ending of /** @type {const} */ (["execution_error", "execution_interrupted"])) {
      api.addEventListener(ending, ({ detail }) => {
        for (const { node, path } of ours()) if (!detail.executed.includes(path)) delete node.dalleFluxLine;
        showAgain();
      });
    }
  },
});

/** @returns {{node: NodeWithLine, path: string}[]} */
function ours() {
  return [...allNodes()].filter(({ node }) => node.type?.startsWith("DalleFlux"));
}

function showAgain() {
  setTimeout(() => { // when the frontend has done with the run
    for (const { node, path } of ours()) {
      if (node.dalleFluxLine) api.dispatchCustomEvent("progress_text", { nodeId: path, text: node.dalleFluxLine });
    }
  });
}
