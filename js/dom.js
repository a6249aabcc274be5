// @ts-check
/** Elements without innerHTML: text is always text, whatever a label or a caption holds. */
import { direction, locale } from "./words.js";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes] `on…` are listeners, `text` is the text, all others as in HTML
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/**
 * @param {string} label what it does, for people and screen readers
 * @param {string} sign what it shows
 * @param {() => void} onclick
 * @param {Record<string, any>} [attributes]
 */
export function button(label, sign, onclick, attributes = {}) {
  return element("button", { type: "button", title: label, "aria-label": label, text: sign, onclick, ...attributes });
}

/**
 * Content in a shadow root with a style sheet of its own: no style gets out, and in come only ComfyUI's theme
 * variables and what is inherited.
 *
 * @param {string} sheet its file in this folder
 * @param {HTMLElement} content
 * @param {Record<string, any>} [attributes]
 * @returns {HTMLElement} what goes into the page
 */
export function enclosed(sheet, content, attributes = {}) {
  const name = sheet.replace(".css", "");
  const fixed = { style: "width: 100%; height: 100%", lang: locale, dir: direction, "data-dalle-flux": name };
  const outside = element("div", { ...fixed, ...attributes });
  const link = element("link", { rel: "stylesheet", href: new URL(sheet, import.meta.url).href });
  outside.attachShadow({ mode: "open" }).append(link, content);
  // ComfyUI pastes nodes unless a text field has the focus, and cannot see one in here.
  for (const kind of ["copy", "cut", "paste"]) {
    outside.addEventListener(kind, (event) => isField(event.composedPath()[0]) && event.stopPropagation());
  }
  return outside;
}

/** @param {EventTarget | null} target @returns {boolean} whether it takes keys for itself */
export function isField(target) {
  return target instanceof Element && target.matches("input, select, textarea");
}
