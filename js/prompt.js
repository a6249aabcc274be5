/**
 * The face of the node "DALL·E Prompt to FLUX": the two texts with their lengths, and what was changed and why, before
 * anything is generated. Whoever edits a text freezes both: they then live in the node's field `frozen`, so that they
 * travel with the workflow and hold headless.
 *
 * A DOM widget, so it is the same in the classic canvas and in Nodes 2.0.
 */
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const NODE = "DalleFluxPrompt";
const OUTPUT = "dalle_flux_prompt";
const ADDRESS = "/dalle_flux/prompt";
const FIELDS = ["prompt", "style", "size", "target", "prompt_mode", "describe_artists", "frozen"];
const LOOK_EVERY = 400; // ms; fields change by typing, pasting, undo, scripts and links, so they are looked at
const SMALLEST = [420, 720]; // px, of a new node

/**
 * @typedef {{t5xxl: string, clip_l: string, guidance: number | null, report: any, key?: string}} Shown
 */

/** Load the style sheet once, from wherever the pack is served. */
function loadStyle() {
  const href = new URL("./prompt.css", import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}

/** @param {string} text as the host wants it @returns {string} as people read it */
const readable = (text) => text.replaceAll("\\(", "(").replaceAll("\\)", ")");

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} [className] @param {string} [text]
 * @returns {HTMLElementTagNameMap[T]}
 */
function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** What the node shows. Knows nothing of the canvas: fields come in, frozen texts go out. */
class PromptFace {
  /** @param {(texts: {t5xxl: string, clip_l: string} | null) => void} freeze called with null to thaw */
  constructor(freeze) {
    this.freeze = freeze;
    this.root = make("div", "dfx-prompt");
    this.state = make("span", "dfx-state");
    this.state.setAttribute("role", "status");
    this.button = make("button", "", "Freeze");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.freeze(this.frozen ? null : this.texts()));
    const bar = make("div", "dfx-bar");
    bar.append(this.state, this.button);
    this.long = this.#field("t5xxl", "Long text, for T5");
    this.short = this.#field("clip_l", "Short text, for CLIP-L");
    this.notes = make("ul", "dfx-notes");
    this.changes = make("details", "dfx-changes");
    this.root.append(bar, this.long.box, this.short.box, this.notes, this.changes);
    this.frozen = false;
    // The canvas would take keys and the wheel for its own.
    for (const event of ["keydown", "keyup", "pointerdown", "wheel"]) {
      this.root.addEventListener(event, (e) => e.stopPropagation());
    }
  }

  #field(name, title) {
    const box = make("label", "dfx-field");
    const head = make("span", "dfx-head", title);
    const count = make("span", "dfx-count");
    head.append(" ", count);
    const area = make("textarea");
    area.name = name;
    area.spellcheck = false;
    area.addEventListener("input", () => this.freeze(this.texts()));
    box.append(head, area);
    return { box, count, area };
  }

  /** @returns {{t5xxl: string, clip_l: string}} as they stand in the two fields */
  texts() {
    return { t5xxl: this.long.area.value, clip_l: this.short.area.value };
  }

  /** @param {Shown} shown @param {string} note where the texts come from, if that is not plain to see */
  show(shown, note = "") {
    const { report } = shown;
    this.frozen = report.mode === "frozen";
    this.button.textContent = this.frozen ? "Thaw" : "Freeze";
    this.button.title = this.frozen
      ? "Forget the edited texts and convert the prompt again"
      : "Keep these two texts whatever becomes of the prompt; editing one does the same";
    this.state.textContent = [STATES[report.mode] ?? report.mode, note].filter(Boolean).join(" · ");
    this.root.classList.toggle("dfx-is-frozen", this.frozen);
    this.root.classList.remove("dfx-failed");
    for (const [field, text, count, limit] of [
      [this.long, shown.t5xxl, report.tokens.t5xxl, report.tokens.t5xxl_limit],
      [this.short, shown.clip_l, report.tokens.clip_l, report.tokens.clip_l_limit],
    ]) {
      const plain = readable(text);
      // A person who is typing keeps the cursor: what comes back is what was typed.
      if (field.area !== document.activeElement && field.area.value !== plain) field.area.value = plain;
      field.count.textContent = `${report.tokens.measured ? "" : "about "}${count} of ${limit} tokens`;
      field.count.classList.toggle("dfx-over", count > limit);
    }
    this.#notes(report);
    this.#changes(report);
  }

  /** @param {string} message why there is nothing to show */
  fail(message) {
    this.state.textContent = message;
    this.root.classList.add("dfx-failed");
  }

  #notes(report) {
    const lines = report.warnings.map((warning) => warning.message);
    for (const lost of report.not_kept) lines.push(`Not kept: ${lost.kind} “${lost.text}” (${lost.why}).`);
    for (const part of report.left_out) lines.push(`Left out: ${part}`);
    for (const complaint of report.rewriting?.complaints ?? []) lines.push(`Rewriter: ${complaint}`);
    if (Object.keys(report.asked).length) {
      const asked = Object.entries(report.asked).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
      lines.push(`Settings in the prompt: ${asked.join(", ")}.`);
    }
    const { steps, guidance } = report.suggested;
    lines.push(`Suggested: ${steps} steps, ${guidance === null ? "no guidance" : `guidance ${guidance}`}.`);
    this.notes.replaceChildren(...lines.map((line) => make("li", "", line)));
  }

  #changes(report) {
    const number = report.rules.reduce((sum, rule) => sum + rule.changes.length, 0);
    const list = make("dl");
    for (const rule of report.rules) {
      const term = make("dt", "", rule.rule.replaceAll("_", " "));
      term.title = rule.reason;
      list.append(term, make("dd", "dfx-reason", rule.reason));
      for (const change of rule.changes) {
        const line = make("dd");
        if (change.before.trim()) line.append(make("del", "", change.before));
        if (change.before.trim() && change.after.trim()) line.append(" → ");
        if (change.after.trim()) line.append(make("ins", "", change.after));
        if (line.childNodes.length) list.append(line);
      }
    }
    const { open } = this.changes;
    this.changes.replaceChildren(make("summary", "", number ? `${number} changes, and why` : "Nothing changed"), list);
    this.changes.open = open;
  }
}

