/**
 * The comparison view: toolbar, pictures, captions, numbers, votes. Knows nothing of the canvas it stands on.
 *
 * @typedef {{filename: string, subfolder: string, type: string}} File_
 * @typedef {{slot: string, label: string, width: number, height: number, files: File_[], sha256: string[],
 *   captions: {line: string, prompt: string, facts: Record<string, string>}[]}} Side
 * @typedef {{id: string, prompt: string, category: string, sides: Side[], rows: (number | null)[][],
 *   matches: {row: number, slot: string, note: string, place: [number, number, number, number],
 *   difference: File_}[], sheet: File_[], metrics: any}} Payload what the node's run sends (nodes/comparison/payload.py)
 * @typedef {{address: (file: File_) => string, request: (path: string, options?: RequestInit) => Promise<Response>,
 *   link: (path: string) => string, remember: (state: object) => void}} Surroundings
 */
import { element } from "./dom.js";
import { Judge } from "./judge.js";
import { numbersTable } from "./numbers.js";
import { saveMenu } from "./save.js";
import { GONE, Stage } from "./stage.js";
import { MODES, Toolbar } from "./toolbar.js";

const COLOURS = { a: "#5aa9ff", b: "#ff8f5a", c: "#5fd39a", d: "#d291ff" };
const NEUTRAL = "#c8ced8"; // while judging blind
const START = {
  mode: "slider", row: 0, left: 0, right: 1, split: 0.5, opacity: 0.5, zoom: 1, x: 0.5, y: 0.5,
  labels: true, captions: true, panel: "", blind: false, by: "",
}; // prettier-ignore
const STEP = 24; // px an arrow key moves
const UNUSED = "Connect two to four pictures and run the workflow.";
const FORGOTTEN = "ComfyUI has no pictures of an earlier run of this node; run the workflow to see them.";

export class CompareView {
  /** @param {Surroundings} surroundings */
  constructor(surroundings) {
    this.surroundings = surroundings;
    this.state = { ...START };
    /** @type {Payload | null} */
    this.payload = null;
    this.emptiness = UNUSED;
    this.stage = new Stage({
      onCamera: () => this.#cameraMoved(),
      onSplit: (split) => this.#set({ split }, false),
      onReadout: (text) => (this.readout.textContent = text),
      onMissing: () => this.#say(GONE),
    });
    this.judge = new Judge(surroundings, {
      changed: () => this.#render(),
      blind: (on) => this.#set({ blind: on }),
      by: (by) => this.#set({ by }, false),
    });
    this.#build();
    this.#render();
  }

  /** Show what a run made. @param {Payload} payload */
  show(payload) {
    if (!payload || !Array.isArray(payload.sides) || payload.sides.length < 2) return;
    const pictures = JSON.stringify(payload.sides.map((side) => side.files));
    if (this.payload && pictures === this.pictures) return; // the host tells twice
    this.pictures = pictures;
    this.payload = payload;
    this.message = "";
    this.judge.open(payload);
    this.#render();
  }

  /** Say that an opened workflow's pictures are no longer there. */
  forgotten() {
    this.emptiness = FORGOTTEN;
    this.#render();
  }

  /** Back to how the workflow was saved. @param {Partial<typeof START>} saved */
  restore(saved) {
    const known = Object.entries(saved ?? {}).filter(([name, value]) => typeof value === typeof START[name]);
    this.state = { ...START, ...Object.fromEntries(known) };
    if (!(this.state.mode in MODES)) this.state.mode = START.mode;
    const { zoom, x, y, split, opacity } = this.state;
    Object.assign(this.stage, { camera: { zoom: zoom > 0 ? zoom : 1, x, y }, split, opacity });
    this.#render();
  }

  /** Let go of everything: pictures, timers, observers. */
  destroy() {
    clearTimeout(this.later);
    this.stage.destroy();
    this.judge.destroy();
    this.payload = null;
    this.root.replaceChildren();
    this.root.remove();
  }

