// @ts-check
/** A request as an app would send it, and what comes back. Lives on while the page is closed. */
import { element } from "../dom.js";
import { ask } from "./asking.js";
import { Message, labelled, numberIn, section } from "../parts.js";
import { t, told } from "../words.js";

/**
 * @typedef {import("./asking.js").Model} Model
 * @typedef {{b64_json: string, revised_prompt: string}} Picture
 * @typedef {{seed: number, size: string, quality: string, style: string | null, seconds: number, notes: string[]}} Facts
 */

const SIZES = ["1024x1024", "1792x1024", "1024x1792", "1536x1024", "1024x1536", "512x512", "256x256"];
const QUALITIES = ["standard", "hd", "low", "medium", "high"];
const STYLES = ["vivid", "natural"];
const OPERATIONS = ["generations", "edits", "variations"];
const PICTURES = "image/png, image/jpeg, image/webp";
const THEIR_OWN = t("as the model likes"); // where a request says nothing

export class Trial {
  constructor() {
    this.message = new Message();
    /** @type {Model[]} */
    this.models = [];
    this.model = element("select", { class: "dfi-input", required: true, onchange: () => this.#offerOperations() });
    this.operation = element("select", { class: "dfi-input", onchange: () => this.#fit() });
    this.prompt = element("textarea", { class: "dfi-input", rows: 3, required: true });
    this.picture = element("input", { class: "dfi-input", type: "file", accept: PICTURES });
    this.mask = element("input", { class: "dfi-input", type: "file", accept: PICTURES });
    const sizes = element("datalist", { id: "dfi-sizes" }, ...SIZES.map((value) => element("option", { value })));
    this.size = element("input", { class: "dfi-input", list: "dfi-sizes", placeholder: THEIR_OWN });
    this.quality = choice(QUALITIES);
    this.style = choice(STYLES);
    this.n = element("input", { class: "dfi-input", type: "number", min: 1, max: 10, step: 1, value: 1 });
    this.seed = element("input", { class: "dfi-input", type: "number", min: 0, step: 1, placeholder: t("any") });
    this.draw = element("button", { type: "submit", class: "dfi-button dfi-grow", text: t("Draw") });
    this.pictures = element("div", { class: "dfi-pictures" });
    const size = element("div", { class: "dfi-wide" }, labelled(t("Size"), this.size), sizes);
    /** The fields that not every operation has. @type {[HTMLElement, string[]][]} */
    this.some = [
      [labelled(t("Prompt"), this.prompt), ["generations", "edits"]],
      [labelled(t("Picture"), this.picture), ["edits", "variations"]],
      [labelled(t("Mask: what is white or transparent changes"), this.mask), ["edits"]],
      [labelled(t("Quality"), this.quality), ["generations", "edits"]],
      [labelled(t("Style"), this.style), ["generations"]],
    ];
    const [prompt, picture, mask, quality, style] = this.some.map(([field]) => field);
    const fields = element("div", { class: "dfi-fields" }, size, quality, style,
      labelled(t("Pictures"), this.n), labelled(t("Seed"), this.seed),
    ); // prettier-ignore
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.#try();
    };
    const onreset = () => setTimeout(() => this.#offerOperations()); // once the fields are empty
    const form = element("form", { class: "dfi-form", onsubmit, onreset },
      element("div", { class: "dfi-fields" }, labelled(t("Model"), this.model), labelled(t("Operation"), this.operation)),
      prompt, picture, mask, fields,
      element("div", { class: "dfi-row" }, this.draw, element("button", { type: "reset", class: "dfi-button", text: t("Clear") })),
    ); // prettier-ignore
    this.root = section(t("Try it"), true, form, this.message.root, this.pictures);
  }

  /** What can be tried; the choice stays if it is still there. @param {Model[]} models */
  offer(models) {
    this.models = models;
    choices(this.model, models.map(({ name }) => name)); // prettier-ignore
    this.#offerOperations();
  }

  /** Put the cursor where the prompt goes. @param {string} model to be tried */
  choose(model) {
    this.model.value = model;
    this.#offerOperations();
    this.root.open = true;
    this.root.scrollIntoView({ block: "nearest" });
    this.prompt.focus();
  }

  /** What the chosen model does. */
  #offerOperations() {
    const model = this.models.find(({ name }) => name === this.model.value);
    choices(this.operation, OPERATIONS.filter((name) => model?.operations.includes(name))); // prettier-ignore
    this.#fit();
  }

  /** Show what the operation takes. */
  #fit() {
    const operation = this.operation.value;
    for (const [field, operations] of this.some) field.hidden = !operations.includes(operation);
    this.prompt.required = operation !== "variations";
    this.picture.required = operation !== "generations";
  }

  /** @returns {Promise<object>} the body of the request; a field that says nothing, or is not shown, is not in it */
  async #request() {
    const [picture] = this.picture.files ?? [];
    const [mask] = this.mask.files ?? [];
    const operation = this.operation.value;
    const words = operation !== "variations" && { prompt: this.prompt.value.trim(), quality: this.quality.value };
    const asked = {
      operation, size: this.size.value.trim(), n: numberIn(this.n), seed: numberIn(this.seed), response_format: "b64_json",
      ...words, ...(operation === "generations" ? { style: this.style.value } : { image: await base64(picture) }),
      ...(operation === "edits" && mask && { mask: await base64(mask) }),
    }; // prettier-ignore
    return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== "" && value !== undefined));
  }

  async #try() {
    const model = this.model.value;
    this.draw.disabled = true;
    this.pictures.replaceChildren();
    this.message.say(t("{0} is drawing; above, under Jobs, it can be cancelled.", model));
    try {
      const body = await this.#request();
      const { data, dalle_flux } = await ask(`/models/${encodeURIComponent(model)}/test`, "POST", body);
      this.#show(model, data, dalle_flux);
      this.message.say("");
    } catch (error) {
      this.message.complain(error);
    }
    this.draw.disabled = false;
  }

  /** @param {string} model @param {Picture[]} pictures @param {Facts} facts */
  #show(model, pictures, { seed, size, quality, style, seconds, notes }) {
    const shown = pictures.map(({ b64_json, revised_prompt }, place) => {
      const href = `data:image/png;base64,${b64_json}`;
      const picture = element("img", { src: href, alt: revised_prompt || this.prompt.value });
      const name = `${model}-${seed + place}.png`;
      return element("a", { href, download: name, title: t("Save as {0}", name) }, picture);
    });
    const facts = [t("seed {0}", seed), size, quality, style, t("{0} s", seconds)].filter(Boolean).join(" · ");
    const lines = [pictures[0]?.revised_prompt && t("Drawn from: {0}", pictures[0].revised_prompt), facts, ...notes.map(told)];
    const said = lines.filter(Boolean).map((text) => element("p", { class: "dfi-faint", text }));
    this.pictures.replaceChildren(...shown, ...said);
  }
}

/** Offer these; the choice stays if it is one of them. @param {HTMLSelectElement} select @param {string[]} values */
function choices(select, values) {
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => element("option", { value, text: value })));
  if (values.includes(chosen)) select.value = chosen;
}

/** @param {string[]} values */
function choice(values) {
  const nothing = element("option", { value: "", text: THEIR_OWN });
  const options = values.map((value) => element("option", { value, text: value }));
  return element("select", { class: "dfi-input" }, nothing, ...options);
}

/** @param {File} file @returns {Promise<string>} */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