const STATES = {
  rules: "Converted",
  as_is: "Used as it is",
  frozen: "Frozen",
  rewritten: "Rewritten",
};

/** @param {any} node @param {string} name */
const widget = (node, name) => node.widgets?.find((one) => one.name === name);
/** @param {any} node @param {string} name */
const isWired = (node, name) => node.inputs?.some((input) => input.name === name && input.link != null);

/** Keep a widget's value in the workflow without drawing it: the face is how it is edited. */
function hide(one) {
  if (!one) return;
  one.hidden = true;
  one.options = { ...one.options, hidden: true };
  one.computeSize = () => [0, -4]; // older canvases leave room for hidden widgets, and 4 px between two
  one.computeLayoutSize = () => ({ minHeight: 0, maxHeight: 0, minWidth: 0 });
}

/** Put the face on a new node. @param {any} node */
function attach(node) {
  const frozen = widget(node, "frozen");
  hide(frozen);
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
      const reply = await api.fetchApi(ADDRESS, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: now,
      });
      const body = await reply.json();
      if (number !== asking) return;
      if (!reply.ok) return face.fail(body.error);
      key = body.key;
      const later = isWired(node, "prompt") || isWired(node, "rewriter") || widget(node, "file")?.value;
      face.show(body, later && body.report.mode !== "frozen" ? "a run will say more" : "");
    } catch (error) {
      if (number !== asking) return;
      face.fail(`ComfyUI does not answer: ${error.message}`);
      seen = ""; // ask again
    }
  }

  node.addDOMWidget("texts", OUTPUT, face.root, {
    serialize: false, // neither in the prompt …
    getMinHeight: () => 300,
    hideOnZoom: false,
  }).serialize = false; // … nor in the workflow
  node.setSize?.([Math.max(node.size[0], SMALLEST[0]), Math.max(node.size[1], SMALLEST[1])]);
  node.dalleFluxPrompt = face;

  const timer = setInterval(look, LOOK_EVERY);
  look();

  const executed = node.onExecuted;
  node.onExecuted = function (output) {
    executed?.call(this, output);
    const shown = output?.[OUTPUT]?.[0];
    if (!shown) return;
    asking++; // an answer still under way is older than the run
    face.show(shown, "last run");
  };
  const removed = node.onRemoved;
  node.onRemoved = function () {
    removed?.call(this);
    clearInterval(timer);
  };
}

app.registerExtension({
  name: "dalle_flux.prompt",
  setup: loadStyle,
  nodeCreated(node) {
    if (node.comfyClass === NODE) attach(node);
  },
});
