// @ts-check
/** The settings in the sidebar: endpoints, limits, and what it has cost. */
import { element, enclosed, isField } from "../dom.js";
import { Refused } from "../asking.js";
import { Message } from "../parts.js";
import { t } from "../words.js";
import { ask } from "./asking.js";
import { Spent } from "./costs.js";
import { Endpoints } from "./endpoints.js";
import { Limits } from "./limits.js";

/** @typedef {import("./asking.js").Settings} Settings */

const TEXT = { file: (/** @type {string} */ file) => t("All of it stands in {0}, which can be changed by hand, too.", file) };

export class SettingsPage {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.message = new Message();
    this.file = element("p", { class: "dfi-faint" });
    const changed = (/** @type {Settings} */ settings) => this.#show(settings);
    this.endpoints = new Endpoints(changed);
    this.limits = new Limits(changed);
    this.spent = new Spent();
    this.rest = element("div", { class: "dfi-rest" }, this.endpoints.root, this.limits.root, this.spent.root, this.file);
    const body = element("div", { class: "dfi-page" }, this.message.root, this.rest);
    // The canvas listens for shortcuts, and cannot see that a field in here has the focus.
    body.addEventListener("keydown", (event) => isField(event.composedPath()[0]) && event.stopPropagation());
    root.replaceChildren(enclosed("settings.css", body));
    this.load();
  }

  async load() {
    try {
      this.#show(await ask(""));
      await this.spent.load();
    } catch (error) {
      this.message.complain(error);
      if (error instanceof Refused && error.code === "not_from_here") this.rest.hidden = true;
    }
  }

  /** @param {Settings} settings */
  #show(settings) {
    if (settings.complaint) this.message.complain(settings.complaint);
    else this.message.say("");
    this.endpoints.show(settings);
    this.limits.show(settings);
    this.file.textContent = TEXT.file(settings.file);
  }
}
