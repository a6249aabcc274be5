// @ts-check
/** The metrics of one pair as a table, with their meaning and the caution. */
import { element } from "../dom.js";
import { t, told } from "../words.js";

/** @typedef {import("./view.js").Payload} Payload */

/**
 * How known metrics are written: what stands in the first column, and digits. One that is not here is shown too,
 * under its own name.
 * @type {Record<string, [string, number]>}
 */
const ROWS = {
  ssim: ["SSIM", 4],
  ms_ssim: ["MS-SSIM", 4],
  psnr_db: ["PSNR, dB", 2],
  ciede2000: [t("Colour difference ΔE00"), 2],
  hash_distance: [t("Perceptual hash distance"), 0],
  sharpness_ratio: [t("Sharpness, times A's"), 2],
  palette_difference: [t("Palette difference ΔE00"), 2],
  lpips: ["LPIPS", 4],
  clip_adherence: [t("Follows the prompt (CLIP)"), 3],
};

/** @param {Payload} payload @param {number} row */
export function numbersTable(payload, row) {
  const { metrics } = payload;
  const pairs = metrics.pairs.filter((pair) => pair.pair === row + 1);
  const meaning = metrics.meaning ?? {};
  const names = [...new Set([...Object.keys(ROWS), ...Object.keys(meaning)])].filter((name) =>
    pairs.some((pair) => name in pair),
  );
  const said = (metrics.notes ?? []).map((text) => note(told(text)));
  if (!names.length) return element("div", {}, note(t("Nothing was measured: the input `measure` is off.")), ...said);
  const head = element("tr", {}, element("th"));
  for (const pair of pairs) {
    head.append(element("th", { scope: "col", dir: "auto", text: `A ↔ ${pair.slot.toUpperCase()} · ${pair.b}` }));
  }
  const body = names.map((name) => {
    const cells = pairs.map((pair) => element("td", { text: shown(pair, name) }));
    const title = told(meaning[name] ?? "");
    const label = element("th", { scope: "row", title, text: ROWS[name]?.[0] ?? name.replaceAll("_", " ") });
    return element("tr", { title }, label, ...cells);
  });
  const palettes = element("tr", {}, element("th", { scope: "row", text: t("Main colours, A over the other") }));
  for (const pair of pairs) {
    palettes.append(element("td", {}, swatches(pair.palette_a), swatches(pair.palette_b)));
  }
  const table = element("table", { class: "dfc-numbers" }, element("thead", {}, head));
  table.append(element("tbody", {}, ...body, palettes));
  const aligned = pairs.map((pair) => `${pair.slot.toUpperCase()}: ${told(pair.aligned)}`).join("; ");
  const rule = t("Aligned by “{0}”. {1}.", metrics.alignment.rule, aligned);
  return element("div", {}, table, ...said, note(told(metrics.caution)), note(rule));
}

/** @param {string} text */
function note(text) {
  return element("p", { class: "dfc-note", text });
}

/** @param {any} pair @param {string} name */
function shown(pair, name) {
  if (name === "psnr_db" && pair.identical) return t("∞ (identical)");
  const value = pair[name];
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (name === "clip_adherence") return `${value.toFixed(3)} (A: ${pair.clip_adherence_a.toFixed(3)})`;
  return name in ROWS ? value.toFixed(ROWS[name][1]) : String(Number(value.toPrecision(4)));
}

/** @param {{colours: string[], shares: number[]}} palette */
function swatches(palette) {
  const bar = element("div", { class: "dfc-palette", role: "img", "aria-label": palette.colours.join(", ") });
  palette.colours.forEach((colour, index) => {
    const swatch = element("span", { title: `${colour} ${Math.round(palette.shares[index] * 100)} %` });
    swatch.style.backgroundColor = colour;
    swatch.style.flexGrow = String(palette.shares[index]);
    bar.append(swatch);
  });
  return bar;
}
