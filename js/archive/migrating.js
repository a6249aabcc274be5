// @ts-check
/**
 * Drawing what is found again, many pictures in a row: a trial first, then all.
 *
 * @typedef {{id: string, query: string, state: "running" | "paused" | "tried" | "done" | "cancelled",
 *   reason: string | null, total: number, held: number, waiting: number, drawing: number, done: number, failed: number,
 *   seconds_a_picture: number | null, seconds_left: number | null, failures: {item: string, error: string}[],
 *   report: string[]}} Migration
 */
import { app } from "../../../scripts/app.js";
import { element } from "../dom.js";
import { Message, action, labelled, section } from "../parts.js";
import { t, told } from "../words.js";
import { ask } from "./asking.js";

const LOOK = 1500; // ms between looks at migrations that run
const WITH = { "": t("the shipped workflow, FLUX.1-dev"), open: t("the open workflow") };
const STATES = { running: t("Draws"), paused: t("Paused"), tried: t("The trial is drawn: look at it, then draw the rest"),
  done: t("Done"), cancelled: t("Cancelled") }; // prettier-ignore

export class Migrating {
  /** @param {() => string} query the search @param {() => void} changed something was drawn */
  constructor(query, changed) {
    this.query = query;
    this.changed = changed;
    this.isOpen = true;
    this.drawn = -1; // pictures, at the last look
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.later = undefined;
    this.message = new Message();
    this.list = element("div", { class: "dfi-list" });
    const options = Object.entries(WITH).map(([value, text]) => element("option", { value, text }));
    this.workflow = element("select", { class: "dfi-input" }, ...options);
    this.root = section(t("Draw again on FLUX"), false,
      element("p", { class: "dfi-faint", text: t("Draws every picture that is found again from its words, and keeps the new one beside it.") }),
      labelled(t("With"), this.workflow),
      element("div", { class: "dfi-row" }, action(t("Try ten, spread over your styles"), () => this.#start(10)),
        action(t("Draw all"), () => this.#start(0))),
      this.message.root, this.list); // prettier-ignore
    this.root.addEventListener("toggle", () => this.root.open && this.look());
    this.look();
  }

  close() {
    this.isOpen = false;
    clearTimeout(this.later);
  }

  /** @param {number} trial */
  async #start(trial) {
    await this.#do(async () => {
      const graph = this.workflow.value ? (await app.graphToPrompt()).output : undefined;
      await ask("/migrations", "POST", { query: this.query(), trial, graph });
    });
  }

  /** Ask how they are, and again while one runs. */
  async look() {
    clearTimeout(this.later);
    try {
      /** @type {{migrations: Migration[]}} */
      const { migrations } = await ask("/migrations");
      this.list.replaceChildren(...migrations.slice(0, 5).map((one) => this.#entry(one)));
      const drawn = migrations.reduce((sum, { done }) => sum + done, 0);
      if (this.drawn >= 0 && drawn !== this.drawn) this.changed();
      this.drawn = drawn;
      const runs = migrations.some(({ state, drawing }) => state === "running" || drawing);
      if (runs && this.isOpen) this.later = setTimeout(() => this.look(), LOOK);
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {Migration} one */
  #entry(one) {
    const { state, total, held, done, failed } = one;
    const wanted = total - held;
    const entry = element("div", { class: "dfi-entry", "data-state": state }, element("b", { text: one.query || t("Everything") }),
      element("progress", { class: "dfi-progress", max: wanted, value: done + failed }),
      element("p", { class: "dfi-faint", text: `${STATES[state]}. ${progress(one)}` })); // prettier-ignore
    if (one.reason) entry.append(element("p", { class: "dfi-error", text: told(one.reason) }));
    for (const { item, error } of one.failures.slice(0, 3)) {
      entry.append(element("p", { class: "dfi-error", text: `${item.slice(0, 8)}: ${told(error)}` }));
    }
    if (one.report.length) entry.append(element("p", { class: "dfi-faint", text: t("Report: {0}", one.report[0]) }));
    const can = /** @type {[string, string][]} */ ([
      state === "running" && ["pause", t("Pause")], state === "paused" && ["resume", t("Go on")],
      state === "tried" && ["continue", t("Draw the rest: {0}", held)], ["done", "tried"].includes(state) && failed && ["resume", t("Try the failed ones again")],
      ["running", "paused", "tried"].includes(state) && ["cancel", t("Cancel")],
    ].filter(Boolean)); // prettier-ignore
    entry.append(element("div", { class: "dfi-row" }, ...can.map(([name, text]) =>
      action(text, () => this.#do(() => ask(`/migrations/${one.id}`, "POST", { action: name })))))); // prettier-ignore
    return entry;
  }

  /** @param {() => Promise<any>} work */
  async #do(work) {
    try {
      await work();
      this.message.say("");
    } catch (error) {
      this.message.complain(error);
    }
    await this.look();
  }
}

/** @param {Migration} one */
function progress({ total, held, done, failed, seconds_a_picture: each, seconds_left: left, state }) {
  const parts = [t("drawn: {0} of {1}", done, total - held), failed && t("failed: {0}", failed), each && t("{0} s a picture", each.toFixed(1)),
    state === "running" && left && t("time left: about {0}", lasting(left))]; // prettier-ignore
  return parts.filter(Boolean).join(", ");
}

/** @param {number} seconds */
function lasting(seconds) {
  if (seconds < 90) return t("{0} s", Math.ceil(seconds));
  return seconds < 5400 ? t("{0} min", Math.round(seconds / 60)) : t("{0} h", (seconds / 3600).toFixed(1));
}
