// @ts-check
/** The buttons above the pictures, and the keys that do the same. */
import { button, element } from "../dom.js";
import { t } from "../words.js";

/**
 * Mode → sign on its button, name, key, word beside the sign where there is room.
 * @type {Record<string, [string, string, string, string]>}
 */
export const MODES = {
  slider: ["◧", t("Slider, left and right"), "1", t("Slider")],
  "slider-h": ["⬒", t("Slider, above and below"), "2", t("Up and down")],
  side: ["▯▯", t("Side by side"), "3", t("Side by side")],
  overlay: ["◍", t("Overlay with opacity"), "4", t("Overlay")],
  blink: ["⇄", t("Blink"), "5", t("Blink")],
  difference: ["Δ", t("Difference heat map"), "6", t("Difference")],
  grid: ["▦", t("All pictures"), "7", t("All")],
};
const ZOOM_STEP = 1.5;

/**
 * @typedef {import("./view.js").ViewState} ViewState
 * @typedef {{set: (change: Partial<ViewState>) => void, fade: (opacity: number) => void, turn: (step: number) => void,
 *   zoom: (factor: number) => void, fit: () => void, truePixels: () => void, fullscreen: () => void}} Commands
 *   what the buttons ask for; `set` changes the view's state
 */
export class Toolbar {
  /** @param {Commands} commands @param {HTMLElement} menu what saves and copies */
  constructor(commands, menu) {
    this.commands = commands;
    this.menu = menu;
    /** @type {ViewState | null} */
    this.state = null; // before it was first shown
    const modes = Object.entries(MODES).map(([mode, [sign, name, key, word]]) =>
      worded(word, button(t("{0} (key {1})", name, key), sign, () => commands.set({ mode }), { role: "radio", "data-mode": mode })),
    );
    this.modes = element("div", { class: "dfc-group", role: "radiogroup", "aria-label": t("View") }, ...modes);
    this.left = this.#choice("left", t("First picture"));
    this.right = this.#choice("right", t("Second picture"));
    this.choices = group(this.left, element("span", { text: "·" }), this.right);
    this.position = element("span", { class: "dfc-position" });
    this.navigation = group(
      button(t("Previous pair (Page Up)"), "‹", () => commands.turn(-1)),
      this.position,
      button(t("Next pair (Page Down)"), "›", () => commands.turn(1)),
    );
    this.percent = element("span", { class: "dfc-position" });
    const zoom = group(
      button(t("Zoom out (−)"), "−", () => commands.zoom(1 / ZOOM_STEP)),
      this.percent,
      button(t("Zoom in (+)"), "+", () => commands.zoom(ZOOM_STEP)),
      button(t("Fit (0)"), t("fit"), commands.fit),
      button(t("True pixels: one picture pixel on one screen pixel (8)"), "1:1", commands.truePixels),
    );
    this.opacity = element("input", {
      type: "range", min: 0, max: 100, "aria-label": t("Opacity of the upper picture"), class: "dfc-opacity",
      oninput: () => commands.fade(Number(this.opacity.value) / 100),
    }); // prettier-ignore
    this.toggles = group(
      worded(t("Labels"), button(t("Labels (L)"), "A", () => this.#toggle("labels"), { "data-toggle": "labels" })),
      worded(t("Captions"), button(t("Captions (C)"), "≡", () => this.#toggle("captions"), { "data-toggle": "captions" })),
      worded(t("Numbers"), button(t("Numbers (N)"), "#", () => this.#panel("numbers"), { "data-panel": "numbers" })),
      worded(t("Judge"), button(t("Judge (J)"), "★", () => this.#panel("judge"), { "data-panel": "judge" })),
    );
    const tools = group(menu, worded(t("Full screen"), button(t("Full screen (F)"), "⤢", commands.fullscreen)));
    this.root = element(
      "div",
      { class: "dfc-bar", role: "toolbar", "aria-label": t("Comparison") },
      this.modes, this.choices, this.opacity, this.navigation, zoom, this.toggles, tools,
    ); // prettier-ignore
  }

  /**
   * @param {ViewState} state
   * @param {{row: number, rows: number, names: string[], hidden: boolean} | null} shown what there is to choose from,
   *   in the order shown; nothing before there are pictures
   */
  render(state, shown) {
    this.state = state;
    for (const one of this.modes.children) {
      one.setAttribute("aria-checked", String(one.getAttribute("data-mode") === state.mode));
    }
    for (const one of this.toggles.children) {
      const toggle = /** @type {"labels" | "captions" | null} */ (one.getAttribute("data-toggle"));
      const on = toggle ? state[toggle] : state.panel === one.getAttribute("data-panel");
      one.setAttribute("aria-pressed", String(on));
    }
    this.opacity.hidden = state.mode !== "overlay";
    this.opacity.value = String(state.opacity * 100);
    this.navigation.hidden = !shown || shown.rows < 2;
    this.choices.hidden = !shown || shown.names.length < 3 || state.mode === "grid";
    this.menu.hidden = !shown || shown.hidden;
    if (!shown) return;
    this.position.textContent = `${shown.row + 1} / ${shown.rows}`;
    fill(this.left, shown.names, state.left);
    fill(this.right, shown.names, state.right);
  }

  /** @param {string} key @returns {boolean} whether it means something here */
  press(key) {
    const mode = Object.keys(MODES).find((name) => MODES[name][2] === key);
    const { zoom, fit, truePixels, turn, fullscreen } = this.commands;
    /** @type {Record<string, () => void>} */
    const actions = {
      "+": () => zoom(ZOOM_STEP),
      "=": () => zoom(ZOOM_STEP),
      "-": () => zoom(1 / ZOOM_STEP),
      0: fit,
      8: truePixels,
      PageUp: () => turn(-1),
      PageDown: () => turn(1),
      l: () => this.#toggle("labels"),
      c: () => this.#toggle("captions"),
      n: () => this.#panel("numbers"),
      j: () => this.#panel("judge"),
      f: fullscreen,
    };
    const action = mode ? () => this.commands.set({ mode }) : actions[key.length === 1 ? key.toLowerCase() : key];
    action?.();
    return Boolean(action);
  }

  /** @param {"left" | "right"} which @param {string} name */
  #choice(which, name) {
    const onchange = () => this.commands.set({ [which]: Number(select.value) });
    const select = element("select", { "aria-label": name, onchange });
    return select;
  }

  /** @param {"labels" | "captions"} name */
  #toggle(name) {
    this.commands.set({ [name]: !this.state?.[name] });
  }

  /** @param {string} panel */
  #panel(panel) {
    this.commands.set({ panel: this.state?.panel === panel ? "" : panel });
  }
}

/** A button with a word that shows where there is room; its tooltip names the key. @param {string} word @param {HTMLElement} made */
function worded(word, made) {
  made.append(element("span", { class: "dfc-word", "aria-hidden": "true", text: word }));
  return made;
}

/** @param {...HTMLElement} children */
function group(...children) {
  return element("div", { class: "dfc-group" }, ...children);
}

/** @param {HTMLSelectElement} select @param {string[]} names @param {number} chosen */
function fill(select, names, chosen) {
  select.replaceChildren(...names.map((text, value) => element("option", { value, text, selected: value === chosen })));
  select.value = String(chosen);
}
