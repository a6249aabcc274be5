import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

app.registerExtension({
  name: "dalle_flux.compare",
  nodeCreated(node) {
    if (node.comfyClass !== "DalleFluxCompare") return;
    const root = document.createElement("div");
    root.style.cssText = "display:flex;gap:4px;width:100%;height:100%;min-height:200px;overflow:hidden";
    node.addDOMWidget("compare", "dalle_flux_compare", root, { serialize: false, getMinHeight: () => 240 });
    node.onExecuted = (output) => {
      const shown = output?.dalle_flux_compare?.[0];
      if (!shown) return;
      root.replaceChildren(
        ...shown.sides.map((side) => {
          const picture = document.createElement("img");
          picture.alt = side.label;
          picture.style.cssText = "flex:1;min-width:0;object-fit:contain";
          picture.src = api.apiURL(`/view?${new URLSearchParams(side.files[0])}`);
          return picture;
        }),
      );
    };
  },
});
