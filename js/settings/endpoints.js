// @ts-check
/** The named endpoints: added, changed, tried, removed. Keys go in and are never shown. */
import { app } from "../../../scripts/app.js";
import { element } from "../dom.js";
import { Message, action, labelled, section } from "../parts.js";
import { t, told } from "../words.js";
import { ask } from "./asking.js";

/** @typedef {import("./asking.js").Endpoint} Endpoint @typedef {import("./asking.js").Settings} Settings */

const TEXT = {
  title: t("Endpoints"),
  list: t("Endpoints"),
  keys: {
    stored: () => t("its key is in the file"),
    set: (/** @type {string | null} */ variable) => t("its key is in the environment variable {0}", variable),
    unset: (/** @type {string | null} */ variable) => t("needs a key: {0} is not set", variable),
    none: () => t("sends no key"),
  },
  test: t("Test"),
  testing: t("Asking …"),
  change: t("Change"),
  remove: t("Remove"),
  removeTitle: (/** @type {string} */ name) => t("Remove the endpoint {0}?", name),
  removeMessage: t("Its address and its key are taken out of endpoints.toml."),
  removed: (/** @type {string} */ name) => t("{0} is gone.", name),
  saved: (/** @type {string} */ name) => t("{0} is saved.", name),
  add: t("Add an endpoint"),
  name: t("Name that workflows use"),
  url: t("Address"),
  kind: t("Kind"),
  anyKind: t("by its address"),
  key: t("API key"),
  keyHint: t("empty: as it is"),
  variable: t("or environment variable with the key"),
  models: t("Models (empty: any)"),
  save: t("Save"),
};

export class Endpoints {
  /** @param {(settings: Settings) => void} changed called with what the file says now */
  constructor(changed) {
    this.changed = changed;
    this.message = new Message();
    this.list = element("ul", { class: "dfi-list", "aria-label": TEXT.list });
    this.fields = {
      name: element("input", { class: "dfi-input", required: true, placeholder: "studio" }),
      base_url: element("input", { class: "dfi-input", type: "url", placeholder: "https://images.example.com/v1" }),
      kind: element("select", { class: "dfi-input" }),
      api_key: element("input", { class: "dfi-input", type: "password", autocomplete: "new-password", placeholder: TEXT.keyHint }),
      api_key_env: element("input", { class: "dfi-input dfi-code", placeholder: "STUDIO_KEY" }),
      models: element("input", { class: "dfi-input", placeholder: "dall-e-3, house-style" }),
    };
    this.form = this.#form();
    this.root = section(TEXT.title, true, this.list, this.message.root, this.form);
  }

  /** @param {Settings} settings */
  show({ endpoints, kinds }) {
    const options = kinds.map((kind) => element("option", { value: kind, text: kind }));
    this.fields.kind.replaceChildren(element("option", { value: "", text: TEXT.anyKind }), ...options);
    this.list.replaceChildren(...endpoints.map((endpoint) => this.#entry(endpoint)));
  }

  /** @param {Endpoint} endpoint */
  #entry(endpoint) {
    const { name, base_url, key, api_key_env } = endpoint;
    const said = new Message();
    const test = action(TEXT.test, () => this.#test(name, said), `${TEXT.test} ${name}`);
    const change = action(TEXT.change, () => this.#edit(endpoint), `${TEXT.change} ${name}`);
    const tools = element("div", { class: "dfi-row" }, element("b", { class: "dfi-grow", text: name }), test, change);
    if (!endpoint.is_built_in) tools.append(action(TEXT.remove, () => this.#remove(name), `${TEXT.remove} ${name}`));
    const about = element("div", { class: "dfi-faint", text: `${base_url} · ${TEXT.keys[key](api_key_env)}` });
    return element("li", { class: "dfi-entry", "data-endpoint": name }, tools, about, said.root);
  }

  /** @param {string} name @param {Message} said */
  async #test(name, said) {
    said.say(TEXT.testing);
    try {
      said.say(told((await ask(`/endpoints/${encodeURIComponent(name)}/test`, "POST", {})).said));
    } catch (error) {
      said.complain(error);
    }
  }

  /** @param {Endpoint} endpoint */
  #edit(endpoint) {
    const { fields } = this;
    fields.name.value = endpoint.name;
    fields.base_url.value = endpoint.base_url;
    fields.kind.value = endpoint.kind;
    fields.api_key.value = "";
    fields.api_key_env.value = endpoint.api_key_env ?? "";
    fields.models.value = endpoint.models.join(", ");
    this.form.open = true;
    fields.api_key.focus();
  }

  #form() {
    const { name, base_url, kind, api_key, api_key_env, models } = this.fields;
    const onsubmit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const listed = models.value.split(",").map((one) => one.trim()).filter(Boolean); // prettier-ignore
      const body = {
        name: name.value.trim(),
        base_url: base_url.value.trim() || undefined,
        kind: kind.value || undefined,
        api_key: api_key.value || undefined,
        api_key_env: api_key_env.value.trim() || (api_key.value ? null : undefined),
        models: listed.length ? listed : null,
      };
      try {
        this.changed(await ask("/endpoints", "POST", body));
        form.reset();
        this.form.open = false;
        this.message.say(TEXT.saved(body.name));
      } catch (error) {
        this.message.complain(error);
      }
    };
    const save = element("button", { type: "submit", class: "dfi-button", text: TEXT.save });
    const form = element("form", { class: "dfi-form", onsubmit, "aria-label": TEXT.add },
      labelled(TEXT.name, name), labelled(TEXT.url, base_url), labelled(TEXT.kind, kind), labelled(TEXT.key, api_key),
      labelled(TEXT.variable, api_key_env), labelled(TEXT.models, models), save,
    ); // prettier-ignore
    return element("details", {}, element("summary", { text: TEXT.add }), form);
  }

  /** @param {string} name */
  async #remove(name) {
    const { confirm } = app.extensionManager.dialog;
    if (!(await confirm({ title: TEXT.removeTitle(name), message: TEXT.removeMessage, type: "delete" }))) return;
    try {
      this.changed(await ask(`/endpoints/${encodeURIComponent(name)}`, "DELETE"));
      this.message.say(TEXT.removed(name));
    } catch (error) {
      this.message.complain(error);
    }
  }
}