  #build() {
    const menu = saveMenu(() => this.#files(), this.surroundings.address, (text) => this.#say(text));
    this.toolbar = new Toolbar(
      {
        set: (change) => this.#set(change),
        fade: (opacity) => this.#fade(opacity),
        turn: (step) => this.#turn(step),
        zoom: (factor) => this.stage.zoom(factor),
        fit: () => this.stage.fit(),
        truePixels: () => this.stage.truePixels(),
        fullscreen: () => this.#fullscreen(),
      },
      menu,
    );
    this.readout = element("div", { class: "dfc-readout" });
    this.captions = element("div", { class: "dfc-captions" });
    this.panel = element("div", { class: "dfc-panel" });
    this.status = element("div", { class: "dfc-status", role: "status", "aria-live": "polite" });
    this.root = element(
      "div",
      // Nodes 2.0 keeps the wheel from what does not contain the focus; so it is the whole view that asks for it.
      { class: "dfc", "data-capture-wheel": "true", onkeydown: (event) => this.#key(event) },
      this.toolbar.root, this.stage.root, this.readout, this.captions, this.panel, this.status,
    ); // prettier-ignore
    // What happens in here is not for the canvas below.
    for (const name of ["pointerdown", "mousedown", "dblclick", "contextmenu", "keyup", "copy"]) {
      this.root.addEventListener(name, (event) => event.button === 1 || event.stopPropagation());
    }
    for (const scrolling of [this.panel, this.captions, menu]) {
      scrolling.addEventListener("wheel", (event) => event.stopPropagation(), { passive: true });
    }
  }

  /** @param {Partial<typeof START>} change @param {boolean} [draw] */
  #set(change, draw = true) {
    Object.assign(this.state, change);
    clearTimeout(this.later);
    this.later = setTimeout(() => this.surroundings.remember({ ...this.state }), 60);
    if (!draw) return;
    this.message = "";
    this.#render();
  }

