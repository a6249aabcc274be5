// @ts-check
/**
 * The page in the sidebar: search and filters on top, then the pictures, one of them large, and importing.
 *
 * @typedef {import("./asking.js").Item} Item
 */
import { element, enclosed, isField } from "../dom.js";
import { Message, labelled, section } from "../parts.js";
import { locale, t } from "../words.js";
import { address, ask } from "./asking.js";
import { Detail } from "./detail.js";
import { Folder } from "./folder.js";
import { Grid } from "./grid.js";
import { Importing } from "./importing.js";
import { Migrating } from "./migrating.js";

const PAUSE = 200; // ms after the last letter before a search begins
const MAKERS = ["dall-e-3", "dall-e-2", "gpt-image", "upload", "code", "comfyui", "unknown"];
const SHAPES = { [t("square")]: "is:square", [t("portrait")]: "is:portrait", [t("landscape")]: "is:landscape" };
const WORDS = { [t("with words")]: "is:matched", [t("without words")]: "-is:matched" };
const REDRAWN = { [t("drawn again")]: "is:reproduced", [t("not yet")]: "-is:reproduced" };

export class ArchivePage {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.message = new Message();
    this.words = element("input", { class: "dfi-input", type: "search", placeholder: 'fox, "red fox", after:2024-01 …', "aria-label": t("Search") });
    this.maker = choice(Object.fromEntries(MAKERS.map((maker) => [maker, `maker:${maker}`])));
    this.shape = choice(SHAPES);
    this.matched = choice(WORDS);
    this.redrawn = choice(REDRAWN);
    this.since = element("input", { class: "dfi-input", type: "date" });
    this.until = element("input", { class: "dfi-input", type: "date" });
    const filters = section(t("Filters"), false, element("div", { class: "dfi-fields" },
      labelled(t("Made by"), this.maker), labelled(t("Shape"), this.shape), labelled(t("Words"), this.matched),
      labelled(t("On FLUX"), this.redrawn), labelled(t("Since"), this.since), labelled(t("Before"), this.until))); // prettier-ignore
    this.count = element("p", { class: "dfi-faint", role: "status" });
    this.grid = new Grid((offset, limit) => ask(`/items?${this.#query({ offset, limit })}`), (item, place) => this.#open(item, place));
    this.detail = new Detail(() => this.#back(), (step) => this.#turn(step), () => this.#search());
    this.importing = new Importing(() => this.#search());
    this.exports = element("div", { class: "dfi-row" });
    this.migrating = new Migrating(() => `${this.#query().get("query")}`, () => this.#search());
    const take = section(t("Export what is found"), false, this.exports);
    const top = element("div", { class: "dfa-top" }, this.words, filters, this.importing.root, this.migrating.root, take, this.message.root, this.count);
    this.all = element("div", { class: "dfa-all" }, top, this.grid.root);
    this.body = element("div", { class: "dfi-page dfa-page" }, this.all, this.detail.root);
    // The canvas listens for shortcuts and drops, and cannot see that they are meant for a field in here.
    this.body.addEventListener("keydown", (event) => isField(event.composedPath()[0]) && event.stopPropagation());
    this.body.addEventListener("dragover", (event) => this.#over(event));
    this.body.addEventListener("dragleave", () => this.body.classList.remove("dfa-over"));
    this.body.addEventListener("drop", (event) => this.#drop(event));
    for (const field of [this.words, this.maker, this.shape, this.matched, this.redrawn, this.since, this.until]) {
      field.addEventListener("input", () => this.#soon());
    }
    root.style.height = "100%"; // or the sidebar scrolls, and all pictures are in sight of the grid
    root.replaceChildren(enclosed("archive.css", this.body));
    this.#search();
  }

  close() {
    clearTimeout(this.later);
    this.grid.close();
    this.importing.close();
    this.migrating.close();
  }

  /** @param {Record<string, number>} [more] */
  #query(more = {}) {
    const filters = [this.maker, this.shape, this.matched, this.redrawn].map((field) => field.value);
    const dates = [this.since.value && `after:${this.since.value}`, this.until.value && `before:${this.until.value}`];
    const query = [...filters, ...dates, this.words.value].filter(Boolean).join(" ");
    return new URLSearchParams({ query, ...Object.fromEntries(Object.entries(more).map(([name, value]) => [name, `${value}`])) });
  }

  #soon() {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.#search(), PAUSE);
  }

  async #search() {
    try {
      const total = await this.grid.search();
      const none = this.words.value || this.#query().get("query") ? t("No picture fits.") : t("The archive is empty. Import an export first.");
      this.count.textContent = total ? t("Pictures: {0}", total.toLocaleString(locale)) : none;
      this.message.say("");
      if (!total && !this.#query().get("query")) this.importing.root.open = true;
    } catch (error) {
      this.message.complain(error);
    }
    this.exports.replaceChildren(...["pictures.zip", "items.csv", "items.jsonl", "audit.csv"].map((name) =>
      element("a", { class: "dfi-button", href: address(`/exports/${name}?${this.#query()}`), download: name, text: name }))); // prettier-ignore
  }

  /** @param {Item} item @param {number} place */
  #open(item, place) {
    this.place = place;
    this.all.hidden = true;
    this.detail.show(item);
    this.detail.root.focus();
  }

  #back() {
    this.all.hidden = false;
    this.grid.focus(this.place ?? 0);
  }

  /** @param {number} step */
  async #turn(step) {
    const place = (this.place ?? 0) + step;
    if (place < 0 || place >= this.grid.total) return;
    try {
      const item = this.grid.item(place) ?? (await this.grid.load(place, 1)).items[0];
      if (item) this.#open(item, place);
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    this.body.classList.add("dfa-over");
  }

  /** @param {DragEvent} event */
  #drop(event) {
    this.body.classList.remove("dfa-over");
    const dropped = [...(event.dataTransfer?.items ?? [])].filter(({ kind }) => kind === "file");
    if (!dropped.length) return;
    event.preventDefault();
    event.stopPropagation();
    const taken = dropped.map((one) => {
      const entry = /** @type {any} */ (one.webkitGetAsEntry?.());
      return entry?.isDirectory ? Folder.dropped(entry) : one.getAsFile();
    });
    this.importing.take(taken.filter((one) => one !== null));
  }
}

/** @param {Record<string, string>} values label → what it adds to the search */
function choice(values) {
  const options = Object.entries(values).map(([text, value]) => element("option", { value, text }));
  return element("select", { class: "dfi-input" }, element("option", { value: "", text: t("all") }), ...options);
}
