// @ts-check
/** What a month has cost, by endpoint and day: a chart, and the ledger's rows behind it. */
import { element } from "../dom.js";
import { Message, action, section } from "../parts.js";
import { direction, t } from "../words.js";
import { ask } from "./asking.js";

/** @typedef {import("./asking.js").Costs} Costs @typedef {import("./asking.js").LedgerRow} LedgerRow */

const WIDTH = 310; // of the chart, in its own units
const HEIGHT = 110;
const [EARLIER, LATER] = direction === "rtl" ? ["▶", "◀"] : ["◀", "▶"];
const FOOT = 14; // px for the days' numbers
const COLOURS = ["#3b82f6", "#d97706", "#10b981", "#db2777", "#8b5cf6", "#64748b"]; // told apart on light and dark

const TEXT = {
  title: t("What it has cost"),
  earlier: t("Earlier month"),
  later: t("Later month"),
  total: (/** @type {string} */ month, /** @type {number} */ usd) => `${month}: ${money(usd)}`,
  about: t("Some of it is estimated: those endpoints count no tokens."),
  unknown: (/** @type {number} */ few) => t("Requests at a price nobody knows: {0}.", few),
  none: t("Nothing was paid for in this month."),
  chart: (/** @type {string} */ month) => t("Cost by day in {0}; the same numbers stand in the table below", month),
  days: t("By day"),
  rows: t("Requests"),
  columns: [t("day"), t("endpoint"), t("requests"), "USD"],
  rowColumns: [t("day"), t("endpoint"), t("what"), "USD"],
  price: (/** @type {LedgerRow} */ { cost_usd, estimate_usd }) =>
    cost_usd !== null ? cost_usd.toFixed(3) : estimate_usd !== null ? `~${estimate_usd.toFixed(3)}` : "?",
};

/** @param {number} usd */
const money = (usd) => `$${usd.toFixed(2)}`;

/** @param {string} name @param {Record<string, any>} attributes @param {...Node} children @returns {SVGElement} */
function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** @param {string} text @returns {SVGElement} */
const titled = (text) => {
  const title = svg("title", {});
  title.textContent = text;
  return title;
};

/** @param {string} month as 2026-11 @param {number} by @returns {string} */
function monthBeside(month, by) {
  const [year, number] = month.split("-").map(Number);
  const moved = new Date(Date.UTC(year, number - 1 + by, 1));
  return moved.toISOString().slice(0, 7);
}

export class Spent {
  constructor() {
    this.month = ""; // this one
    this.message = new Message();
    this.total = element("b", { class: "dfi-grow", role: "status" });
    this.body = element("div", { class: "dfi-form" });
    const move = (/** @type {number} */ by) => this.load(monthBeside(this.month, by));
    const head = element("div", { class: "dfi-row" }, this.total,
      action(EARLIER, () => move(-1), TEXT.earlier), action(LATER, () => move(1), TEXT.later)); // prettier-ignore
    this.root = section(TEXT.title, true, head, this.message.root, this.body);
  }

  /** @param {string} [month] */
  async load(month = this.month) {
    try {
      this.#show(await ask(`/costs?month=${encodeURIComponent(month)}`));
      this.message.say("");
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {Costs} costs */
  #show({ month, usd, days, rows }) {
    this.month = month;
    this.total.textContent = TEXT.total(month, usd);
    if (!days.length) return this.body.replaceChildren(element("p", { class: "dfi-faint", text: TEXT.none }));
    const endpoints = [...new Set(days.map((day) => day.endpoint))];
    const colour = (/** @type {string} */ name) => COLOURS[endpoints.indexOf(name) % COLOURS.length];
    const legend = element("div", { class: "dfs-legend" }, ...endpoints.map((name) =>
      element("span", {}, element("span", { class: "dfs-chip", style: `background: ${colour(name)}` }), name))); // prettier-ignore
    const notes = [];
    if (days.some((day) => day.estimates > day.unknown)) notes.push(TEXT.about);
    const unknown = days.reduce((sum, day) => sum + day.unknown, 0);
    if (unknown) notes.push(TEXT.unknown(unknown));
    this.body.replaceChildren(
      this.#chart(month, days, colour), legend,
      ...notes.map((text) => element("p", { class: "dfi-faint", text })),
      table(TEXT.days, TEXT.columns, days.map((day) => [day.day, day.endpoint, String(day.requests), day.usd.toFixed(3)])),
      table(TEXT.rows, TEXT.rowColumns, rows.map((row) =>
        [row.day, row.endpoint, `${row.model}, ${row.operation}${row.state === "done" ? "" : ` (${row.state})`}`, TEXT.price(row)])),
    ); // prettier-ignore
  }

  /** @param {string} month @param {Costs["days"]} days @param {(name: string) => string} colour */
  #chart(month, days, colour) {
    const [year, number] = month.split("-").map(Number);
    const last = new Date(Date.UTC(year, number, 0)).getUTCDate();
    const step = WIDTH / last;
    const sums = new Map();
    for (const { day, usd } of days) sums.set(day, (sums.get(day) ?? 0) + usd);
    const highest = Math.max(...sums.values(), 0.01);
    const scale = (HEIGHT - FOOT - 12) / highest;
    const chart = svg("svg", { class: "dfs-chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": TEXT.chart(month) });
    const ground = HEIGHT - FOOT;
    const top = svg("text", { x: 0, y: 9 });
    top.textContent = money(highest);
    chart.append(top, svg("line", { x1: 0, x2: WIDTH, y1: ground, y2: ground, stroke: "currentColor" }));
    const reached = new Map();
    for (const { day, endpoint, usd } of days) {
      const below = reached.get(day) ?? 0;
      reached.set(day, below + usd);
      const x = (Number(day.slice(8)) - 1) * step + 1;
      const place = { x, width: Math.max(step - 2, 1), y: ground - (below + usd) * scale, height: Math.max(usd * scale, 1) };
      chart.append(svg("rect", { ...place, fill: colour(endpoint) }, titled(`${day} ${endpoint}: ${money(usd)}`)));
    }
    for (const date of [1, 8, 15, 22, 29].filter((one) => one <= last)) {
      const label = svg("text", { x: (date - 1) * step + 1, y: HEIGHT - 3 });
      label.textContent = String(date);
      chart.append(label);
    }
    return chart;
  }
}

/** @param {string} title @param {string[]} columns @param {string[][]} lines */
function table(title, columns, lines) {
  const head = element("tr", {}, ...columns.map((text) => element("th", { scope: "col", text })));
  const body = lines.map((line) => element("tr", {}, ...line.map((text) => element("td", { text }))));
  const made = element("table", { class: "dfs-table" }, element("thead", {}, head), element("tbody", {}, ...body));
  return element("details", {}, element("summary", { text: title }), made);
}
