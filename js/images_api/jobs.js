// @ts-check
/** Jobs under way with their progress, kept jobs that are over, and the webhooks that were called for them. */
import { element } from "../dom.js";
import { ask } from "./asking.js";
import { Message, action, section } from "../parts.js";
import { locale, t, told } from "../words.js";

/**
 * @typedef {import("./asking.js").LiveJob} LiveJob
 * @typedef {import("./asking.js").Status} Status
 * @typedef {{root: HTMLElement, show: (job: LiveJob) => void}} Row
 */

export class Jobs {
  constructor() {
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    this.message = new Message();
    this.figures = element("p", { class: "dfi-faint" });
    this.list = element("ul", { class: "dfi-list", "aria-label": t("Jobs under way") });
    this.live = section(t("Jobs"), true, this.figures, this.message.root, this.list);
    this.over = new Lines(t("Finished jobs"), t("Nothing kept yet. Jobs sent to jobs, or with an Idempotency-Key, are kept."));
    this.kept = section(t("Finished jobs"), false, this.over.root);
    this.called = new Lines(t("Webhook calls"), t("None yet. A job that names a webhook of endpoints.toml has it called."));
    this.webhooks = section(t("Webhook calls"), false, this.called.root);
  }

  /** @param {Status} status */
  show({ live, jobs, deliveries, throughput }) {
    this.figures.textContent = `${now(live)} ${lastHour(throughput)}`;
    this.#showLive(live);
    const running = new Set(live.map((job) => job.id));
    this.over.show(jobs.filter((job) => !running.has(job.id)).map((job) => {
      const code = job.status === "failed" && job.status_code ? ` (${job.status_code})` : "";
      return [`${job.model}, ${job.operation}`, `${job.status}${code} · ${time(job.completed_at ?? job.created_at)} · ${job.id}`];
    })); // prettier-ignore
    this.called.show(deliveries.map(({ webhook, state, attempts, due, answered, complaint, job }) => {
      const answer = answered ? t("answered {0}", answered) : told(complaint ?? "") || t("not called yet");
      const next = state === "due" && attempts ? ` · ${t("next attempt {0}", time(due))}` : "";
      const tries = t("attempts: {0}", attempts);
      return [`${webhook}: ${state}`, `${answer} · ${tries}${next} · ${job}`];
    })); // prettier-ignore
  }

  /** Rows stay while their job changes, and with them the focus. @param {LiveJob[]} jobs */
  #showLive(jobs) {
    for (const [id, row] of this.rows) {
      if (jobs.some((job) => job.id === id)) continue;
      row.root.remove();
      this.rows.delete(id);
    }
    jobs.forEach((job, place) => {
      const row = this.rows.get(job.id) ?? this.#row(job);
      this.rows.set(job.id, row);
      row.show(job);
      if (this.list.children[place] !== row.root) this.list.insertBefore(row.root, this.list.children[place] ?? null);
    });
  }

  /** @param {LiveJob} job @returns {Row} */
  #row({ id, client, model, operation, prompt, size, n }) {
    const cancel = action(t("Cancel"), async () => {
      cancel.disabled = true;
      try {
        await ask(`/jobs/${encodeURIComponent(id)}`, "DELETE");
        this.message.say("");
      } catch (error) {
        cancel.disabled = false;
        this.message.complain(error);
      }
    }, t("Cancel the job of {0}: {1}", client, prompt || operation)); // prettier-ignore
    const progress = element("progress", { class: "dfi-progress", max: 1, "aria-label": t("Progress") });
    const state = element("span", { class: "dfi-faint" });
    const root = element("li", { class: "dfi-entry" },
      element("div", { class: "dfi-row" }, element("b", { class: "dfi-grow", text: model }), cancel),
      element("div", { class: "dfi-faint", text: `${client} · ${operation} · ${size}${n > 1 ? ` · ${t("pictures: {0}", n)}` : ""}` }),
      element("div", { class: "dfi-prompt", text: prompt }), progress, state,
    ); // prettier-ignore
    return {
      root,
      show(now) {
        progress.value = now.progress;
        const waits = now.status === "queued";
        progress.hidden = waits;
        if (!waits) state.textContent = t("drawing, {0} %", Math.round(now.progress * 100));
        else state.textContent = now.position ? t("waits, {0} before it", now.position) : t("waits, and is next");
      },
    };
  }
}

/** A list of two-line texts that is made anew only when something has changed. */
class Lines {
  /** @param {string} name @param {string} nothing what is said of an empty list */
  constructor(name, nothing) {
    this.nothing = nothing;
    this.shown = "";
    this.list = element("ul", { class: "dfi-list", "aria-label": name });
    this.empty = element("p", { class: "dfi-faint", text: nothing });
    this.root = element("div", {}, this.empty, this.list);
  }

  /** @param {string[][]} entries [what, how it went] */
  show(entries) {
    const now = JSON.stringify(entries);
    if (now === this.shown) return;
    this.shown = now;
    this.empty.hidden = entries.length > 0;
    this.list.replaceChildren(...entries.map(([what, how]) =>
      element("li", { class: "dfi-entry" }, element("b", { text: what }), element("div", { class: "dfi-faint", text: how })),
    )); // prettier-ignore
  }
}

/** @param {LiveJob[]} jobs */
function now(jobs) {
  const waiting = jobs.filter((job) => job.status === "queued").length;
  return jobs.length ? t("Drawing: {0}, waiting: {1}.", jobs.length - waiting, waiting) : t("Nothing under way.");
}

/** @param {import("./asking.js").Throughput} figures */
function lastHour({ requests_last_hour, pictures_last_hour, seconds_a_picture }) {
  if (seconds_a_picture === null) return t("Nothing was drawn in the last hour.");
  return t("Last hour: requests {0}, pictures {1}, {2} s a picture.", requests_last_hour, pictures_last_hour, seconds_a_picture);
}

/** @param {number} seconds Unix time */
function time(seconds) {
  return new Date(seconds * 1000).toLocaleString(locale);
}
