// @ts-check
/**
 * What the page asks of this ComfyUI. The addresses are described in nodes/archive/routes.py.
 *
 * @typedef {{id: string, maker: string, prompt: string, revised_prompt: string, conversation: string, size: string,
 *   created: string | null, match: string, confidence: number, file: string, name: string, format: string,
 *   bytes: number, has_c2pa: boolean, added: string, reproductions: number, facts: Record<string, string | number>}} Item
 * @typedef {{id: string, path: string, state: "running" | "done" | "failed" | "cancelled", found: number, added: number,
 *   known: number, missing: number, unmatched: number, unreadable: number, error: string | null, stage: string,
 *   bytes_done: number, bytes_total: number}} Import
 * @typedef {{kind: string, name: string, why: string, prompt: string, revised_prompt: string}} Finding
 * @typedef {{picture: string, made: string, prompt: string, info: any, metrics: any}} Reproduction
 */
import { api } from "../../../scripts/api.js";
import { Refused, asker } from "../asking.js";
import { t } from "../words.js";

const ROOT = "/dalle-flux/archive";
const PIECE = 4 * 2 ** 20; // bytes of a file sent at once

/** An address that an element can load. @param {string} path */
export function address(path) {
  return api.apiURL(ROOT + path);
}

export const ask = asker(ROOT);

/**
 * Send a file piece by piece; one that was sent in part before carries on there.
 * @param {File} file
 * @param {(share: number) => void} tell how much of it is there, 0 … 1
 * @param {AbortSignal} signal
 * @returns {Promise<string>} its path, for an import
 * @throws {Refused}
 */
export async function upload(file, tell, signal) {
  const name = encodeURIComponent(`${file.lastModified}-${file.size}-${file.name}`);
  let { received, path } = await ask(`/uploads/${name}?total=${file.size}`);
  while (received < file.size) {
    if (signal.aborted) throw new Refused(t("The upload was stopped; drop the file again to carry on."));
    tell(received / file.size);
    const piece = file.slice(received, received + PIECE);
    ({ received, path } = await ask(`/uploads/${name}?total=${file.size}&offset=${received}`, "PUT", piece));
  }
  return path;
}
