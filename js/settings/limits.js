// @ts-check
/** Budgets, what must not be drawn with or shown, and what is served. */
import { element } from "../dom.js";
import { Message, labelled, numberIn, section } from "../parts.js";
import { t } from "../words.js";
import { ask } from "./asking.js";

/** @typedef {import("./asking.js").Settings} Settings @typedef {import("./asking.js").Limits} Values */

const CUSTOM = "custom"; // as nodes/settings/page.py calls a policy with fields of its own

const TEXT = {
  title: t("Limits and rules"),
  perDay: t("Budget a day, USD (empty: 5)"),
  perSession: t("Budget until ComfyUI is restarted, USD (empty: none)"),
  minimum: t("Moderation policy that no workflow undercuts"),
  noMinimum: t("none"),
  custom: t("the one written in the file"),
  folders: t("Folders to import DALL·E archives from, one a line"),
  commercial: t("Draw only with weights that may be used commercially"),
  served: t("Serve the Images API to apps"),
  save: t("Save"),
  saved: t("Saved. It holds from the next run on."),
  nothing: t("Nothing has changed."),
};

export class Limits {
  /** @param {(settings: Settings) => void} changed called with what the file says now */
  constructor(changed) {
    this.changed = changed;
    /** @type {Values | null} */
    this.now = null;
    this.message = new Message();
    const amount = { class: "dfi-input", type: "number", min: 0, step: "any" };
    this.perDay = element("input", amount);
    this.perSession = element("input", amount);
    this.minimum = element("select", { class: "dfi-input" });
    this.folders = element("textarea", { class: "dfi-input dfi-code", rows: 2 });
    this.commercial = element("input", { type: "checkbox" });
    this.served = element("input", { type: "checkbox" });
    const save = element("button", { type: "submit", class: "dfi-button", text: TEXT.save });
    const check = (/** @type {HTMLElement} */ box, /** @type {string} */ text) => element("label", { class: "dfs-check" }, box, text);
    this.form = element("form", { class: "dfi-form", "aria-label": TEXT.title, onsubmit: (/** @type {Event} */ event) => this.#save(event) },
      labelled(TEXT.perDay, this.perDay), labelled(TEXT.perSession, this.perSession), labelled(TEXT.minimum, this.minimum),
      labelled(TEXT.folders, this.folders), check(this.commercial, TEXT.commercial), check(this.served, TEXT.served), save,
    ); // prettier-ignore
    this.root = section(TEXT.title, true, this.form, this.message.root);
  }

  /** @param {Settings} settings */
  show({ settings, presets }) {
    this.now = settings;
    this.form.hidden = !settings; // the file cannot be read, so nothing is known and nothing can be saved
    if (!settings) return;
    const own = settings.minimum === CUSTOM ? [element("option", { value: CUSTOM, text: TEXT.custom })] : [];
    const named = presets.map((preset) => element("option", { value: preset, text: preset }));
    this.minimum.replaceChildren(element("option", { value: "", text: TEXT.noMinimum }), ...own, ...named);
    this.minimum.value = settings.minimum ?? "";
    this.perDay.value = String(settings.per_day_usd);
    this.perSession.value = settings.per_session_usd === null ? "" : String(settings.per_session_usd);
    this.folders.value = settings.archive_folders.join("\n");
    this.commercial.checked = settings.only_commercial;
    this.served.checked = settings.served;
  }

  /** @param {Event} event */
  async #save(event) {
    event.preventDefault();
    /** @type {Record<string, any>} */
    const filled = {
      per_day_usd: numberIn(this.perDay) ?? null,
      per_session_usd: numberIn(this.perSession) ?? null,
      minimum: this.minimum.value || null,
      archive_folders: this.folders.value.split("\n").map((one) => one.trim()).filter(Boolean),
      only_commercial: this.commercial.checked,
      served: this.served.checked,
    }; // prettier-ignore
    /** @type {Record<string, any>} */
    const before = this.now ?? {};
    const changes = Object.fromEntries(
      Object.entries(filled).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])),
    );
    if (!Object.keys(changes).length) return this.message.say(TEXT.nothing);
    try {
      this.changed(await ask("", "POST", changes));
      this.message.say(TEXT.saved);
    } catch (error) {
      this.message.complain(error);
    }
  }
}
