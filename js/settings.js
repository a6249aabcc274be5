// @ts-check
/**
 * The pack's settings: a page in the sidebar, an entry in ComfyUI's settings dialog that opens it, and a place for an
 * endpoint's key on the node whose run ended for want of it.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { button, element } from "./dom.js";
import { allNodes } from "./graphs.js";
import { sentence } from "./asking.js";
import { put, take } from "./notice.js";
import { ask } from "./settings/asking.js";
import { t, told } from "./words.js";
import { SettingsPage } from "./settings/page.js";

const TAB = "dalletoflux.settings";
const OPEN = "dalletoflux.OpenSettings";
const GENERATORS = new Set(["DalleFluxGenerate", "DalleFluxEdit", "DalleFluxVariation"]);
const ABOUT_KEYS = /\.(MissingKey|BadKey)$/; // error types of nodes/endpoints.py and nodes/images_api/errors.py
const NOTICE = "key";

const TEXT = {
  command: t("DALL·E to FLUX settings"),
  tab: "DALL·E",
  tooltip: t("DALL·E to FLUX: endpoints, budgets, costs"),
  setting: t("Endpoints, keys, budgets, policy, costs"),
  open: t("Open the page"),
  keyFor: (/** @type {string} */ endpoint) => t("API key for the endpoint “{0}”", endpoint),
  keyHint: t("It is kept in endpoints.toml on this machine, readable for you alone, and never enters a workflow."),
  save: t("Save and check"),
  checking: t("Checking …"),
  run: (/** @type {string} */ said) => t("{0} Press Run.", told(said)),
  more: t("All settings"),
};

const BUTTON =
  "padding: 4px 12px; border: 1px solid var(--border-color, #4e4e4e); border-radius: 4px; cursor: pointer;" +
  "background: var(--comfy-input-bg, #222); color: var(--input-text, #ddd)"; // in the dialog no sheet of ours holds

let isOpen = false;

async function open() {
  if (!isOpen) await app.extensionManager.command.execute(`Workspace.ToggleSidebarTab.${TAB}`);
}

/** A field for the key of the endpoint that the node names. @param {GraphNode} node */
function askForKey(node) {
  const endpoint = String(node.widgets?.find((widget) => widget.name === "endpoint")?.value ?? "openai");
  const key = element("input", { type: "password", autocomplete: "new-password", class: "dfn-grow", required: true, "aria-label": TEXT.keyFor(endpoint) });
  const said = element("p", { role: "status" });
  const onsubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    said.textContent = TEXT.checking;
    try {
      await ask("/endpoints", "POST", { name: endpoint, api_key: key.value });
      key.value = "";
      said.textContent = TEXT.run((await ask(`/endpoints/${encodeURIComponent(endpoint)}/test`, "POST", {})).said);
    } catch (error) {
      said.textContent = sentence(error);
    }
  };
  const save = element("button", { type: "submit", text: TEXT.save });
  const row = element("div", { class: "dfn-row" }, key, save, button(TEXT.more, TEXT.more, () => void open()));
  const head = element("p", { class: "dfn-head", text: TEXT.keyFor(endpoint) });
  const form = element("form", { onsubmit, "aria-label": TEXT.keyFor(endpoint) }, head, row, element("p", { class: "dfn-faint", text: TEXT.keyHint }), said);
  form.addEventListener("keydown", (event) => event.stopPropagation()); // the canvas's shortcuts
  put(node, NOTICE, form, 150);
}

app.registerExtension({
  name: "dalletoflux.settings",
  commands: [{ id: OPEN, label: TEXT.command, function: open }],
  menuCommands: [{ path: ["Extensions", "DALL·E to FLUX"], commands: [OPEN] }],
  settings: [
    {
      id: /** @type {any} */ ("dalletoflux.settings.page"),
      category: ["DALL·E to FLUX", "DALL·E to FLUX", "page"],
      name: TEXT.setting,
      defaultValue: null,
      type: () => button(TEXT.open, TEXT.open, () => {
        // The dialog has no other door for extensions, and stands in front of the sidebar.
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", code: "Escape", bubbles: true }));
        void open();
      }, { style: BUTTON }), // prettier-ignore
    },
  ],
  setup() {
    app.extensionManager.registerSidebarTab({
      id: TAB,
      icon: "pi pi-sliders-h",
      title: TEXT.tab,
      tooltip: TEXT.tooltip,
      type: "custom",
      render(root) {
        isOpen = true;
        new SettingsPage(root);
      },
      destroy() {
        isOpen = false;
      },
    });
    api.addEventListener("execution_error", ({ detail }) => {
      if (!GENERATORS.has(detail.node_type) || !ABOUT_KEYS.test(detail.exception_type)) return;
      for (const { node, path } of allNodes()) if (path === String(detail.node_id)) askForKey(node);
    });
    api.addEventListener("execution_start", () => {
      for (const { node } of allNodes()) take(node, NOTICE);
    });
  },
});
