// @ts-check
/** The menu that saves or copies a picture, the difference or the sheet. */
import { button, element } from "../dom.js";
import { t } from "../words.js";

/**
 * @typedef {import("./view.js").PictureFile} PictureFile
 * @typedef {{name: string, file: PictureFile}} Saveable
 */

/**
 * @param {() => Saveable[]} files what there is now
 * @param {(file: PictureFile) => string} address
 * @param {(text: string) => void} say
 */
export function saveMenu(files, address, say) {
  const list = element("div", { class: "dfc-menu", role: "menu" });
  const menu = element("details", { class: "dfc-save" });
  /** @param {Saveable} one */
  const row = ({ name, file }) => {
    /** @param {string} label @param {() => Promise<void>} what */
    const act = (label, what) =>
      button(`${label} ${name}`, label, () => what().then(() => (menu.open = false)), { role: "menuitem" });
    const save = act(t("Save"), () => savePicture(address(file), fileName(name), say));
    const copy = act(t("Copy"), () => copyPicture(address(file), say));
    return element("div", { class: "dfc-menu-row" }, element("span", { dir: "auto", text: name }), save, copy);
  };
  menu.append(element("summary", { title: t("Save or copy"), "aria-label": t("Save or copy"), text: "⤓" }), list);
  menu.addEventListener("toggle", () => list.replaceChildren(...(menu.open ? files().map(row) : [])));
  return menu;
}

/** @param {string} name */
function fileName(name) {
  return `${name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "")}.png`;
}

/**
 * By way of a blob: a plain link to ComfyUI's file would be saved under the name that it has in the temp folder.
 * @param {string} url @param {string} name @param {(text: string) => void} say
 */
async function savePicture(url, name, say) {
  try {
    const reply = await fetch(url);
    if (!reply.ok) throw new Error(reply.statusText);
    const link = element("a", { href: URL.createObjectURL(await reply.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may ask for it until it has begun to save
    say(t("Saved {0}.", name));
  } catch {
    say(t("The picture could not be fetched from ComfyUI; change a label and run the workflow again."));
  }
}

/**
 * The clipboard wants PNG, which is what ComfyUI's temp pictures are.
 * @param {string} url @param {(text: string) => void} say
 */
async function copyPicture(url, say) {
  try {
    const blob = fetch(url).then((reply) => reply.blob());
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    say(t("Copied."));
  } catch {
    say(t("The browser does not allow copying here: open ComfyUI over https or on this machine, or save the picture."));
  }
}
