// @ts-check
/**
 * The pictures: panes, layers, divider, pointer and pixel read-out.
 *
 * @typedef {{key: string, src: string, alt: string, tag: string, colour: string, warning: string,
 *   place: [number, number, number, number]}} Layer a picture and where it lies in A's frame, in A's pixels
 * @typedef {{pane: HTMLElement, cut: HTMLElement, frame: HTMLElement, image: HTMLImageElement, layer: Layer}} Cut a
 *   layer where it is shown
 * @typedef {import("./geometry.js").Point} Point
 */
import { element } from "../dom.js";
import { t } from "../words.js";
import { FIT, origin, pan, scale, toFrame, zoomAt } from "./geometry.js";

export const GONE = t("The picture is gone from ComfyUI's temp folder; change a label and run the workflow again.");
const BLINK_MS = 700;
const NEAR = 22; // px around the divider that grab it

export class Stage {
  /**
   * @param {{onCamera: () => void, onSplit: (split: number) => void, onReadout: (text: string) => void,
   *   onMissing: () => void}} listeners
   */
  constructor(listeners) {
    this.listeners = listeners;
    /** @type {import("./geometry.js").Camera} */
    this.camera = { ...FIT };
    this.frame = { width: 1, height: 1 };
    /** @type {Cut[]} */
    this.cuts = [];
    this.mode = "side";
    this.split = 0.5;
    this.opacity = 0.5;
    this.showTags = true;
    /** @type {Map<number, {point: Point, element: Element}>} */
    this.pointers = new Map();
    /** @type {"" | "split" | "pan" | "pinch"} */
    this.drag = "";
    this.pending = 0; // number of the animation frame that will lay everything out
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    /** @type {OffscreenCanvasRenderingContext2D | null} */
    this.probe = null; // one pixel, made when first needed
    /** @type {Set<string>} */
    this.gone = new Set(); // addresses where there is no picture any more
    this.handle = element("div", {
      class: "dfc-handle",
      role: "slider",
      tabindex: 0,
      "aria-label": t("Divider between the two pictures"),
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    });
    this.root = element("div", {
      class: "dfc-stage",
      dir: "ltr", // left and right are places in the picture
      tabindex: 0,
      role: "group",
      "aria-label": t("Pictures; plus and minus zoom, arrow keys move"),
    });
    this.root.addEventListener("pointerdown", (event) => this.#down(event));
    this.root.addEventListener("pointermove", (event) => this.#move(event));
    this.root.addEventListener("pointerup", (event) => this.#up(event));
    this.root.addEventListener("pointercancel", (event) => this.#up(event));
    this.root.addEventListener("pointerleave", () => this.listeners.onReadout(""));
    this.root.addEventListener("dblclick", (event) => this.#double(event));
    this.root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.resized = new ResizeObserver(() => this.layout());
    this.resized.observe(this.root);
  }

  /**
   * @param {Layer[]} layers what to show, in the order of the panes
   * @param {string} mode
   * @param {{width: number, height: number}} frame A's size in pixels
   */
  show(layers, mode, frame) {
    this.stop();
    this.mode = mode;
    this.frame = frame;
    const kept = new Map(this.cuts.map((cut) => [cut.layer.src, cut.image]));
    const shared = mode !== "side" && mode !== "grid";
    const panes = shared ? [this.#pane()] : layers.map(() => this.#pane());
    this.cuts = layers.map((layer, index) => {
      const image = kept.get(layer.src) ?? this.#image(layer.src);
      kept.delete(layer.src);
      image.alt = layer.alt;
      const [x, y, width, height] = layer.place;
      Object.assign(image.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
      const inner = element("div", { class: "dfc-frame" }, image);
      Object.assign(inner.style, { width: `${frame.width}px`, height: `${frame.height}px` });
      const tag = element("div", { class: "dfc-tag" });
      tag.style.setProperty("--dfc-slot", layer.colour);
      tag.append(element("span", { class: "dfc-name", dir: "auto", text: layer.tag }));
      if (layer.warning) tag.append(element("span", { class: "dfc-warning", text: layer.warning }));
      const note = element("p", { class: "dfc-gone-note", text: GONE });
      const cut = element("div", { class: `dfc-cut dfc-at-${index}` }, inner, note, tag);
      const pane = panes[shared ? 0 : index];
      pane.append(cut);
      return { pane, cut, frame: inner, image, layer };
    });
    for (const image of kept.values()) image.removeAttribute("src");
    this.root.replaceChildren(...panes);
    if (mode === "slider" || mode === "slider-h") this.root.append(this.handle);
    this.root.dataset.mode = mode;
    this.root.dataset.count = String(panes.length);
    if (mode === "blink") this.#blink();
    this.layout();
  }

  /** Stop the blinking. */
  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  destroy() {
    this.stop();
    cancelAnimationFrame(this.pending);
    this.resized.disconnect();
    for (const { image } of this.cuts) image.removeAttribute("src");
    this.cuts = [];
    this.probe = null;
    this.pointers.clear();
    this.root.replaceChildren();
  }

  /** Put everything where it belongs, at most once a frame. */
  layout() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.#apply();
    });
  }

  fit() {
    this.camera = { ...FIT };
    this.#changed();
  }

  /** One picture pixel on one screen pixel, whatever the canvas's zoom. */
  truePixels(point = this.#middle()) {
    const pane = this.pane();
    const factor = 1 / this.#outer() / devicePixelRatio / scale(this.camera, pane, this.frame);
    this.camera = zoomAt(this.camera, pane, this.frame, point, factor);
    this.#changed();
  }

  /** @param {number} factor */
  zoom(factor, point = this.#middle()) {
    this.camera = zoomAt(this.camera, this.pane(), this.frame, point, factor);
    this.#changed();
  }

  /** @param {number} dx @param {number} dy in CSS pixels */
  move(dx, dy) {
    this.camera = pan(this.camera, this.pane(), this.frame, dx, dy);
    this.#changed();
  }

  /** Screen pixels that a picture pixel takes now, in per cent. */
  percent() {
    return Math.round(scale(this.camera, this.pane(), this.frame) * this.#outer() * devicePixelRatio * 100);
  }

  /** Size of one pane in CSS pixels. */
  pane() {
    const first = this.cuts[0]?.pane ?? this.root;
    return { width: Math.max(first.offsetWidth, 1), height: Math.max(first.offsetHeight, 1) };
  }

  /** @param {number} split where the divider stands, 0…1 */
  setSplit(split) {
    this.split = Math.min(Math.max(split, 0), 1);
    this.listeners.onSplit(this.split);
    this.layout();
  }

  #changed() {
    this.layout();
    this.listeners.onCamera();
  }

  #middle() {
    const pane = this.pane();
    return { x: pane.width / 2, y: pane.height / 2 };
  }

  /** How much the canvas enlarges this widget. */
  #outer() {
    return this.root.offsetWidth ? this.root.getBoundingClientRect().width / this.root.offsetWidth || 1 : 1;
  }

  #pane() {
    return element("div", { class: "dfc-pane" });
  }

  /** @param {string} src */
  #image(src) {
    const image = element("img", { draggable: "false", decoding: "sync" });
    image.addEventListener("error", () => image.hasAttribute("src") && this.#missing(src));
    image.addEventListener("load", () => this.gone.delete(src));
    image.src = src;
    return image;
  }

  /** @param {string} src */
  #missing(src) {
    this.gone.add(src);
    this.layout();
    this.listeners.onMissing();
  }

