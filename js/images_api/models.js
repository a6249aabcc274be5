// @ts-check
/** The models that apps can ask for. */
import { app } from "../../../scripts/app.js";
import { element } from "../dom.js";
import { ask } from "./asking.js";
import { Message, action, section } from "../parts.js";
import { t, told } from "../words.js";
import { Publisher } from "./publisher.js";

/**
 * @typedef {import("./asking.js").Model} Model
 * @typedef {import("./asking.js").Spoilt} Spoilt
 * @typedef {import("./trial.js").Trial} Trial
 */

export class Models {
  /** @param {Trial} trial */
  constructor(trial) {
    this.trial = trial;
    /** @type {Model[]} */
    this.models = [];
    this.message = new Message();
    this.list = element("ul", { class: "dfi-list", "aria-label": t("Models") });
    this.root = section(t("Models"), true, this.message.root, this.list);
    this.publisher = new Publisher(
      (name) => this.models.find((model) => model.name === name)?.published ?? null,
      () => this.load(),
      (name) => trial.choose(name),
    );
  }

  async load() {
    /** @type {Spoilt[]} */
    let spoilt;
    try {
      ({ models: this.models, spoilt } = await ask("/models"));
      this.message.say("");
    } catch (error) {
      return this.message.complain(error);
    }
    const [own, builtIn, aliases] = [ofKind.published, ofKind.builtIn, ofKind.alias].map((is) => this.models.filter(is));
    const entries = [...spoilt.map((one) => this.#spoilt(one)), ...[...own, ...builtIn].map((model) => this.#entry(model))];
    if (aliases.length) entries.push(otherNames(aliases));
    this.list.replaceChildren(...entries);
    this.publisher.tellVersion();
    this.trial.offer([...own, ...builtIn, ...aliases]);
  }

  /** @param {Model} model */
  #entry(model) {
    const { name, published, versions, operations } = model;
    const about = published
      ? [t("version {0}", published.version), operations.join(", ")]
      : [t("built in"), operations.join(", ")];
    const parts = [
      element("div", { class: "dfi-row" },
        element("b", { class: "dfi-grow", text: name }),
        action(t("Try"), () => this.trial.choose(name), t("Try {0}", name)),
      ),
      element("div", { class: "dfi-faint", text: about.join(" · ") }),
    ]; // prettier-ignore
    if (published?.description) parts.push(element("div", { text: published.description }));
    if (published) parts.push(this.#versions(name, versions));
    return element("li", { class: "dfi-entry", "data-model": name }, ...parts);
  }

  /** @param {Spoilt} model */
  #spoilt({ name, version, complaint }) {
    const remove = action(t("Remove"), () => this.#remove(name, String(version)), t("Remove {0}", name));
    const head = element("div", { class: "dfi-row" }, element("b", { class: "dfi-grow", text: name }), remove);
    return element("li", { class: "dfi-entry" }, head, element("p", { class: "dfi-error", text: told(complaint) }));
  }

  /** @param {string} name @param {number[]} versions oldest first */
  #versions(name, versions) {
    const newestFirst = [...versions].reverse();
    const options = newestFirst.map((value) => element("option", { value, text: t("Version {0}", value) }));
    const chosen = element("select", { class: "dfi-input dfi-grow", "aria-label": t("Version of {0}", name) }, ...options);
    const open = action(t("Open"), () => this.#open(name, chosen.value), t("Open this version of {0} on the canvas", name));
    const remove = action(t("Remove"), () => this.#remove(name, chosen.value), t("Remove this version of {0}", name));
    return element("div", { class: "dfi-row" }, chosen, open, remove);
  }

  /** @param {string} name @param {string} version */
  async #open(name, version) {
    try {
      const { graph, workflow } = await ask(`/models/${encodeURIComponent(name)}?version=${version}`);
      if (workflow) await app.loadGraphData(workflow, true, true, name);
      else app.loadApiJson(graph, name); // it was published by a program
      this.message.say("");
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {string} name @param {string} version */
  async #remove(name, version) {
    const last = this.models.find((model) => model.name === name)?.versions.length === 1;
    const message = last ? t("It is the only one: {0} can then not be asked for.", name) : t("It cannot be had back.");
    const title = t("Remove version {0} of {1}?", version, name);
    if (!(await app.extensionManager.dialog.confirm({ title, message, type: "delete" }))) return;
    try {
      await ask(`/models/${encodeURIComponent(name)}?version=${version}`, "DELETE");
      await this.load();
      this.message.say(t("Version {0} of {1} is gone.", version, name));
    } catch (error) {
      this.message.complain(error);
    }
  }
}

/** What a model is; each is one of these. @type {Record<"published" | "builtIn" | "alias", (model: Model) => boolean>} */
const ofKind = {
  published: ({ name, draws_with, published }) => published !== null && name === draws_with,
  builtIn: ({ name, draws_with, published }) => published === null && name === draws_with,
  alias: ({ name, draws_with }) => name !== draws_with,
};

/** @param {Model[]} aliases */
function otherNames(aliases) {
  const lines = aliases.map(({ name, draws_with }) => element("li", { text: `${name} → ${draws_with}` }));
  const note = t("What draws them can be changed under [settings.endpoint.aliases] in endpoints.toml.");
  const more = element("details", {},
    element("summary", { text: t("Other names: {0}", aliases.length) }),
    element("ul", { class: "dfi-list dfi-faint" }, ...lines), element("p", { class: "dfi-faint", text: note }),
  ); // prettier-ignore
  return element("li", { class: "dfi-entry" }, more);
}
