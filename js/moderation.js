// @ts-check
/**
 * The moderation record as a tab of the sidebar: every decision, newest first, with a place for a reviewer's
 * overrule and the two exports. DOM only, so it is the same in the classic canvas and in Nodes 2.0.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { button, element, enclosed } from "./dom.js";
import { request } from "./asking.js";
import { locale, t, told } from "./words.js";

const ROOT = "/dalle_flux/moderation";
const PAGE = 30; // decisions asked for at once
const REVIEWER = "dalletoflux.moderation.reviewer"; // localStorage: who overrules on this browser

/**
 * @typedef {{at: string, reviewer: string, verdict: "allow" | "block", note: string}} Overrule
 * @typedef {{id: number, at: string, kind: "prompt" | "image", sha256: string, outcome: "allow" | "review" | "block",
 *   action: string, blocked: string[], review: string[], scores: Record<string, number>, policy: {name: string},
 *   checks: {check: string, version: string, rules: string[], error: {code: string, message: string} | null}[],
 *   text: string | null, overrules: Overrule[]}} Decision
 */

class RecordPanel {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.outcome = "";
    /** @type {number | null} */
    this.before = null;
    this.asked = 0; // numbers requests, so that a late answer to an old one is dropped
    this.list = element("div", { class: "dfm-list", role: "list" });
    this.older = button(t("Older decisions"), t("Older decisions"), () => this.load(false), { class: "dfm-button" });
    this.message = element("p", { class: "dfm-message", role: "status" });
    this.body = element("div", { class: "dfm-panel" }, this.#bar(), this.message, this.list, this.older);
    root.replaceChildren(enclosed("moderation.css", this.body));
    this.load(true);
  }

  /** Not while somebody writes an overrule. */
  refresh() {
    if (this.body.isConnected && !this.body.querySelector("details[open]")) this.load(true);
  }

