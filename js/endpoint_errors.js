// @ts-check
/**
 * The sentence of an endpoint node's error, on the node itself: newer frontends keep it three clicks away. Of any
 * other node's error, too, where there is a translation: the frontend shows it in English. It goes with the next run.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { element } from "./dom.js";
import { allNodes } from "./graphs.js";
import { put, take } from "./notice.js";
import { told } from "./words.js";

const NODES = new Set(["DalleFluxGenerate", "DalleFluxEdit", "DalleFluxVariation"]);
const LISTED = /\.NothingInstalled$/; // missing_files.js tells of it
const NOTICE = "error";

app.registerExtension({
  name: "dalletoflux.endpoint_errors",
  setup() {
    api.addEventListener("execution_error", ({ detail }) => {
      const sentence = detail.exception_message.trim();
      const said = told(sentence);
      const isTranslated = detail.node_type.startsWith("DalleFlux") && said !== sentence && !LISTED.test(detail.exception_type);
      if (!NODES.has(detail.node_type) && !isTranslated) return;
      const failed = String(detail.node_id); // in a subgraph the path down to it, such as "12:5"
      for (const { node, path } of allNodes()) if (path === failed) {
        put(node, NOTICE, element("p", { class: "dfn-error", role: "alert", text: said }), 90);
      }
    });
    api.addEventListener("execution_start", () => {
      for (const { node } of allNodes()) take(node, NOTICE);
    });
  },
});
