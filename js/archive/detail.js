// @ts-check
/**
 * One picture: large, with both prompts and all that is known of it.
 *
 * @typedef {import("./asking.js").Item} Item
 * @typedef {import("./asking.js").Reproduction} Reproduction
 */
import { app } from "../../../scripts/app.js";
import { button, element } from "../dom.js";
import { Message, action } from "../parts.js";
import { direction, t } from "../words.js";
import { address, ask } from "./asking.js";
import { compareWithFlux, useInWorkflow } from "./graph.js";

const MATCHES = {
  id: t("by the file's id"), gen_id: t("by the generation's id"), size: t("by the file's length and size"),
  file: t("by its name"), inline: t("it stood beside it"), embedded: t("it stood in the file"), none: t("no words were found"),
}; // prettier-ignore

const FORWARD = direction === "rtl" ? -1 : 1; // what an arrow to the right means

export class Detail {
  /** @param {() => void} closed @param {(step: number) => void} turn to another picture @param {() => void} changed */
  constructor(closed, turn, changed) {
    this.closed = closed;
    this.changed = changed;
    this.turn = turn;
    this.message = new Message();
    this.body = element("div", { class: "dfa-about" });
    const bar = element("div", { class: "dfi-row" },
      action(t("← All pictures"), () => this.close()), element("span", { class: "dfi-grow" }),
      button(t("The picture before"), "‹", () => turn(-1), { class: "dfi-button" }),
      button(t("The next picture"), "›", () => turn(1), { class: "dfi-button" }),
    ); // prettier-ignore
    this.root = element("section", { class: "dfa-detail", "aria-label": t("Picture"), hidden: true, tabindex: -1 },
      bar, this.message.root, this.body); // prettier-ignore
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  close() {
    this.root.hidden = true;
    this.closed();
  }

  /** @param {Item} item */
  show(item) {
    this.message.say("");
    const open = element("a", { href: address(`/items/${item.id}/picture`), target: "_blank", rel: "noopener",
      title: t("Open the original") }, element("img", { src: address(`/items/${item.id}/picture`), alt: item.prompt })); // prettier-ignore
    const actions = element("div", { class: "dfi-row" },
      action(t("Use in workflow"), () => this.#do(() => useInWorkflow(item))),
      action(t("Compare with FLUX"), () => this.#do(async () => {
        await compareWithFlux(item);
        return t("Opened the workflow with this picture.");
      })),
      element("span", { class: "dfi-grow" }),
      action(t("Delete"), () => this.#delete(item)),
    ); // prettier-ignore
    const redrawn = element("div", { class: "dfa-redrawn" });
    this.body.replaceChildren(open, actions, ...words(t("As you typed it"), item.prompt),
      ...words(t("As it was sent"), item.revised_prompt), facts(item), redrawn); // prettier-ignore
    this.root.hidden = false;
    this.root.scrollTop = 0;
    if (item.reproductions) this.#showRedrawn(item, redrawn);
  }

  /** @param {Item} item @param {HTMLElement} place */
  async #showRedrawn(item, place) {
    try {
      /** @type {{reproductions: Reproduction[]}} */
      const { reproductions } = await ask(`/items/${item.id}/reproductions`);
      const shown = reproductions.map(({ picture, info, made }) => {
        const href = address(`/items/${item.id}/reproductions/${picture}`);
        const title = [info?.model, made?.slice(0, 10)].filter(Boolean).join(" · ");
        return element("a", { href, target: "_blank", rel: "noopener", title }, element("img", { src: href, alt: title }));
      });
      place.replaceChildren(element("h2", { text: t("Drawn again") }), element("div", { class: "dfa-strip" }, ...shown));
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {Item} item */
  async #delete(item) {
    const title = t("Delete this picture?");
    const message = t("The picture, its words and what was drawn of it go for good; a note of the date and the maker stays.");
    if (!(await app.extensionManager.dialog.confirm({ title, message, type: "delete" }))) return;
    try {
      await ask(`/items/${item.id}`, "DELETE");
      this.close();
      this.changed();
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {() => string | Promise<string>} work */
  async #do(work) {
    try {
      this.message.say(await work());
    } catch (error) {
      this.message.complain(error);
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowLeft: -FORWARD, ArrowRight: FORWARD }[event.key];
    if (step) this.turn(step);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** @param {string} title @param {string} text */
function words(title, text) {
  if (!text) return [];
  const copy = action(t("Copy"), async () => {
    await navigator.clipboard?.writeText(text).catch(() => {});
    copy.textContent = t("Copied");
  }, `${t("Copy")}: ${title}`); // prettier-ignore
  const head = element("div", { class: "dfi-row" }, element("h2", { class: "dfi-grow", text: title }), copy);
  return [head, element("p", { class: "dfa-words", dir: "auto", text })];
}

/** @param {Item} item */
function facts(item) {
  const surely = item.match === "none" ? "" : ` (${Math.round(item.confidence * 100)} %)`;
  const lines = {
    [t("Made by")]: item.maker, [t("Made")]: item.created?.replace("T", " ").replace("Z", " UTC"), [t("Chat")]: item.conversation,
    [t("Size")]: `${item.size}, ${item.format}, ${(item.bytes / 1e6).toFixed(2)} MB`,
    [t("Content credentials")]: item.has_c2pa ? t("C2PA, untouched") : t("none in the file"),
    [t("Words found")]: MATCHES[/** @type {keyof typeof MATCHES} */ (item.match)] + surely,
    [t("File")]: item.file, [t("Called")]: item.name, ...item.facts,
  }; // prettier-ignore
  const rows = Object.entries(lines).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  return element("dl", { class: "dfa-facts" },
    ...rows.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { dir: "auto", text: String(value) })])); // prettier-ignore
}
