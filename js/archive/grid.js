// @ts-check
/**
 * A grid of pictures that only draws what is in sight, so that it does not matter how many there are.
 *
 * @typedef {import("./asking.js").Item} Item
 */
import { element } from "../dom.js";
import { t } from "../words.js";
import { address } from "./asking.js";

const TILE = 104; // px, at least
const GAP = 4; // px
const AHEAD = 2; // rows above and below what is in sight
const PAGE = 60; // items asked for at once
const KEPT = 50; // pages in memory

export class Grid {
  /**
   * @param {(offset: number, limit: number) => Promise<{total: number, items: Item[]}>} load
   * @param {(item: Item, place: number) => void} choose
   */
  constructor(load, choose) {
    this.load = load;
    this.choose = choose;
    this.total = 0;
    this.at = 0; // the tile that the keyboard is at
    /** @type {Map<number, Item[] | null>} null: asked for */
    this.pages = new Map();
    /** @type {Map<number, HTMLButtonElement>} */
    this.tiles = new Map();
    this.run = 0; // of the search; what comes back from an earlier one is left out
    this.space = element("div", { class: "dfa-space" });
    this.root = element("div", { class: "dfa-grid", role: "listbox", dir: "ltr", "aria-label": t("Pictures"), tabindex: -1 }, this.space);
    this.root.addEventListener("scroll", () => this.#soon(), { passive: true });
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.watch = new ResizeObserver(() => this.#soon());
    this.watch.observe(this.root);
    this.frame = 0;
  }

  close() {
    this.watch.disconnect();
    cancelAnimationFrame(this.frame);
  }

  /** Begin anew, at the top. @returns {Promise<number>} how many there are */
  async search() {
    const run = ++this.run;
    const { total, items } = await this.load(0, PAGE);
    if (run !== this.run) return this.total;
    this.pages = new Map([[0, items]]);
    this.total = total;
    this.at = 0;
    this.root.scrollTop = 0;
    for (const tile of this.tiles.values()) tile.remove();
    this.tiles.clear();
    this.#draw();
    return total;
  }

  /** The item at a place, if it is here. @param {number} place */
  item(place) {
    return this.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
  }

  /** @param {number} place */
  focus(place) {
    this.at = Math.max(0, Math.min(this.total - 1, place));
    const { columns, size } = this.#shape();
    const top = Math.floor(this.at / columns) * (size + GAP);
    const bottom = top + size - this.root.clientHeight;
    if (this.root.scrollTop > top) this.root.scrollTop = top;
    else if (this.root.scrollTop < bottom) this.root.scrollTop = bottom;
    this.#draw();
    this.tiles.get(this.at)?.focus({ preventScroll: true });
  }

  #shape() {
    const width = this.root.clientWidth;
    const columns = Math.max(1, Math.floor((width + GAP) / (TILE + GAP)));
    return { columns, size: Math.max(1, (width - GAP * (columns - 1)) / columns) };
  }

  #soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const { columns, size } = this.#shape();
    const row = size + GAP;
    this.space.style.height = `${Math.ceil(this.total / columns) * row}px`;
    const first = Math.max(0, Math.floor(this.root.scrollTop / row) - AHEAD) * columns;
    const last = Math.min(this.total, (Math.ceil((this.root.scrollTop + this.root.clientHeight) / row) + AHEAD) * columns);
    for (const [place, tile] of this.tiles) {
      if (place < first || place >= last) {
        tile.remove();
        this.tiles.delete(place);
      }
    }
    for (let place = first; place < last; place++) {
      let tile = this.tiles.get(place);
      if (!tile) {
        tile = element("button", { type: "button", class: "dfa-tile", role: "option" });
        tile.addEventListener("click", () => this.#open(place));
        this.tiles.set(place, tile);
        this.space.append(tile);
      }
      tile.tabIndex = place === this.at ? 0 : -1;
      tile.style.width = tile.style.height = `${size}px`;
      tile.style.transform = `translate(${(place % columns) * row}px, ${Math.floor(place / columns) * row}px)`;
      this.#fill(tile, place);
    }
    this.#fetch(first, last);
  }

  /** @param {HTMLButtonElement} tile @param {number} place */
  #fill(tile, place) {
    const item = this.item(place);
    if (!item || tile.dataset.item === item.id) return;
    tile.dataset.item = item.id;
    const words = item.prompt || item.revised_prompt || item.name || item.file;
    tile.title = words;
    tile.setAttribute("aria-label", `${item.maker}: ${words}`);
    const picture = element("img", { alt: "", decoding: "async", draggable: "false" });
    picture.addEventListener("error", () => (picture.src = address(`/items/${item.id}/picture`)), { once: true });
    picture.src = address(`/items/${item.id}/thumbnail`);
    const marks = [item.match === "none" && "?", item.reproductions && "↻"].filter(Boolean).join(" ");
    tile.replaceChildren(picture, ...(marks ? [element("span", { class: "dfa-mark", text: marks })] : []));
  }

  /** @param {number} first @param {number} last */
  async #fetch(first, last) {
    const run = this.run;
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) {
      if (this.pages.has(page)) continue;
      this.pages.set(page, null);
      this.load(page * PAGE, PAGE).then(
        ({ items }) => {
          if (run !== this.run) return;
          this.pages.set(page, items);
          if (this.pages.size > KEPT) this.pages.delete([...this.pages.keys()].find((one) => one !== page) ?? page);
          this.#soon();
        },
        () => this.pages.delete(page), // asked for again when it comes into sight again
      );
    }
  }

  /** @param {number} place */
  #open(place) {
    this.at = place;
    const item = this.item(place);
    if (item) this.choose(item, place);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { columns, size } = this.#shape();
    const page = Math.max(1, Math.floor(this.root.clientHeight / (size + GAP))) * columns;
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page,
      Home: -this.total, End: this.total,
    }; // prettier-ignore
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.focus(this.at + step);
  }
}