  #bar() {
    const outcomes = Object.entries({ "": t("All"), block: t("Held back"), review: t("For review"), allow: t("Passed") });
    const onchange = () => {
      this.outcome = choose.value;
      this.load(true);
    };
    const choose = element(
      "select",
      { class: "dfm-choice", "aria-label": t("Show decisions with this outcome"), onchange },
      ...outcomes.map(([value, text]) => element("option", { value, text })),
    );
    const links = ["csv", "jsonl"].map((kind) =>
      element("a", {
        class: "dfm-button", href: api.apiURL(`${ROOT}/record.${kind}`), download: `moderation-record.${kind}`,
        title: t("The whole record as a file"), text: kind.toUpperCase(),
      }),
    ); // prettier-ignore
    const reload = button(t("Reload"), t("Reload"), () => this.load(true), { class: "dfm-button" });
    return element("div", { class: "dfm-bar" }, choose, reload, ...links);
  }

  /** @param {boolean} afresh from the newest on, or the next page */
  async load(afresh) {
    const mine = ++this.asked;
    const query = new URLSearchParams({ limit: String(PAGE), outcome: this.outcome });
    if (!afresh && this.before) query.set("before", String(this.before));
    const { decisions } = await this.#request(`/decisions?${query}`);
    if (mine !== this.asked || !decisions) return;
    if (afresh) this.list.replaceChildren();
    this.list.append(...decisions.map((/** @type {Decision} */ decision) => this.#entry(decision)));
    this.before = decisions.at(-1)?.id ?? this.before;
    this.older.hidden = decisions.length < PAGE;
    if (!this.list.childElementCount) this.message.textContent = t("Nothing recorded yet.");
  }

  /** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} the answer, or {} after a message */
  async #request(path, options) {
    try {
      const reply = await request(ROOT + path, options);
      const answer = await reply.json();
      this.message.textContent = reply.ok ? "" : told(answer.error);
      return reply.ok ? answer : {};
    } catch {
      this.message.textContent = t("ComfyUI did not answer; reload when it is back.");
      return {};
    }
  }

  /** @param {Decision} decision */
  #entry(decision) {
    const words = { allow: t("Passed"), review: t("For review"), block: t("Held back") };
    const head = element("div", { class: "dfm-head" },
      line("span", `dfm-outcome dfm-${decision.outcome}`, words[decision.outcome]),
      line("span", "dfm-kind", decision.kind === "prompt" ? t("prompt") : t("image")),
      line("time", "dfm-time", new Date(decision.at).toLocaleString(locale)),
    ); // prettier-ignore
    /** @type {HTMLElement[]} */
    const lines = [head];
    const named = [...decision.blocked, ...decision.review];
    if (named.length) lines.push(line("div", "dfm-categories", named.join(", ")));
    for (const check of decision.checks) {
      const said = check.error ? told(check.error.message) : check.rules.join(", ") || t("nothing found");
      lines.push(line("div", check.error ? "dfm-check dfm-error" : "dfm-check", `${check.check}: ${said}`));
    }
    if (decision.text !== null) lines.push(line("blockquote", "dfm-text", decision.text));
    const foot = `#${decision.id} · ${decision.policy.name} · ${decision.action} · ${decision.sha256.slice(0, 12)}`;
    lines.push(line("div", "dfm-foot", foot));
    for (const overrule of decision.overrules) {
      const said = `${overrule.reviewer}: ${overrule.verdict}${overrule.note ? ` – ${overrule.note}` : ""}`;
      lines.push(line("div", "dfm-overrule", said));
    }
    lines.push(this.#overruleForm(decision));
    return element("div", { class: "dfm-entry", role: "listitem", "data-id": decision.id }, ...lines);
  }

  /** @param {Decision} decision */
  #overruleForm(decision) {
    /** @param {string} label @param {string} placeholder */
    const field = (label, placeholder) => element("input", { class: "dfm-input", "aria-label": label, placeholder });
    const reviewer = field(t("Reviewer's name"), t("Your name"));
    reviewer.value = localStorage.getItem(REVIEWER) ?? "";
    const note = field(t("Note"), t("Note (optional)"));
    const record = async (/** @type {"allow" | "block"} */ verdict) => {
      if (!reviewer.value.trim()) return reviewer.focus();
      localStorage.setItem(REVIEWER, reviewer.value);
      const body = JSON.stringify({ verdict, reviewer: reviewer.value, note: note.value });
      const options = { method: "POST", headers: { "Content-Type": "application/json" }, body };
      await this.#request(`/decisions/${decision.id}/overrule`, options);
      if (!this.message.textContent) await this.load(true);
    };
    const pass = button(t("Should pass"), t("Should pass"), () => record("allow"), { class: "dfm-button" });
    const hold = button(t("Should be held back"), t("Should be held back"), () => record("block"), { class: "dfm-button" });
    const summary = element("summary", { text: t("Overrule") });
    const form = element("details", { class: "dfm-form" }, summary, reviewer, note, pass, hold);
    form.addEventListener("keydown", (event) => event.stopPropagation()); // the canvas listens for shortcuts
    return form;
  }
}

/** @param {keyof HTMLElementTagNameMap} tag @param {string} name its class @param {string} text */
function line(tag, name, text) {
  return element(tag, { class: name, text });
}

app.registerExtension({
  name: "dalletoflux.moderation",
  setup() {
    /** @type {RecordPanel | null} */
    let open = null;
    app.extensionManager.registerSidebarTab({
      id: "dalletoflux.moderation",
      icon: "pi pi-shield",
      title: t("Review"),
      tooltip: t("Moderation record"),
      type: "custom",
      render(root) {
        open = new RecordPanel(root);
      },
      destroy() {
        open = null;
      },
    });
    api.addEventListener("execution_success", () => open?.refresh());
    api.addEventListener("execution_error", () => open?.refresh());
  },
});
