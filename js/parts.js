// @ts-check
/** What the sections of the page are made of. */
import { button, element } from "./dom.js";
import { sentence } from "./asking.js";
import { t } from "./words.js";

/**
 * @param {string} title
 * @param {boolean} open
 * @param {...(Node | string)} children
 */
export function section(title, open, ...children) {
  const summary = element("summary", {}, element("h2", { text: title }));
  return element("details", { class: "dfi-section", open }, summary, ...children);
}

/** A control below its name. @param {string} name @param {HTMLElement} control */
export function labelled(name, control) {
  return element("label", { class: "dfi-field" }, element("span", { text: name }), control);
}

/** @param {string} text what it does @param {() => void} onclick @param {string} [label] longer, for screen readers */
export function action(text, onclick, label = text) {
  return button(label, text, onclick, { class: "dfi-button" });
}

/** A place for what has just happened. */
export class Message {
  constructor() {
    this.root = element("p", { class: "dfi-message", role: "status" });
  }

  /** @param {string} text */
  say(text) {
    this.#show(text, false);
  }

  /** @param {unknown} error */
  complain(error) {
    this.#show(sentence(error), true);
  }

  /** @param {string} text @param {boolean} isError */
  #show(text, isError) {
    if (this.root.textContent !== text) this.root.textContent = text; // or a screen reader says it again
    this.root.classList.toggle("dfi-error", isError);
  }
}

/**
 * A text to take along, with a button that copies it.
 * @param {string} name
 */
export function copyable(name) {
  const text = element("input", { class: "dfi-input dfi-code", readonly: true, "aria-label": name });
  text.addEventListener("focus", () => text.select());
  const copy = action(t("Copy"), async () => {
    try {
      await navigator.clipboard.writeText(text.value);
      copy.textContent = t("Copied");
    } catch {
      text.focus(); // and so selected; browsers copy by themselves only on this machine and over https
      copy.textContent = t("Press Ctrl+C");
    }
    copy.addEventListener("blur", () => (copy.textContent = t("Copy")), { once: true });
  }, `${t("Copy")}: ${name}`); // prettier-ignore
  return { root: element("div", { class: "dfi-row" }, text, copy), text };
}

/**
 * The value of a number field.
 * @param {HTMLInputElement} input
 * @returns {number | undefined} none where nothing stands
 */
export function numberIn(input) {
  return input.value.trim() === "" ? undefined : Number(input.value);
}
