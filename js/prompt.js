// @ts-check
/**
 * The face of the node "DALL·E Prompt to FLUX": the two texts with their lengths, and what was changed and why, before
 * anything is generated. Whoever edits a text freezes both: they then live in the node's field `frozen`, so that they
 * travel with the workflow and hold headless.
 *
 * A DOM widget, so it is the same in the classic canvas and in Nodes 2.0.
 */
import { app } from "../../scripts/app.js";
import { element, enclosed } from "./dom.js";
import { fold } from "./widgets.js";
import { request } from "./asking.js";
import { t, told } from "./words.js";

const NODE = "DalleFluxPrompt";
const OUTPUT = "dalle_flux_prompt";
const ADDRESS = "/dalle_flux/prompt";
const FIELDS = ["prompt", "style", "size", "target", "prompt_mode", "describe_artists", "frozen"];
const LOOK_EVERY = 400; // ms; fields change by typing, pasting, undo, scripts and links, so they are looked at
const SMALLEST = [420, 720]; // px, of a new node

/**
 * @typedef {{mode: string, warnings: {message: string}[], not_kept: {kind: string, text: string, why: string}[],
 *   left_out: string[], asked: Record<string, string | number>, rewriting: {complaints: string[]} | null,
 *   suggested: {steps: number, guidance: number | null},
 *   tokens: {t5xxl: number, t5xxl_limit: number, clip_l: number, clip_l_limit: number, measured: boolean},
 *   rules: {rule: string, reason: string, changes: {before: string, after: string}[]}[]}} Report as far as it is shown
 * @typedef {{t5xxl: string, clip_l: string, guidance: number | null, report: Report, key?: string}} Shown
 */

/** @param {string} text as the host wants it @returns {string} as people read it */
const readable = (text) => text.replaceAll("\\(", "(").replaceAll("\\)", ")");

/** What the node shows. Knows nothing of the canvas: fields come in, frozen texts go out. */
class PromptFace {
  /** @param {(texts: {t5xxl: string, clip_l: string} | null) => void} freeze called with null to thaw */
  constructor(freeze) {
    this.freeze = freeze;
    this.frozen = false;
    this.state = element("span", { class: "dfx-state", role: "status" });
    const onclick = () => this.freeze(this.frozen ? null : this.texts());
    this.button = element("button", { type: "button", text: t("Freeze"), onclick });
    this.long = this.#field("t5xxl", t("Long text, for T5"));
    this.short = this.#field("clip_l", t("Short text, for CLIP-L"));
    this.notes = element("ul", { class: "dfx-notes" });
    this.changes = element("details", { class: "dfx-changes" });
    const bar = element("div", { class: "dfx-bar" }, this.state, this.button);
    const parts = [bar, this.long.box, this.short.box, this.notes, this.changes];
    this.root = element("div", { class: "dfx-prompt" }, ...parts);
    this.element = enclosed("prompt.css", this.root);
    // The canvas would take keys and the wheel for its own.
    for (const event of ["keydown", "keyup", "pointerdown", "wheel"]) {
      this.root.addEventListener(event, (e) => e.stopPropagation());
    }
  }

  /** @param {string} name @param {string} title */
  #field(name, title) {
    const count = element("span", { class: "dfx-count" });
    const area = element("textarea", { name, spellcheck: "false", oninput: () => this.freeze(this.texts()) });
    const head = element("span", { class: "dfx-head" }, title, " ", count);
    return { box: element("label", { class: "dfx-field" }, head, area), count, area };
  }

  /** @returns {{t5xxl: string, clip_l: string}} as they stand in the two fields */
  texts() {
    return { t5xxl: this.long.area.value, clip_l: this.short.area.value };
  }

  /** @param {Shown} shown @param {string} note where the texts come from, if that is not plain to see */
  show(shown, note = "") {
    const { report } = shown;
    this.frozen = report.mode === "frozen";
    this.button.textContent = t(this.frozen ? "Thaw" : "Freeze");
    this.button.title = this.frozen
      ? t("Forget the edited texts and convert the prompt again")
      : t("Keep these two texts whatever becomes of the prompt; editing one does the same");
    this.state.textContent = [STATES[report.mode] ?? report.mode, note].filter(Boolean).join(" · ");
    this.root.classList.toggle("dfx-is-frozen", this.frozen);
    this.root.classList.remove("dfx-failed");
    this.#text(this.long, shown.t5xxl, report.tokens.t5xxl, report.tokens.t5xxl_limit, report.tokens.measured);
    this.#text(this.short, shown.clip_l, report.tokens.clip_l, report.tokens.clip_l_limit, report.tokens.measured);
    this.#notes(report);
    this.#changes(report);
  }

  /**
   * @param {{area: HTMLTextAreaElement, count: HTMLElement}} field
   * @param {string} text
   * @param {number} count of tokens @param {number} limit @param {boolean} measured not estimated
   */
  #text(field, text, count, limit, measured) {
    const plain = readable(text);
    // A person who is typing keeps the cursor: what comes back is what was typed.
    if (!field.area.matches(":focus") && field.area.value !== plain) field.area.value = plain;
    field.count.textContent = t(measured ? "{0} of {1} tokens" : "about {0} of {1} tokens", count, limit);
    field.count.classList.toggle("dfx-over", count > limit);
  }

  /** @param {string} message why there is nothing to show */
  fail(message) {
    this.state.textContent = message;
    this.root.classList.add("dfx-failed");
  }

  /** @param {Report} report */
  #notes(report) {
    const lines = report.warnings.map((warning) => told(warning.message));
    for (const lost of report.not_kept) lines.push(t("Not kept: {0} “{1}” ({2}).", lost.kind, lost.text, told(lost.why)));
    for (const part of report.left_out) lines.push(t("Left out: {0}", part));
    for (const complaint of report.rewriting?.complaints ?? []) lines.push(t("Rewriter: {0}", told(complaint)));
    if (Object.keys(report.asked).length) {
      const asked = Object.entries(report.asked).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
      lines.push(t("Settings in the prompt: {0}.", asked.join(", ")));
    }
    const { steps, guidance } = report.suggested;
    lines.push(guidance === null ? t("Suggested: {0} steps, no guidance.", steps) : t("Suggested: {0} steps, guidance {1}.", steps, guidance));
    this.notes.replaceChildren(...lines.map((text) => element("li", { text })));
  }

  /** @param {Report} report */
  #changes(report) {
    const number = report.rules.reduce((sum, rule) => sum + rule.changes.length, 0);
    const list = element("dl");
    for (const rule of report.rules) {
      const reason = told(rule.reason);
      list.append(element("dt", { text: rule.rule.replaceAll("_", " "), title: reason }));
      list.append(element("dd", { class: "dfx-reason", text: reason }));
      for (const change of rule.changes) {
        const line = element("dd");
        if (change.before.trim()) line.append(element("del", { text: change.before }));
        if (change.before.trim() && change.after.trim()) line.append(" → ");
        if (change.after.trim()) line.append(element("ins", { text: change.after }));
        if (line.childNodes.length) list.append(line);
      }
    }
    const text = number ? t("Changes, and why: {0}", number) : t("Nothing changed");
    this.changes.replaceChildren(element("summary", { text }), list);
  }
}

