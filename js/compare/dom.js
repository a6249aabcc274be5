/** Elements without innerHTML: text is always text, whatever a label or a caption holds. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on…` are listeners, `class` and ARIA as in HTML, `text` is the text
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
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

/** @param {string} label what it does, for people and screen readers @param {string} sign what it shows */
export function button(label, sign, onclick, attributes = {}) {
  return element("button", { type: "button", title: label, "aria-label": label, text: sign, onclick, ...attributes });
}
