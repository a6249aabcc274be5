// @ts-check
/** The form that makes the open workflow an image model. */
import { app } from "../../../scripts/app.js";
import { element } from "../dom.js";
import { ask } from "./asking.js";
import { Message, action, labelled } from "../parts.js";
import { t } from "../words.js";

export class Publisher {
  /**
   * @param {(name: string) => {version: number, description: string} | null} newest version of a model, if it has any
   * @param {() => Promise<void>} published called when there is a new version
   * @param {(name: string) => void} tries called with a model that is to be tried
   */
  constructor(newest, published, tries) {
    this.newest = newest;
    this.published = published;
    this.tries = tries;
    this.name = element("input", { class: "dfi-input", required: true, oninput: () => this.tellVersion() });
    this.description = element("textarea", { class: "dfi-input", rows: 2, maxlength: 500 });
    this.version = element("p", { class: "dfi-faint", role: "status" });
    this.message = new Message();
    this.then = element("div", { class: "dfi-row" }); // what can be done with what was just published
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.#publish(this.name.value.trim(), this.description.value);
    };
    this.submit = element("button", { type: "submit", class: "dfi-button", text: t("Publish") });
    const leave = action(t("Leave it"), () => this.#hide());
    this.form = element("form", { class: "dfi-form dfi-entry", hidden: true, "aria-label": t("Publish the open workflow"), onsubmit },
      labelled(t("Apps ask for it as"), this.name), this.version, labelled(t("Description"), this.description),
      element("div", { class: "dfi-row" }, this.submit, leave),
    ); // prettier-ignore
    const start = action(t("Publish the open workflow …"), () => this.start());
    this.root = element("div", { class: "dfi-form" }, start, this.form, this.message.root, this.then);
  }

  /** Ask for a name. */
  start() {
    this.form.hidden = false;
    this.name.value = nameOf(app.extensionManager.workflow.activeWorkflow?.filename ?? "");
    this.description.value = "";
    this.tellVersion();
    this.message.say("");
    this.then.replaceChildren();
    requestAnimationFrame(() => { // once a page that is being opened can have the focus
      this.name.focus();
      this.name.select();
    }); // prettier-ignore
  }

  tellVersion() {
    const last = this.newest(this.name.value.trim());
    this.version.textContent = last ? t("There is version {0} of this name; this becomes the newest.", last.version) : "";
    if (last && !this.description.value) this.description.value = last.description;
  }

  /** @param {string} name @param {string} description */
  async #publish(name, description) {
    this.submit.disabled = true;
    try {
      const { output, workflow } = await app.graphToPrompt();
      const { version } = await ask("/models", "POST", { name, description, graph: output, workflow });
      await this.published();
      this.#hide();
      this.message.say(t("Apps can now ask for {0} (version {1}).", name, version));
      this.then.replaceChildren(action(t("Try it"), () => this.tries(name), t("Try {0}", name)));
    } catch (error) {
      this.message.complain(error);
    }
    this.submit.disabled = false;
  }

  #hide() {
    this.form.hidden = true;
    this.message.say("");
  }
}

/** @param {string} file name of a workflow @returns {string} the nearest name that a model can have */
function nameOf(file) {
  const name = file.toLowerCase().replace(/[^a-z0-9._-]+/g, "-");
  return name.replace(/^[^a-z0-9]+/, "").slice(0, 64).replace(/[^a-z0-9]+$/, ""); // prettier-ignore
}
