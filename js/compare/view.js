// @ts-check
/**
 * The comparison view: toolbar, pictures, captions, numbers, votes. Knows nothing of the canvas it stands on.
 *
 * @typedef {{filename: string, subfolder: string, type: string}} PictureFile
 * @typedef {{slot: string, label: string, width: number, height: number, files: PictureFile[], sha256: string[],
 *   captions: {line: string, prompt: string, facts: Record<string, string>}[]}} Side
 * @typedef {{pairs: any[], meaning?: Record<string, string>, notes?: string[], caution: string,
 *   alignment: {rule: string}, pairing: {note: string}}} Metrics the node's output, as far as it is shown
 * @typedef {{id: string, prompt: string, category: string, sides: Side[], rows: (number | null)[][],
 *   matches: {row: number, slot: string, note: string, place: [number, number, number, number],
 *   difference: PictureFile}[], sheet: PictureFile[], metrics: Metrics}} Payload what the node's run sends
 *   (nodes/comparison/payload.py)
 * @typedef {{address: (file: PictureFile) => string, link: (path: string) => string,
 *   request: (path: string, options?: RequestInit) => Promise<Response>, remember: (state: ViewState) => void}
 *   } Surroundings
 * @typedef {typeof START} ViewState what the workflow remembers
 * @typedef {import("./stage.js").Layer} Layer
 */
import { element, enclosed, isField } from "../dom.js";
import { t, told } from "../words.js";
import { Judge } from "./judge.js";
import { numbersTable } from "./numbers.js";
import { saveMenu } from "./save.js";
import { GONE, Stage } from "./stage.js";
import { MODES, Toolbar } from "./toolbar.js";

