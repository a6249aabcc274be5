// @ts-check
/**
 * The Images API served by this ComfyUI, on the canvas: a page in the sidebar, and "Publish as image model" in the
 * menu, the command palette and the context menu of the response node. DOM only, so it is the same in the classic
 * canvas and in Nodes 2.0.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { t } from "./words.js";
import { ImagesApiPage } from "./images_api/page.js";
import { Trial } from "./images_api/trial.js";

const TAB = "dalletoflux.images_api";
const PUBLISH = "dalletoflux.PublishImageModel";
const OPEN = "dalletoflux.OpenImagesApi";
const RESPONSE = "DalleFluxImagesResponse";

/** The one in the sidebar; null while it is closed. @type {ImagesApiPage | null} */
let page = null;
let publishesFirst = false; // what the page that is being opened is wanted for
const trial = new Trial(); // stays while the page is closed: a picture takes its time

async function open() {
  if (!page) await app.extensionManager.command.execute(`Workspace.ToggleSidebarTab.${TAB}`);
}

async function publish() {
  if (page) return page.publish();
  publishesFirst = true;
  await open();
}

app.registerExtension({
  name: "dalletoflux.images_api",
  commands: [
    { id: PUBLISH, label: t("Publish as image model"), function: publish },
    { id: OPEN, label: t("Images API"), function: open },
  ],
  menuCommands: [{ path: ["Extensions", "DALL·E to FLUX"], commands: [PUBLISH, OPEN] }],
  getNodeMenuItems(node) {
    const isResponse = /** @type {GraphNode} */ (node).comfyClass === RESPONSE;
    return isResponse ? [{ content: t("Publish as image model"), callback: () => void publish() }] : [];
  },
  setup() {
    app.extensionManager.registerSidebarTab({
      id: TAB,
      icon: "pi pi-server",
      title: t("Images API"),
      tooltip: t("Images API for apps"),
      type: "custom",
      render(root) {
        page?.close();
        page = new ImagesApiPage(root, trial);
        if (publishesFirst) page.publish();
        publishesFirst = false;
      },
      destroy() {
        page?.close();
        page = null;
      },
    });
    api.addEventListener("status", () => page?.look()); // ComfyUI's queue has changed
  },
});