/** @type {Record<string, string>} */
const STATES = {
  rules: t("Converted"),
  as_is: t("Used as it is"),
  frozen: t("Frozen"),
  rewritten: t("Rewritten"),
};

/** @param {GraphNode} node @param {string} name */
const widget = (node, name) => node.widgets?.find((one) => one.name === name);
/** @param {GraphNode} node @param {string} name */
const isWired = (node, name) => node.inputs?.some((input) => input.name === name && input.link != null);

/** Put the face on a new node. @param {GraphNode & {dalleFluxPrompt?: PromptFace}} node */
function attach(node) {
  const frozen = widget(node, "frozen");
  if (frozen) fold(frozen, true); // the face is how it is edited
  let key = ""; // of the prompt that is shown, as the host answered it
  let seen = ""; // the fields that the face last asked about
  let asking = 0; // number of the newest question; older answers are dropped

  const face = new PromptFace((texts) => {
    if (!frozen) return;
    frozen.value = texts && texts.t5xxl.trim() ? JSON.stringify({ ...texts, prompt: key }) : "";
    app.graph?.setDirtyCanvas?.(true, true);
    look();
  });

  async function look() {
    const fields = Object.fromEntries(FIELDS.map((name) => [name, widget(node, name)?.value ?? ""]));
    const now = JSON.stringify(fields);
    if (now === seen) return;
    seen = now;
    const number = ++asking;
    try {
      const reply = await request(ADDRESS, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: now,
      });
      const body = await reply.json();
      if (number !== asking) return;
      if (!reply.ok) return face.fail(told(body.error));
      key = body.key;
      const later = isWired(node, "prompt") || isWired(node, "rewriter") || widget(node, "file")?.value;
      face.show(body, later && body.report.mode !== "frozen" ? t("a run will say more") : "");
    } catch (error) {
      if (number !== asking) return;
      face.fail(t("ComfyUI does not answer: {0}", error instanceof Error ? error.message : String(error)));
      seen = ""; // ask again
    }
  }

  node.addDOMWidget("texts", OUTPUT, face.element, {
    serialize: false, // neither in the prompt …
    getMinHeight: () => 300,
    hideOnZoom: false,
  }).serialize = false; // … nor in the workflow
  node.setSize?.([Math.max(node.size[0], SMALLEST[0]), Math.max(node.size[1], SMALLEST[1])]);
  node.dalleFluxPrompt = face;

  const timer = setInterval(look, LOOK_EVERY);
  look();

  const { onExecuted, onRemoved } = node;
  node.onExecuted = function (output) {
    onExecuted?.call(this, output);
    const shown = output?.[OUTPUT]?.[0];
    if (!shown) return;
    asking++; // an answer still under way is older than the run
    face.show(shown, t("last run"));
  };
  node.onRemoved = function () {
    onRemoved?.call(this);
    clearInterval(timer);
    asking++; // nobody waits for an answer any more
    delete node.dalleFluxPrompt;
  };
}

app.registerExtension({
  name: "dalletoflux.prompt",
  nodeCreated(node) {
    if (node.comfyClass === NODE) attach(/** @type {GraphNode} */ (node));
  },
});