/** @type {Record<string, string>} */
const COLOURS = { a: "#5aa9ff", b: "#ff8f5a", c: "#5fd39a", d: "#d291ff" };
const NEUTRAL = "#c8ced8"; // while judging blind
const START = {
  mode: "slider", row: 0, left: 0, right: 1, split: 0.5, opacity: 0.5, zoom: 1, x: 0.5, y: 0.5,
  labels: true, captions: true, panel: "", blind: false, by: "",
}; // prettier-ignore
const STEP = 24; // px an arrow key moves
/** Arrow key → where the picture goes. @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const UNUSED = t("Connect two to four pictures and run the workflow.");
const FORGOTTEN = t("ComfyUI has no pictures of an earlier run of this node; run the workflow to see them.");

export class CompareView {
  /** @param {Surroundings} surroundings */
  constructor(surroundings) {
    this.surroundings = surroundings;
    this.state = { ...START };
    /** @type {Payload | null} */
    this.payload = null;
    this.emptiness = UNUSED;
    this.message = ""; // what has just happened, until the next change
    this.pictures = ""; // which ones are shown
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.later = undefined;
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
    const menu = saveMenu(() => this.#files(), surroundings.address, (text) => this.#say(text));
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
      { class: "dfc", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) },
      this.toolbar.root, this.stage.root, this.readout, this.captions, this.panel, this.status,
    ); // prettier-ignore
    // Nodes 2.0 keeps the wheel from what does not contain the focus; so it is the whole view that asks for it.
    this.element = enclosed("compare.css", this.root, { "data-capture-wheel": "true" });
    // What happens in here is not for the canvas below.
    for (const name of ["pointerdown", "mousedown", "dblclick", "contextmenu", "keyup", "copy"]) {
      this.root.addEventListener(name, (event) => (event instanceof MouseEvent && event.button === 1) || event.stopPropagation());
    }
    for (const scrolling of [this.panel, this.captions, menu]) {
      scrolling.addEventListener("wheel", (event) => event.stopPropagation(), { passive: true });
    }
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
    const types = new Map(Object.entries(START).map(([name, value]) => [name, typeof value]));
    const known = Object.entries(saved ?? {}).filter(([name, value]) => typeof value === types.get(name));
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
    this.element.remove();
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

  /** @param {number} opacity */
  #fade(opacity) {
    this.stage.opacity = opacity;
    this.stage.layout();
    this.#set({ opacity }, false);
  }

  #row() {
    return Math.min(Math.max(this.state.row, 0), (this.payload?.rows.length ?? 1) - 1);
  }

  /** True while labels must not be known. */
  #hidden() {
    return this.state.blind && !this.judge.votes.has(this.#row());
  }

  /** @param {Side} side @param {number} at its place in the order */
  #name(side, at) {
    return this.#hidden() ? t("Picture {0}", at + 1) : side.label;
  }

  /**
   * @param {Payload} payload @param {Side} side @param {number} at its place in the order
   * @returns {Layer[]} the side's picture in this row; none where its batch ran out
   */
  #layer(payload, side, at) {
    const row = this.#row();
    const index = payload.rows[row][payload.sides.indexOf(side)];
    if (index === null || index === undefined) return [];
    const [first] = payload.sides;
    const match = payload.matches.find((one) => one.row === row && one.slot === side.slot);
    const hidden = this.#hidden();
    const letter = hidden ? String(at + 1) : side.slot.toUpperCase();
    const name = this.#name(side, at);
    const differs = side.width !== first.width || side.height !== first.height;
    return [{
      key: hidden ? letter : side.slot,
      src: this.surroundings.address(side.files[index]),
      alt: name,
      tag: name === letter || hidden ? name : `${letter} · ${name}`,
      colour: hidden ? NEUTRAL : COLOURS[side.slot],
      warning: differs && !hidden ? `${side.width}×${side.height} ≠ ${first.width}×${first.height}` : "",
      place: match?.place ?? [0, 0, first.width, first.height],
    }]; // prettier-ignore
  }

  /**
   * @param {Payload} payload @param {Side[]} order sides as shown: A to D, or shuffled while this row is judged blind
   * @returns {{layers: Layer[], lack: string}} what to show, and a sentence where that is less than it should be
   */
  #layers(payload, order) {
    const { mode } = this.state;
    const lack = t("This pair has only one picture.");
    if (mode === "grid") {
      const layers = order.flatMap((side, at) => this.#layer(payload, side, at));
      return { layers, lack: layers.length ? "" : lack };
    }
    const [left, right] = [order[this.state.left] ?? order[0], order[this.state.right] ?? order[1]];
    if (mode !== "difference") {
      const layers = [left, right].flatMap((side) => this.#layer(payload, side, order.indexOf(side)));
      return { layers, lack: layers.length < 2 ? lack : "" };
    }
    if (left === right) return { layers: [], lack: t("A picture does not differ from itself: choose two.") };
    const other = right.slot === "a" ? left : right;
    const match = payload.matches.find((one) => one.row === this.#row() && one.slot === other.slot);
    if (!match) return { layers: [], lack };
    const text = this.#hidden() ? t("Difference") : t("Difference A ↔ {0}", other.slot.toUpperCase());
    const src = this.surroundings.address(match.difference);
    const [{ width, height }] = payload.sides;
    const place = /** @type {Layer["place"]} */ ([0, 0, width, height]);
    return { layers: [{ key: "Δ", src, alt: text, tag: text, colour: "#fca50a", warning: "", place }], lack: "" };
  }

  #render() {
    const { payload, state } = this;
    this.root.classList.toggle("dfc-empty", !payload);
    if (!payload) {
      this.toolbar.render(state, null);
      this.captions.replaceChildren();
      this.panel.replaceChildren();
      this.status.textContent = this.emptiness;
      return;
    }
    const row = this.#row();
    const order = this.judge.order(payload, row, state.blind);
    const names = order.map((side, at) => this.#name(side, at));
    this.toolbar.render(state, { row, rows: payload.rows.length, names, hidden: this.#hidden() });
    const { layers, lack } = this.#layers(payload, order);
    const [{ width, height }] = payload.sides;
    this.stage.showTags = state.labels;
    this.stage.show(layers, state.mode, { width, height });
    this.#renderCaptions(payload, order);
    this.#renderPanel(payload, row);
    requestAnimationFrame(() => this.payload && this.#tellZoom());
    const seen = layers.map((layer) => layer.alt).join(", ");
    const shown = seen && `${MODES[state.mode][1]}: ${seen}.`;
    const sentences = [lack, shown, this.#notes(payload, row, layers)].filter(Boolean);
    this.status.title = this.status.textContent = this.message || sentences.join(" ");
  }

  /**
   * What must not go unsaid: batches that differ, and sizes that differ among the pictures shown.
   * @param {Payload} payload @param {number} row @param {Layer[]} layers
   */
  #notes({ metrics, matches }, row, layers) {
    if (this.#hidden()) return "";
    const shown = new Set(layers.map((layer) => layer.key));
    const notes = matches.filter((match) => match.row === row && shown.has(match.slot) && match.note.startsWith("sizes"));
    return [told(metrics.pairing.note), ...notes.map((match) => `${match.slot.toUpperCase()}: ${told(match.note)}.`)].join(" ");
  }

  /** @param {Payload} payload @param {Side[]} order */
  #renderCaptions(payload, order) {
    const shown = this.state.captions && !this.#hidden() ? order : [];
    const items = shown.flatMap((side) => {
      const index = payload.rows[this.#row()][payload.sides.indexOf(side)];
      const caption = index === null ? undefined : side.captions[index];
      if (!caption?.line && !caption?.prompt) return [];
      const chip = element("span", { class: "dfc-chip", text: side.slot.toUpperCase() });
      chip.style.setProperty("--dfc-slot", COLOURS[side.slot]);
      const line = element("div", { class: "dfc-line", dir: "auto", text: caption.line });
      const prompt = element("div", { class: "dfc-prompt", dir: "auto", text: caption.prompt, title: caption.prompt });
      return [element("div", { class: "dfc-caption" }, chip, element("div", {}, line, prompt))];
    });
    this.captions.replaceChildren(...items);
  }

  /** @param {Payload} payload @param {number} row */
  #renderPanel(payload, row) {
    const { panel, blind, by } = this.state;
    if (panel === "numbers") {
      const hidden = element("p", { text: t("Numbers are shown after your vote.") });
      this.panel.replaceChildren(this.#hidden() ? hidden : numbersTable(payload, row));
    } else if (panel === "judge") {
      this.judge.render(payload, row, blind, by, (side, at) => this.#name(side, at));
      if (this.panel.firstChild !== this.judge.root) this.panel.replaceChildren(this.judge.root);
    } else {
      this.panel.replaceChildren();
    }
  }

  /** What can be saved or copied now. */
  #files() {
    const { payload } = this;
    if (!payload) return [];
    const row = this.#row();
    const files = payload.sides.flatMap((side, at) => {
      const index = payload.rows[row][at];
      return index === null ? [] : [{ name: `${side.slot.toUpperCase()} · ${side.label}`, file: side.files[index] }];
    });
    for (const match of payload.matches.filter((one) => one.row === row)) {
      files.push({ name: t("Difference A ↔ {0}", match.slot.toUpperCase()), file: match.difference });
    }
    payload.sheet.forEach((file, page, all) => {
      files.push({ name: all.length > 1 ? t("Sheet, page {0}", page + 1) : t("Sheet"), file });
    });
    return files;
  }

  /** @param {number} step */
  #turn(step) {
    if (!this.payload) return;
    const count = this.payload.rows.length;
    this.#set({ row: (this.#row() + step + count) % count });
  }

  #fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.requestFullscreen?.().catch(() => this.#say(t("This browser does not allow full screen here.")));
  }

  /** @param {string} text */
  #say(text) {
    this.message = text;
    this.status.textContent = text;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = isField(event.target);
    if (!typing && !this.#press(event.key, event.target)) return;
    if (!typing) event.preventDefault();
    event.stopPropagation(); // the canvas has its own keys
  }

  /** @param {string} key @param {EventTarget | null} target @returns {boolean} whether the key means something here */
  #press(key, target) {
    if (!(key in ARROWS)) return this.toolbar.press(key);
    const [x, y] = ARROWS[key];
    const sliding = this.state.mode === "slider" || this.state.mode === "slider-h";
    if (sliding && (target === this.stage.handle || this.stage.camera.zoom <= 1)) {
      this.stage.setSplit(this.stage.split - 0.02 * (x || y));
    } else this.stage.move(x * STEP, y * STEP);
    return true;
  }
}
