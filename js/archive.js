// @ts-check
/**
 * The archive of the user's old DALL·E pictures: a page in the sidebar. DOM only, so it is the same in the classic
 * canvas and in Nodes 2.0.
 */
import { app } from "../../scripts/app.js";
import { t } from "./words.js";
import { ArchivePage } from "./archive/page.js";

const TAB = "dalletoflux.archive";
const OPEN = "dalletoflux.OpenArchive";

/** The one in the sidebar; null while it is closed. @type {ArchivePage | null} */
let page = null;

app.registerExtension({
  name: "dalletoflux.archive",
  commands: [
    {
      id: OPEN,
      label: t("DALL·E Archive"),
      async function() {
        if (!page) await app.extensionManager.command.execute(`Workspace.ToggleSidebarTab.${TAB}`);
      },
    },
  ],
  menuCommands: [{ path: ["Extensions", "DALL·E to FLUX"], commands: [OPEN] }],
  setup() {
    app.extensionManager.registerSidebarTab({
      id: TAB,
      icon: "pi pi-images",
      title: t("Archive"),
      tooltip: t("DALL·E Archive"),
      type: "custom",
      render(root) {
        page?.close();
        page = new ArchivePage(root);
      },
      destroy() {
        page?.close();
        page = null;
      },
    });
  },
});
