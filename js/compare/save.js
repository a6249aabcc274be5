/** The menu that saves or copies a picture, the difference or the sheet. */
import { button, element } from "./dom.js";

/**
 * @param {() => {name: string, file: {filename: string}}[]} files what there is now
 * @param {(file: any) => string} address
 * @param {(text: string) => void} say
 */
export function saveMenu(files, address, say) {
  const list = element("div", { class: "dfc-menu", role: "menu" });
  const menu = element("details", { class: "dfc-save" });
  const close = () => (menu.open = false);
  const row = ({ name, file }) => {
    const save = element("a", {
      href: address(file), download: fileName(name), role: "menuitem", title: `Save ${name}`,
      "aria-label": `Save ${name}`, text: "Save", onclick: close,
    }); // prettier-ignore
    const copy = button(`Copy ${name}`, "Copy", () => copyPicture(address(file), say).then(close), {
      role: "menuitem",
    });
    return element("div", { class: "dfc-menu-row" }, element("span", { dir: "auto", text: name }), save, copy);
  };
  menu.append(element("summary", { title: "Save or copy", "aria-label": "Save or copy", text: "⤓" }), list);
  menu.addEventListener("toggle", () => list.replaceChildren(...(menu.open ? files().map(row) : [])));
  return menu;
}

function fileName(name) {
  return `${name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "")}.png`;
}

/** The clipboard wants PNG, which is what ComfyUI's temp pictures are. */
async function copyPicture(url, say) {
  try {
    const blob = fetch(url).then((reply) => reply.blob());
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    say("Copied.");
  } catch {
    say("The browser does not allow copying here: open ComfyUI over https or on this machine, or save the picture.");
  }
}
