// @ts-check
/** The page in the sidebar: address and state on top, then jobs, a place to try models, the models, keys. */
import { element, enclosed, isField } from "../dom.js";
import { Refused } from "../asking.js";
import { Message, copyable } from "../parts.js";
import { t } from "../words.js";
import { ask } from "./asking.js";
import { Jobs } from "./jobs.js";
import { Keys } from "./keys.js";
import { Models } from "./models.js";

/**
 * @typedef {import("./asking.js").Status} Status
 * @typedef {import("./trial.js").Trial} Trial
 */

const BUSY = 1000; // ms between looks while there are jobs; ComfyUI tells of its own queue, too
const IDLE = 3000;

export class ImagesApiPage {
  /** @param {HTMLElement} root @param {Trial} trial */
  constructor(root, trial) {
    this.isOpen = true;
    this.looking = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.later = undefined;
    this.message = new Message();
    this.address = copyable(t("Base URL for apps"));
    this.state = element("p", { class: "dfi-state", role: "status" });
    this.policy = element("p", { class: "dfi-faint" });
    this.jobs = new Jobs();
    this.keys = new Keys(() => this.look());
    this.models = new Models(trial);
    const head = element("div", { class: "dfi-head" }, this.address.root, this.state, this.policy);
    this.rest = element("div", { class: "dfi-rest" }, head, this.models.publisher.root, this.jobs.live, trial.root, this.models.root,
      this.keys.root, this.jobs.kept, this.jobs.webhooks); // prettier-ignore
    this.body = element("div", { class: "dfi-page" }, this.message.root, this.rest);
    // The canvas listens for shortcuts, and cannot see that a field in here has the focus.
    this.body.addEventListener("keydown", (event) => isField(event.composedPath()[0]) && event.stopPropagation());
    root.replaceChildren(enclosed("images_api.css", this.body));
    this.look();
    this.models.load();
  }

  /** Nothing is asked any more. */
  close() {
    this.isOpen = false;
    clearTimeout(this.later);
  }

  /** Ask for a name under which the open workflow is published. */
  publish() {
    this.models.publisher.start();
  }

  /** Ask how things are, now and then again while the page is open. */
  async look() {
    if (this.looking) return;
    this.looking = true;
    clearTimeout(this.later);
    let pause = IDLE;
    try {
      const status = await ask("/status");
      this.#show(status);
      if (status.live.length) pause = BUSY;
    } catch (error) {
      this.message.complain(error);
      if (error instanceof Refused && error.code === "not_from_here") this.rest.hidden = true;
    }
    this.looking = false;
    if (this.isOpen) this.later = setTimeout(() => this.look(), pause);
  }

  /** @param {Status} status */
  #show(status) {
    this.message.say("");
    this.rest.hidden = false;
    this.address.text.value = status.base_url;
    const [kind, text] = stateOf(status);
    if (this.state.textContent !== text) this.state.textContent = text;
    this.state.dataset.state = kind;
    this.policy.textContent = t("Moderation policy in front: {0}.", status.policy);
    this.jobs.show(status);
    this.keys.show(status.keys);
  }
}

/** @param {Status} status @returns {["on" | "off", string]} whom it answers */
function stateOf({ enabled, alive, keys }) {
  if (!alive) return ["off", t("ComfyUI's queue has stopped: nothing can be drawn until ComfyUI is started again.")];
  if (!enabled) return ["off", t("Switched off by enabled = false under [settings.endpoint] in endpoints.toml.")];
  if (keys.length) return ["on", t("On, for apps that send one of the keys.")];
  return ["on", t("On, for apps on this machine; they need no key. Other machines are refused until there is one.")];
}
