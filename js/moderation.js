/**
 * The moderation record as a tab of the sidebar: every decision, newest first, with a place for a reviewer's
 * overrule and the two exports. DOM only, so it is the same in the classic canvas and in Nodes 2.0.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const ROOT = "/dalle_flux/moderation";
const PAGE = 30; // decisions asked for at once
const REVIEWER = "dalle_flux.moderation.reviewer"; // localStorage: who overrules on this browser

/**
 * @typedef {{at: string, reviewer: string, verdict: "allow" | "block", note: string}} Overrule
 * @typedef {{id: number, at: string, kind: "prompt" | "image", sha256: string, outcome: "allow" | "review" | "block",
 *   action: string, blocked: string[], review: string[], scores: Record<string, number>, policy: {name: string},
 *   checks: {check: string, version: string, rules: string[], error: {code: string, message: string} | null}[],
 *   text: string | null, overrules: Overrule[]}} Decision
 */

/** An element with a class, text and children. Text is only ever set as text, never as HTML.
 * @param {string} tag @param {string} [name] @param {(Node | string)[]} children @returns {any} */
function element(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
}

/** Load the style sheet once, from wherever the pack is served. */
function loadStyle() {
  const href = new URL("./moderation.css", import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = element("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}

class RecordPanel {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.outcome = "";
    /** @type {number | null} */
    this.before = null;
    this.asked = 0; // numbers requests, so that a late answer to an old one is dropped
    this.list = element("div", "dfm-list");
    this.list.setAttribute("role", "list");
    this.older = this.button("Older decisions", () => this.load(false));
    this.message = element("p", "dfm-message");
    this.message.setAttribute("role", "status");
    const body = element("div", "dfm-panel", this.bar(), this.message, this.list, this.older);
    root.replaceChildren(body);
    this.load(true);
  }

  /** @param {string} label @param {() => void} action */
  button(label, action) {
    const made = element("button", "dfm-button", label);
    made.type = "button";
    made.addEventListener("click", action);
    return made;
  }

  bar() {
    const choose = element("select", "dfm-choice");
    choose.setAttribute("aria-label", "Show decisions with this outcome");
    for (const [value, label] of [["", "All"], ["block", "Held back"], ["review", "For review"], ["allow", "Passed"]]) {
      const option = element("option", "", label);
      option.value = value;
      choose.append(option);
    }
    choose.addEventListener("change", () => {
      this.outcome = choose.value;
      this.load(true);
    });
    const links = ["csv", "jsonl"].map((kind) => {
      const link = element("a", "dfm-button", kind.toUpperCase());
      link.href = api.apiURL(`${ROOT}/record.${kind}`);
      link.download = `moderation-record.${kind}`;
      link.title = "The whole record as a file";
      return link;
    });
    return element("div", "dfm-bar", choose, this.button("Reload", () => this.load(true)), ...links);
  }

  /** @param {boolean} afresh from the newest on, or the next page */
  async load(afresh) {
    const mine = ++this.asked;
    const query = new URLSearchParams({ limit: String(PAGE), outcome: this.outcome });
    if (!afresh && this.before) query.set("before", String(this.before));
    const { decisions } = await this.request(`/decisions?${query}`);
    if (mine !== this.asked || !decisions) return;
    if (afresh) this.list.replaceChildren();
    this.list.append(...decisions.map((/** @type {Decision} */ decision) => this.entry(decision)));
    this.before = decisions.at(-1)?.id ?? this.before;
    this.older.hidden = decisions.length < PAGE;
    if (!this.list.childElementCount) this.message.textContent = "Nothing recorded yet.";
  }

  /** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} the answer, or {} after a message */
  async request(path, options) {
    try {
      const reply = await api.fetchApi(ROOT + path, options);
      const answer = await reply.json();
      this.message.textContent = reply.ok ? "" : answer.error;
      return reply.ok ? answer : {};
    } catch {
      this.message.textContent = "ComfyUI did not answer; reload when it is back.";
      return {};
    }
  }

  /** @param {Decision} decision */
  entry(decision) {
    const words = { allow: "passed", review: "for review", block: "held back" };
    const head = element("div", "dfm-head",
      element("span", `dfm-outcome dfm-${decision.outcome}`, words[decision.outcome]),
      element("span", "dfm-kind", decision.kind),
      element("time", "dfm-time", new Date(decision.at).toLocaleString()),
    );
    const lines = [head];
    const named = [...decision.blocked, ...decision.review];
    if (named.length) lines.push(element("div", "dfm-categories", named.join(", ")));
    for (const check of decision.checks) {
      const said = check.error ? check.error.message : check.rules.join(", ") || "nothing found";
      lines.push(element("div", check.error ? "dfm-check dfm-error" : "dfm-check", `${check.check}: ${said}`));
    }
    if (decision.text !== null) lines.push(element("blockquote", "dfm-text", decision.text));
    const foot = `#${decision.id} · ${decision.policy.name} · ${decision.action} · ${decision.sha256.slice(0, 12)}`;
    lines.push(element("div", "dfm-foot", foot));
    for (const overrule of decision.overrules) {
      const said = `${overrule.reviewer}: ${overrule.verdict}${overrule.note ? ` – ${overrule.note}` : ""}`;
      lines.push(element("div", "dfm-overrule", said));
    }
    lines.push(this.overruleForm(decision));
    const made = element("div", "dfm-entry", ...lines);
    made.setAttribute("role", "listitem");
    made.dataset.id = String(decision.id);
    return made;
  }

  /** @param {Decision} decision */
  overruleForm(decision) {
    const reviewer = element("input", "dfm-input");
    reviewer.placeholder = "Your name";
    reviewer.value = localStorage.getItem(REVIEWER) ?? "";
    const note = element("input", "dfm-input");
    note.placeholder = "Note (optional)";
    for (const [input, label] of [[reviewer, "Reviewer's name"], [note, "Note"]]) input.setAttribute("aria-label", label);
    const record = async (/** @type {"allow" | "block"} */ verdict) => {
      if (!reviewer.value.trim()) return reviewer.focus();
      localStorage.setItem(REVIEWER, reviewer.value);
      const body = JSON.stringify({ verdict, reviewer: reviewer.value, note: note.value });
      const options = { method: "POST", headers: { "Content-Type": "application/json" }, body };
      await this.request(`/decisions/${decision.id}/overrule`, options);
      if (!this.message.textContent) await this.load(true);
    };
    const buttons = [
      this.button("Should pass", () => record("allow")),
      this.button("Should be held back", () => record("block")),
    ];
    const form = element("details", "dfm-form", element("summary", "", "Overrule"), reviewer, note, ...buttons);
    form.addEventListener("keydown", (event) => event.stopPropagation()); // the canvas listens for shortcuts
    return form;
  }
}

app.registerExtension({
  name: "dalle_flux.moderation",
  setup() {
    /** @type {RecordPanel | null} */
    let open = null;
    app.extensionManager.registerSidebarTab({
      id: "dalle_flux.moderation",
      icon: "pi pi-shield",
      title: "Review",
      tooltip: "Moderation record",
      type: "custom",
      render(root) {
        loadStyle();
        open = new RecordPanel(root);
      },
      destroy() {
        open = null;
      },
    });
    for (const event of ["execution_success", "execution_error"]) {
      api.addEventListener(event, () => {
        // Not while somebody writes an overrule.
        if (open?.root.isConnected && !open.root.querySelector("details[open]")) open.load(true);
      });
    }
  },
});
