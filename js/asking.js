// @ts-check
/** How our pages ask this ComfyUI, and what they say when it refuses. */
import { api } from "../../scripts/api.js";

/** Why something was not done, in a sentence for people. */
export class Refused extends Error {
  /** @param {string} sentence @param {string} [code] */
  constructor(sentence, code = "") {
    super(sentence);
    this.code = code;
  }
}

/**
 * How a page asks the addresses below `root`.
 *
 * @param {string} root
 * @returns {(path: string, method?: "GET" | "POST" | "PUT" | "DELETE", body?: object | Blob) => Promise<any>} the
 *   answer; a Blob is sent as it is, anything else as JSON; rejected as Refused
 */
export function asker(root) {
  return async (path, method = "GET", body) => {
    const isFile = body instanceof Blob;
    const kind = isFile ? "application/octet-stream" : "application/json";
    const sent = body && { headers: { "Content-Type": kind }, body: isFile ? body : JSON.stringify(body) };
    let reply, answer;
    try {
      reply = await api.fetchApi(root + path, { method, ...sent });
      answer = await reply.json();
    } catch {
      throw new Refused("ComfyUI did not answer.");
    }
    if (!reply.ok) throw new Refused(answer.error, answer.code);
    return answer;
  };
}

/** @param {unknown} error @returns {string} what people are told of it */
export function sentence(error) {
  return error instanceof Error ? error.message : String(error);
}