  #blink() {
    let shown = 0;
    const turn = () => {
      this.cuts.forEach(({ cut }, index) => cut.classList.toggle("dfc-hidden", index !== shown));
      shown = (shown + 1) % Math.max(this.cuts.length, 1);
    };
    turn();
    this.timer = setInterval(turn, BLINK_MS);
  }

  #apply() {
    const { s, left, top } = origin(this.camera, this.pane(), this.frame);
    const sharp = s * this.#outer() * devicePixelRatio >= 2;
    this.root.classList.toggle("dfc-pixels", sharp);
    this.root.classList.toggle("dfc-no-tags", !this.showTags);
    this.cuts.forEach(({ cut, frame, layer }, index) => {
      cut.classList.toggle("dfc-gone", this.gone.has(layer.src));
      frame.style.transform = `translate(${left}px, ${top}px) scale(${s})`;
      cut.style.clipPath = "";
      cut.style.opacity = "";
      if (index === 1 && this.mode === "slider") cut.style.clipPath = `inset(0 0 0 ${this.split * 100}%)`;
      if (index === 1 && this.mode === "slider-h") cut.style.clipPath = `inset(${this.split * 100}% 0 0 0)`;
      if (index === 0 && this.mode === "slider") cut.style.clipPath = `inset(0 ${100 - this.split * 100}% 0 0)`;
      if (index === 0 && this.mode === "slider-h") cut.style.clipPath = `inset(0 0 ${100 - this.split * 100}% 0)`;
      if (index === 1 && this.mode === "overlay") cut.style.opacity = String(this.opacity);
    });
    this.handle.style.setProperty("--dfc-split", `${this.split * 100}%`);
    this.handle.setAttribute("aria-valuenow", String(Math.round(this.split * 100)));
    this.handle.setAttribute("aria-orientation", this.mode === "slider-h" ? "vertical" : "horizontal");
  }

  /** The pane under the pointer. @param {MouseEvent} event */
  #paneOf(event) {
    const pane = event.target instanceof Element ? event.target.closest(".dfc-pane") : null;
    return pane ?? this.cuts[0]?.pane ?? this.root;
  }

  /** @param {MouseEvent} event @returns {Point} in CSS pixels of the pane */
  #point(event, pane = this.#paneOf(event)) {
    const box = pane.getBoundingClientRect();
    const outer = this.#outer();
    return { x: (event.clientX - box.left) / outer, y: (event.clientY - box.top) / outer };
  }

  #sliding() {
    return this.mode === "slider" || this.mode === "slider-h";
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button > 0 || !this.cuts.length) return; // the middle button still moves the canvas
    event.stopPropagation();
    this.root.focus({ preventScroll: true });
    this.root.setPointerCapture?.(event.pointerId);
    const pressed = this.#paneOf(event);
    const point = this.#point(event, pressed);
    this.pointers.set(event.pointerId, { point, element: pressed });
    if (this.pointers.size === 2) {
      this.drag = "pinch";
      return;
    }
    const pane = this.pane();
    const across = this.mode === "slider" ? point.x - this.split * pane.width : point.y - this.split * pane.height;
    const grabs = this.#sliding() && (this.camera.zoom <= 1 || Math.abs(across) < NEAR);
    this.drag = grabs ? "split" : "pan";
    if (grabs) this.#slideTo(point);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const held = this.pointers.get(event.pointerId);
    if (!held) {
      this.#read(event);
      return;
    }
    event.stopPropagation();
    const point = this.#point(event, held.element); // the pane that was pressed: a captured pointer has no other
    if (this.drag === "split") this.#slideTo(point);
    else if (this.drag === "pan") this.move(point.x - held.point.x, point.y - held.point.y);
    else if (this.drag === "pinch") this.#pinch(held, point);
    held.point = point;
  }

  /** @param {{point: Point}} held the finger that moves @param {Point} point where it is now */
  #pinch(held, point) {
    const other = [...this.pointers.values()].find((finger) => finger !== held)?.point ?? point;
    const before = held.point;
    /** @param {Point} from */
    const span = (from) => Math.hypot(from.x - other.x, from.y - other.y) || 1;
    const middle = { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 };
    this.camera = zoomAt(this.camera, this.pane(), this.frame, middle, span(point) / span(before));
    this.camera = pan(this.camera, this.pane(), this.frame, (point.x - before.x) / 2, (point.y - before.y) / 2);
    this.#changed();
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    event.stopPropagation();
    this.drag = this.pointers.size ? "pan" : "";
  }

  /** @param {Point} point */
  #slideTo(point) {
    const pane = this.pane();
    this.setSplit(this.mode === "slider" ? point.x / pane.width : point.y / pane.height);
  }

  /**
   * The host's rule: the wheel is a widget's once something in it has the focus, the canvas's before; with Ctrl
   * always the canvas's. In full screen there is no canvas.
   * @param {WheelEvent} event
   */
  #wheel(event) {
    const focused = this.root.parentElement?.matches(":focus-within") && !event.ctrlKey && !event.metaKey;
    if (!this.cuts.length || !(focused || document.fullscreenElement)) return;
    event.preventDefault();
    event.stopPropagation();
    this.zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 120 : 400)), this.#point(event));
  }

  /** @param {MouseEvent} event */
  #double(event) {
    event.stopPropagation();
    if (Math.abs(this.camera.zoom - 1) > 0.001) this.fit();
    else this.truePixels(this.#point(event));
  }

  /** Say what lies under the pointer: place and colour in every visible picture. @param {PointerEvent} event */
  #read(event) {
    if (!this.cuts.length) return;
    const at = toFrame(this.camera, this.pane(), this.frame, this.#point(event));
    if (at.x < 0 || at.y < 0 || at.x >= this.frame.width || at.y >= this.frame.height) {
      this.listeners.onReadout("");
      return;
    }
    const parts = [`x ${Math.floor(at.x)} y ${Math.floor(at.y)}`];
    for (const { layer, image } of this.cuts) {
      const [x, y, width, height] = layer.place;
      const column = Math.floor(((at.x - x) * image.naturalWidth) / width);
      const row = Math.floor(((at.y - y) * image.naturalHeight) / height);
      const colour = this.#colour(image, column, row);
      if (colour) parts.push(`${layer.key.toUpperCase()} ${colour}`);
    }
    this.listeners.onReadout(parts.join("   "));
  }

  /** @param {HTMLImageElement} image @param {number} column @param {number} row */
  #colour(image, column, row) {
    const inside = column >= 0 && row >= 0 && column < image.naturalWidth && row < image.naturalHeight;
    if (!image.complete || !inside) return "";
    this.probe ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    if (!this.probe) return "";
    this.probe.drawImage(image, column, row, 1, 1, 0, 0, 1, 1);
    const [red, green, blue] = this.probe.getImageData(0, 0, 1, 1).data;
    const hex = [red, green, blue].map((value) => value.toString(16).padStart(2, "0")).join("");
    return `#${hex} (${red}, ${green}, ${blue})`;
  }
}
