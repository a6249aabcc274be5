// @ts-check
/** Clients' keys: made here, shown once, removed. */
import { app } from "../../../scripts/app.js";
import { element } from "../dom.js";
import { ask } from "./asking.js";
import { Message, action, copyable, labelled, numberIn, section } from "../parts.js";
import { t } from "../words.js";

/** @typedef {import("./asking.js").Key} Key */

/** Field of a key → what it is called here. */
const LIMITS = {
  requests_per_minute: t("Requests a minute"),
  pictures_per_day: t("Pictures a day"),
  max_waiting: t("Requests at once"),
};

export class Keys {
  /** @param {() => void} changed called when a key has been made or removed */
  constructor(changed) {
    this.changed = changed;
    this.shown = "";
    this.message = new Message();
    this.note = element("p", { class: "dfi-faint" });
    this.list = element("ul", { class: "dfi-list", "aria-label": t("Keys") });
    this.made = copyable(t("The new key"));
    this.makes = element("span");
    const done = action(t("Done"), () => this.#showMade("", ""), t("Done: the key is not shown again"));
    this.once = element("div", { class: "dfi-once", hidden: true }, this.makes, this.made.root, done);
    this.root = section(t("Keys"), false, this.note, this.list, this.once, this.#form(), this.message.root);
  }

  /** @param {Key[]} keys */
  show(keys) {
    const now = JSON.stringify(keys);
    if (now === this.shown) return;
    this.shown = now;
    this.note.textContent = keys.length
      ? t("Every app must send one of these as its API key.")
      : t("None: apps on this machine need no key. Once there is one, every app must send one, those on this machine too.");
    this.list.replaceChildren(...keys.map((key) => this.#entry(key)));
  }

  /** @param {Key} key */
  #entry(key) {
    const limits = Object.entries(LIMITS).flatMap(([name, title]) => {
      const value = key[/** @type {keyof typeof LIMITS} */ (name)];
      return value ? `${title.toLowerCase()}: ${value}` : [];
    });
    if (key.models) limits.push(t("only {0}", key.models.join(", ")));
    const remove = action(t("Remove"), () => this.#remove(key.name), t("Remove the key {0}", key.name));
    const head = element("div", { class: "dfi-row" }, element("b", { class: "dfi-grow", text: key.name }), remove);
    const about = element("div", { class: "dfi-faint", text: limits.join(" · ") || t("no limits") });
    return element("li", { class: "dfi-entry" }, head, about);
  }

  #form() {
    const name = element("input", { class: "dfi-input", required: true, placeholder: "laptop" });
    const limits = Object.entries(LIMITS).map(([field, title]) => {
      const input = element("input", { class: "dfi-input", type: "number", min: 1, step: 1, placeholder: t("any") });
      return { field, input, root: labelled(title, input) };
    });
    const models = element("input", { class: "dfi-input", placeholder: t("all; or dall-e-3, house-style") });
    const onsubmit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const listed = models.value.split(",").map((one) => one.trim()).filter(Boolean); // prettier-ignore
      const body = {
        name: name.value.trim(),
        ...Object.fromEntries(limits.map(({ field, input }) => [field, numberIn(input)])),
        models: listed.length ? listed : undefined,
      };
      try {
        const made = await ask("/keys", "POST", body);
        form.reset();
        this.#showMade(made.name, made.key);
        this.message.say("");
      } catch (error) {
        this.message.complain(error);
      }
      this.changed();
    };
    const fields = element("div", { class: "dfi-fields" }, ...limits.map((one) => one.root), labelled(t("Models"), models));
    const more = element("details", {}, element("summary", { text: t("Limits") }), fields);
    const make = element("button", { type: "submit", class: "dfi-button", text: t("Make a key") });
    const form = element("form", { class: "dfi-form", onsubmit }, labelled(t("Name of the app"), name), more, make);
    return form;
  }

  /** @param {string} name @param {string} key empty: it is seen no more */
  #showMade(name, key) {
    this.once.hidden = !key;
    this.makes.textContent = t("The key of {0}. It is shown only now; only its hash is kept.", name);
    this.made.text.value = key;
    if (key) this.made.text.focus();
  }

  /** @param {string} name */
  async #remove(name) {
    const message = t("Apps that send the key {0} will be refused.", name);
    if (!(await app.extensionManager.dialog.confirm({ title: t("Remove the key?"), message, type: "delete" }))) return;
    try {
      await ask(`/keys/${encodeURIComponent(name)}`, "DELETE");
      this.message.say(t("The key {0} is gone.", name));
    } catch (error) {
      this.message.complain(error);
    }
    this.changed();
  }
}
