// @ts-check
/**
 * Our texts in the language that the frontend was opened in. The tables are `locales/<locale>/main.json`, which ComfyUI
 * hands to its pages; what has no entry stays English. Modules wait for this one, so texts can be asked for at any time.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const LEAST = 16; // letters that a sentence and its entry must share, or any text would fit some entry

export const locale = String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en");
export const direction = /^(ar|fa|he|ur)\b/.test(locale) ? "rtl" : "ltr";

/** English text, with {0}, {1} … for values → the text here. @type {Map<string, string>} */
const words = new Map(locale === "en" ? [] : await table().catch(() => []));

/** @returns {Promise<[string, string][]>} */
async function table() {
  const reply = await api.fetchApi("/i18n");
  return Object.entries((await reply.json())[locale]?.dalletoflux ?? {});
}

/**
 * @param {string} text in English
 * @param {...(string | number | null | undefined)} values for {0}, {1} …
 * @returns {string}
 */
export function t(text, ...values) {
  return filled(words.get(text) ?? text, values.map(String));
}

/**
 * A sentence that was put together elsewhere: what the Python side says, with its values in it. nodes/languages.py does
 * the same for answers to programs.
 *
 * @param {string} sentence
 * @returns {string} as it is where no entry fits
 */
export function told(sentence) {
  const known = words.get(sentence);
  if (known) return known;
  let best = { letters: LEAST - 1, said: sentence };
  for (const [template, said] of words) {
    const parts = template.split(/\{\d\}/);
    const letters = parts.join("").length;
    const values = letters > best.letters && parts.length > 1 ? between(parts, sentence) : null;
    if (values) best = { letters, said: filled(said, values.map(told)) };
  }
  return best.said;
}

/** @param {string} template @param {string[]} values */
function filled(template, values) {
  // A path or a number keeps its order within a text that is written from right to left.
  const apart = (/** @type {string} */ value) => (direction === "rtl" ? `\u2068${value}\u2069` : value);
  return template.replace(/\{(\d)\}/g, (place, number) => (number in values ? apart(values[number]) : place));
}

/** @param {string[]} parts of a template, around its values @param {string} sentence @returns {string[] | null} the values */
function between([first, ...parts], sentence) {
  const last = parts.pop() ?? "";
  if (!sentence.startsWith(first) || !sentence.endsWith(last)) return null;
  const end = sentence.length - last.length;
  const values = [];
  let at = first.length;
  for (const part of parts) {
    const place = sentence.indexOf(part, at);
    if (place < 0) return null;
    values.push(sentence.slice(at, place));
    at = place + part.length;
  }
  return at <= end ? [...values, sentence.slice(at, end)] : null;
}