  #cameraMoved() {
    const { zoom, x, y } = this.stage.camera;
    this.#tellZoom();
    this.#set({ zoom, x, y }, false);
  }

  #tellZoom() {
    this.toolbar.percent.textContent = `${this.stage.percent()} %`;
  }

  #fade(opacity) {
    this.stage.opacity = opacity;
    this.stage.layout();
    this.#set({ opacity }, false);
  }

  /** Sides in the order shown: A to D, or shuffled while this row is judged blind. */
  #order() {
    return this.judge.order(this.payload, this.#row(), this.state.blind);
  }

  #row() {
    return Math.min(Math.max(this.state.row, 0), this.payload.rows.length - 1);
  }

  /** True while labels must not be known. */
  #hidden() {
    return this.state.blind && !this.judge.voted(this.payload, this.#row());
  }

  /** @param {Side} side @param {number} at its place in the order */
  #name(side, at) {
    return this.#hidden() ? `Picture ${at + 1}` : side.label;
  }

  /** @returns {import("./stage.js").Layer | null} */
  #layer(side, at) {
    const row = this.#row();
    const index = this.payload.rows[row][this.payload.sides.indexOf(side)];
    if (index === null || index === undefined) return null;
    const first = this.payload.sides[0];
    const match = this.payload.matches.find((one) => one.row === row && one.slot === side.slot);
    const hidden = this.#hidden();
    const letter = hidden ? String(at + 1) : side.slot.toUpperCase();
    const name = this.#name(side, at);
    const differs = side.width !== first.width || side.height !== first.height;
    return {
      key: hidden ? String(at + 1) : side.slot,
      src: this.surroundings.address(side.files[index]),
      alt: name,
      tag: name === letter || hidden ? name : `${letter} · ${name}`,
      colour: hidden ? NEUTRAL : COLOURS[side.slot],
      warning: differs && !hidden ? `${side.width}×${side.height} ≠ ${first.width}×${first.height}` : "",
      place: match?.place ?? [0, 0, first.width, first.height],
    };
  }

  #layers(order) {
    const { mode } = this.state;
    const first = this.payload.sides[0];
    if (mode === "grid") return order.map((side, at) => this.#layer(side, at)).filter(Boolean);
    const [left, right] = [order[this.state.left] ?? order[0], order[this.state.right] ?? order[1]];
    if (mode === "difference") {
      const other = right.slot === "a" ? left : right;
      const match = this.payload.matches.find((one) => one.row === this.#row() && one.slot === other.slot);
      if (!match) return [];
      const text = this.#hidden() ? "Difference" : `Difference A ↔ ${other.slot.toUpperCase()}`;
      const src = this.surroundings.address(match.difference);
      const place = [0, 0, first.width, first.height];
      return [{ key: "Δ", src, alt: text, tag: text, colour: "#fca50a", warning: "", place }];
    }
    return [this.#layer(left, order.indexOf(left)), this.#layer(right, order.indexOf(right))].filter(Boolean);
  }

  #render() {
    const ready = Boolean(this.payload);
    this.root.classList.toggle("dfc-empty", !ready);
    if (!ready) {
      this.toolbar.render(this.state, null);
      this.captions.replaceChildren();
      this.panel.replaceChildren();
      this.status.textContent = this.emptiness;
      return;
    }
    const { sides, rows } = this.payload;
    const row = this.#row();
    const order = this.#order();
    const names = order.map((side, at) => this.#name(side, at));
    this.toolbar.render(this.state, { row, rows: rows.length, names, hidden: this.#hidden() });
    const frame = { width: sides[0].width, height: sides[0].height };
    const layers = this.#layers(order);
    this.stage.showTags = this.state.labels;
    this.stage.show(layers, this.state.mode, frame);
    this.#renderCaptions(order);
    this.#renderPanel(row);
    requestAnimationFrame(() => this.payload && this.#tellZoom());
    const shown = layers.map((layer) => layer.alt).join(", ");
    const missing = layers.length === 0 || (layers.length < 2 && !["difference", "grid"].includes(this.state.mode));
    const note = missing ? "This pair has only one picture. " : "";
    this.status.title = this.status.textContent = this.message || `${note}${MODES[this.state.mode][1]}: ${shown}. ${this.#notes(row, layers)}`;
  }

  /** What must not go unsaid: batches that differ, and sizes that differ among the pictures shown. */
  #notes(row, layers) {
    if (this.#hidden()) return "";
    const { metrics, matches } = this.payload;
    const shown = new Set(layers.map((layer) => layer.key));
    const notes = matches.filter((match) => match.row === row && shown.has(match.slot) && match.note.startsWith("sizes"));
    return [metrics.pairing.note, ...notes.map((match) => `${match.slot.toUpperCase()}: ${match.note}.`)].join(" ");
  }

  #renderCaptions(order) {
    const shown = this.state.captions && !this.#hidden();
    const items = [];
    for (const side of shown ? order : []) {
      const index = this.payload.rows[this.#row()][this.payload.sides.indexOf(side)];
      const caption = side.captions[index];
      if (!caption || (!caption.line && !caption.prompt)) continue;
      const chip = element("span", { class: "dfc-chip", text: side.slot.toUpperCase() });
      chip.style.setProperty("--dfc-slot", COLOURS[side.slot]);
      const prompt = element("div", { class: "dfc-prompt", dir: "auto", text: caption.prompt, title: caption.prompt });
      const line = element("div", { class: "dfc-line", dir: "auto", text: caption.line });
      items.push(element("div", { class: "dfc-caption" }, chip, element("div", {}, line, prompt)));
    }
    this.captions.replaceChildren(...items);
  }

  #renderPanel(row) {
    const { panel } = this.state;
    if (panel === "numbers") {
      const hidden = element("p", { text: "Numbers are shown after your vote." });
      this.panel.replaceChildren(this.#hidden() ? hidden : numbersTable(this.payload, row, COLOURS));
    } else if (panel === "judge") {
      this.judge.render(this.payload, row, this.state.blind, this.state.by, (side, at) => this.#name(side, at));
      if (this.panel.firstChild !== this.judge.root) this.panel.replaceChildren(this.judge.root);
    } else {
      this.panel.replaceChildren();
    }
  }

  /** What can be saved or copied now. */
  #files() {
    if (!this.payload) return [];
    const row = this.#row();
    const files = this.payload.sides.flatMap((side, at) => {
      const index = this.payload.rows[row][at];
      return index === null ? [] : [{ name: `${side.slot.toUpperCase()} · ${side.label}`, file: side.files[index] }];
    });
    for (const match of this.payload.matches.filter((one) => one.row === row)) {
      files.push({ name: `Difference A ↔ ${match.slot.toUpperCase()}`, file: match.difference });
    }
    this.payload.sheet.forEach((file, page, all) => {
      files.push({ name: all.length > 1 ? `Sheet, page ${page + 1}` : "Sheet", file });
    });
    return files;
  }

  #turn(step) {
    if (!this.payload) return;
    const count = this.payload.rows.length;
    this.#set({ row: (this.#row() + step + count) % count });
  }

  #fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.().catch(() => this.#say("This browser does not allow full screen here."));
  }

  #say(text) {
    this.message = text;
    this.status.textContent = text;
  }

  #key(event) {
    const typing = /^(input|select|textarea)$/i.test(event.target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing) {
      event.stopPropagation();
      return;
    }
    if (!this.#press(event.key, event.target)) return;
    event.preventDefault();
    event.stopPropagation(); // the canvas has its own keys
  }

  /** @returns {boolean} whether the key means something here */
  #press(key, target) {
    const arrows = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (arrows[key]) {
      const [x, y] = arrows[key];
      const sliding = this.state.mode === "slider" || this.state.mode === "slider-h";
      if (sliding && (target === this.stage.handle || this.stage.camera.zoom <= 1)) {
        this.stage.setSplit(this.stage.split - 0.02 * (x || y));
      } else this.stage.move(x * STEP, y * STEP);
      return true;
    }
    return this.toolbar.press(key);
  }
}
