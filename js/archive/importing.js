// @ts-check
/**
 * Taking in: files dropped onto the page, or a path; how far it is, and what was left over.
 *
 * @typedef {import("./asking.js").Import} Import
 * @typedef {import("./asking.js").Finding} Finding
 */
import { element } from "../dom.js";
import { Message, action, labelled, section } from "../parts.js";
import { t, told } from "../words.js";
import { ask, upload } from "./asking.js";
import { Folder, zipped } from "./folder.js";

const LOOK = 700; // ms between looks at imports that run
const STAGES = {
  waiting: t("Waits"), listing: t("Looks what is there"), texts: t("Reads the texts"), pictures: t("Takes in the pictures"),
}; // prettier-ignore
/** @type {Record<string, string>} */
const KINDS = { missing: t("missing"), unmatched: t("without words"), unreadable: t("unreadable") }; // of findings
const FILES = ".zip,.json,.jsonl,.csv,.png,.jpg,.jpeg,.webp,.gif";

export class Importing {
  /** @param {() => void} changed something came in */
  constructor(changed) {
    this.changed = changed;
    this.isOpen = true;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.later = undefined;
    this.message = new Message();
    this.list = element("div", { class: "dfi-list" });
    this.sending = element("div", { class: "dfi-list" });
    this.files = element("input", { type: "file", multiple: true, accept: FILES, class: "dfa-hidden", "aria-label": t("Files to import") });
    this.files.addEventListener("change", () => this.take([...(this.files.files ?? [])]));
    this.folder = element("input", { type: "file", webkitdirectory: true, class: "dfa-hidden", "aria-label": t("Folder to import") });
    this.folder.addEventListener("change", () => this.folder.files?.length && this.take([Folder.chosen([...this.folder.files])]));
    this.path = element("input", { class: "dfi-input dfi-grow", placeholder: "export.zip", spellcheck: false });
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.#begin(this.path.value.trim());
    };
    const start = element("button", { type: "submit", class: "dfi-button", text: t("Import") });
    const form = element("form", { onsubmit }, labelled(t("Or a path in ComfyUI's input folder"),
      element("div", { class: "dfi-row" }, this.path, start))); // prettier-ignore
    const drop = element("div", { class: "dfa-drop" },
      element("p", { text: t("Drop your ChatGPT export here: the zip as it came, or its folder. Logs, lists and pictures, too.") }),
      action(t("Choose files"), () => this.files.click()), action(t("Choose a folder"), () => this.folder.click()),
      this.files, this.folder); // prettier-ignore
    this.root = section(t("Import"), false, drop, this.sending, form, this.message.root, this.list);
    this.look();
  }

  close() {
    this.isOpen = false;
    clearTimeout(this.later);
  }

  /** @param {(File | Folder)[]} dropped */
  async take(dropped) {
    this.root.open = true;
    for (const one of dropped) {
      const stop = new AbortController();
      const bar = element("progress", { class: "dfi-progress", max: 1, value: 0 });
      const entry = element("div", { class: "dfi-entry" }, element("span", { text: t("Sends {0}", one.name) }), bar,
        action(t("Stop"), () => stop.abort(), t("Stop sending {0}", one.name))); // prettier-ignore
      this.sending.append(entry);
      try {
        const isFolder = one instanceof Folder; // it is read twice
        const file = isFolder ? await zipped(one, (share) => (bar.value = share / 2), stop.signal) : one;
        const tell = (/** @type {number} */ share) => (bar.value = isFolder ? (1 + share) / 2 : share);
        await this.#begin(await upload(file, tell, stop.signal));
      } catch (error) {
        this.message.complain(error);
      }
      entry.remove();
    }
  }

  /** @param {string} path */
  async #begin(path) {
    if (!path) return;
    try {
      await ask("/imports", "POST", { path });
      this.message.say("");
    } catch (error) {
      this.message.complain(error);
    }
    await this.look();
  }

  /** Ask how the imports are, and again while one runs. */
  async look() {
    clearTimeout(this.later);
    try {
      /** @type {{imports: Import[]}} */
      const { imports } = await ask("/imports");
      this.#show(imports.slice(0, 8));
      const runs = imports.some(({ state }) => state === "running");
      if (runs || this.ran) this.changed();
      this.ran = runs;
      if (runs && this.isOpen) this.later = setTimeout(() => this.look(), LOOK);
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {Import[]} imports */
  #show(imports) {
    this.list.replaceChildren(...imports.map((one) => this.#entry(one)));
  }

  /** @param {Import} one */
  #entry(one) {
    const name = one.path.split("/").pop() ?? one.path;
    const title = element("b", { text: name.replace(/^\d{10,}-\d+-/, "") });
    const entry = element("div", { class: "dfi-entry", "data-state": one.state }, title);
    if (one.state === "running") {
      const bar = element("progress", { class: "dfi-progress", max: one.bytes_total || 1 });
      if (one.bytes_total) bar.value = one.bytes_done;
      const stage = STAGES[/** @type {keyof typeof STAGES} */ (one.stage)] ?? "";
      entry.append(bar, element("p", { class: "dfi-faint", text: `${stage}. ${counts(one)}` }),
        action(t("Cancel"), () => this.#cancel(one), t("Cancel the import of {0}", name))); // prettier-ignore
      return entry;
    }
    const words = { done: "", failed: told(one.error ?? "") || t("It failed."), cancelled: t("Cancelled; what came in stays.") }[one.state];
    entry.append(element("p", { class: one.error ? "dfi-error" : "dfi-faint", text: `${words}${words && " "}${counts(one)}` }));
    const rest = one.missing + one.unmatched + one.unreadable;
    if (rest) {
      const list = element("ul", { class: "dfa-findings" });
      const details = element("details", {}, element("summary", { text: t("What was left over: {0}", rest) }), list);
      details.addEventListener("toggle", () => details.open && this.#findings(one, list), { once: true });
      entry.append(details);
    }
    return entry;
  }

  /** @param {Import} one @param {HTMLElement} list */
  async #findings(one, list) {
    try {
      /** @type {{findings: Finding[]}} */
      const { findings } = await ask(`/imports/${one.id}/findings?limit=200`);
      list.replaceChildren(...findings.map(({ kind, name, why, prompt, revised_prompt }) =>
        element("li", { dir: "auto", text: [`${KINDS[kind]}: ${name}`, told(why), revised_prompt || prompt].filter(Boolean).join(" · ") }))); // prettier-ignore
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {Import} one */
  async #cancel(one) {
    try {
      await ask(`/imports/${one.id}`, "DELETE");
    } catch (error) {
      this.message.complain(error);
    }
    await this.look();
  }
}

/** @param {Import} one */
function counts({ found, added, known, missing, unmatched, unreadable }) {
  const parts = [t("found: {0}", found), t("new: {0}", added), known && t("known: {0}", known), unmatched && t("without words: {0}", unmatched),
    missing && t("missing: {0}", missing), unreadable && t("unreadable: {0}", unreadable)]; // prettier-ignore
  return parts.filter(Boolean).join(", ");
}
