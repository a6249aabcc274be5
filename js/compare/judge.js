// @ts-check
/** Votes: which picture is better, also blind; and what all votes say together. */
import { button, element } from "../dom.js";
import { t, told } from "../words.js";

/**
 * @typedef {import("./view.js").Payload} Payload
 * @typedef {import("./view.js").Side} Side
 */

/** @type {Record<string, string>} */
const GROUPS = {
  "": t("all votes"), style: t("by style"), size: t("by size"), category: t("by category"), model: t("by model"),
}; // prettier-ignore

export class Judge {
  /**
   * @param {import("./view.js").Surroundings} surroundings
   * @param {{changed: () => void, blind: (on: boolean) => void, by: (by: string) => void}} listeners
   */
  constructor(surroundings, listeners) {
    this.surroundings = surroundings;
    this.listeners = listeners;
    /** @type {Map<number, string>} row → choice of the pictures shown now */
    this.votes = new Map();
    /** @type {Map<number, Side[]>} */
    this.orders = new Map();
    /** @type {Set<number>} */
    this.revealed = new Set(); // rows whose names a vote has shown: no further vote on them is blind
    /** @type {string | undefined} */
    this.id = undefined; // of the comparison that is shown
    this.loaded = false; // the summary was asked for
    this.summary = element("div", { class: "dfc-summary" });
    this.buttons = element("div", { class: "dfc-votes", role: "group", "aria-label": t("Your vote") });
    this.blind = element("input", { type: "checkbox", onchange: () => listeners.blind(this.blind.checked) });
    this.by = element("select", {
      "aria-label": t("Group the votes"),
      onchange: () => {
        listeners.by(this.by.value);
        this.#loadSummary(this.by.value);
      },
    });
    this.by.append(...Object.entries(GROUPS).map(([value, text]) => element("option", { value, text })));
    const exports = ["csv", "jsonl", "html"].map((kind) =>
      element("a", {
        href: surroundings.link(`/votes.${kind}`), download: `votes.${kind}`, text: kind.toUpperCase(),
        title: kind === "html" ? t("Printable report with the pictures") : t("All votes as {0}", kind.toUpperCase()),
      }),
    ); // prettier-ignore
    this.root = element(
      "div",
      { class: "dfc-judge" },
      this.buttons,
      element("label", { class: "dfc-blind" }, this.blind, " ", t("blind: hide names and shuffle sides until you vote")),
      element("div", { class: "dfc-tools" }, this.by, element("span", { text: t("Export:") }), ...exports),
      this.summary,
    );
  }

  /** New pictures: forget the shuffle, ask which of them were judged before. @param {Payload} payload */
  open(payload) {
    if (this.id === payload.id) return;
    this.id = payload.id;
    this.votes.clear();
    this.orders.clear();
    this.revealed.clear();
    this.#json(`/votes?${new URLSearchParams({ comparison: payload.id })}`).then((found) => {
      if (!found || this.id !== payload.id) return;
      for (const vote of found.votes) this.#know(vote.pair - 1, vote.choice);
      if (this.votes.size) this.listeners.changed();
    });
  }

  destroy() {
    this.id = undefined;
    this.votes.clear();
    this.orders.clear();
  }

  /**
   * Sides as shown in this row: shuffled once while judging blind, kept until the next pictures come.
   * @param {Payload} payload @param {number} row @param {boolean} blind
   */
  order(payload, row, blind) {
    if (!blind) return payload.sides;
    const known = this.orders.get(row);
    if (known) return known;
    const shuffled = [...payload.sides];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = crypto.getRandomValues(new Uint32Array(1))[0] % (last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other], shuffled[last]];
    }
    this.orders.set(row, shuffled);
    return shuffled;
  }

  /**
   * @param {Payload} payload @param {number} row @param {boolean} blind
   * @param {string} by how votes are grouped
   * @param {(side: Side, at: number) => string} name
   */
  render(payload, row, blind, by, name) {
    const order = this.order(payload, row, blind);
    const choices = order.map((side, at) => [side.slot, t("{0} is better", name(side, at))]);
    choices.push(["tie", t("Tie")], ["bad", order.length > 2 ? t("All bad") : t("Both bad")]);
    const chosen = this.votes.get(row);
    const complete = payload.rows[row].every((index) => index !== null);
    this.buttons.replaceChildren(
      ...choices.map(([choice, text]) =>
        button(text, text, () => this.#vote(payload, row, choice, blind), {
          "aria-pressed": String(chosen === choice),
          disabled: !complete,
        }),
      ),
    );
    this.blind.checked = blind;
    this.by.value = by in GROUPS ? by : "";
    if (!this.loaded) this.#loadSummary(this.by.value);
  }

  /** @param {Payload} payload @param {number} row @param {string} choice @param {boolean} blind */
  async #vote(payload, row, choice, blind) {
    if (this.votes.get(row) === choice) {
      const query = new URLSearchParams({ comparison: payload.id, pair: String(row + 1) });
      if (await this.#json(`/votes?${query}`, { method: "DELETE" })) this.votes.delete(row);
    } else {
      const sides = payload.sides.map((side, at) => {
        const index = Number(payload.rows[row][at]); // only complete rows can be voted on
        const { width, height, slot, label } = side;
        return {
          slot, label, width, height,
          sha256: side.sha256[index], file: side.files[index], facts: side.captions[index].facts,
        };
      }); // prettier-ignore
      const vote = {
        comparison: payload.id, pair: row + 1, choice, blind: blind && !this.revealed.has(row), sides,
        prompt: payload.prompt, category: payload.category,
      }; // prettier-ignore
      const headers = { "Content-Type": "application/json" };
      const stored = await this.#json("/votes", { method: "POST", headers, body: JSON.stringify(vote) });
      if (stored) this.#know(row, choice);
    }
    this.listeners.changed();
    this.#loadSummary(this.by.value);
  }

  /** @param {number} row @param {string} choice */
  #know(row, choice) {
    this.votes.set(row, choice);
    this.revealed.add(row);
  }

  /** @param {string} by */
  async #loadSummary(by) {
    this.loaded = true;
    const found = await this.#json(`/summary?${new URLSearchParams({ by })}`);
    if (!found) return;
    const groups = /** @type {{group: string, sentence: string}[]} */ (found.groups);
    const lines = groups.map((group) => {
      const where = group.group ? `${group.group}: ` : "";
      return element("p", { text: where + told(group.sentence) });
    });
    this.summary.replaceChildren(...(lines.length ? lines : [element("p", { text: t("No votes yet.") })]));
  }

  /**
   * @param {string} path @param {RequestInit} [options]
   * @returns {Promise<any>} the answer, or null after saying what went wrong
   */
  async #json(path, options) {
    try {
      const reply = await this.surroundings.request(path, options);
      const body = await reply.json();
      if (reply.ok) return body;
      this.summary.textContent = told(body.error ?? "") || t("ComfyUI answered {0}.", reply.status);
    } catch {
      this.summary.textContent = t("ComfyUI did not answer; the vote was not stored.");
    }
    return null;
  }
}
