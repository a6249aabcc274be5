/** The metrics of one pair as a table, with their meaning and the caution. */
import { element } from "./dom.js";

/** Metric → what stands in the first column, digits. */
const ROWS = {
  ssim: ["SSIM", 4],
  ms_ssim: ["MS-SSIM", 4],
  psnr_db: ["PSNR, dB", 2],
  ciede2000: ["Colour difference ΔE00", 2],
  hash_distance: ["Perceptual hash distance", 0],
  sharpness_ratio: ["Sharpness, times A's", 2],
  palette_difference: ["Palette difference ΔE00", 2],
  lpips: ["LPIPS", 4],
  clip_adherence: ["Follows the prompt (CLIP)", 3],
};

/** @param {any} payload @param {number} row @param {Record<string, string>} colours */
export function numbersTable(payload, row, colours) {
  const pairs = payload.metrics.pairs.filter((pair) => pair.pair === row + 1);
  const meaning = payload.metrics.meaning ?? {};
  const names = Object.keys(ROWS).filter((name) => pairs.some((pair) => name in pair));
  const said = (payload.metrics.notes ?? []).map(note);
  if (!names.length) return element("div", {}, note("Nothing was measured: the input `measure` is off."), ...said);
  const head = element("tr", {}, element("th", { text: "" }));
  for (const pair of pairs) {
    head.append(element("th", { scope: "col", dir: "auto", text: `A ↔ ${pair.slot.toUpperCase()} · ${pair.b}` }));
  }
  const body = names.map((name) => {
    const cells = pairs.map((pair) => element("td", { text: shown(pair, name) }));
    const label = element("th", { scope: "row", title: meaning[name] ?? "", text: ROWS[name][0] });
    return element("tr", { title: meaning[name] ?? "" }, label, ...cells);
  });
  const palettes = element("tr", {}, element("th", { scope: "row", text: "Main colours, A over the other" }));
  for (const pair of pairs) {
    palettes.append(element("td", {}, swatches(pair.palette_a), swatches(pair.palette_b)));
  }
  const table = element("table", { class: "dfc-numbers" }, element("thead", {}, head));
  table.append(element("tbody", {}, ...body, palettes));
  const aligned = pairs.map((pair) => `${pair.slot.toUpperCase()}: ${pair.aligned}`).join("; ");
  const rule = `Aligned by "${payload.metrics.alignment.rule}". ${aligned}.`;
  return element("div", {}, table, ...said, note(payload.metrics.caution), note(rule));
}

function note(text) {
  return element("p", { class: "dfc-note", text });
}

function shown(pair, name) {
  if (name === "psnr_db" && pair.identical) return "∞ (identical)";
  const value = pair[name];
  if (value === null || value === undefined) return "–";
  if (name === "clip_adherence") return `${value.toFixed(3)} (A: ${pair.clip_adherence_a.toFixed(3)})`;
  return Number(value).toFixed(ROWS[name][1]);
}

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
