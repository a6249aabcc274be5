// @ts-check
/** How our pages ask this ComfyUI, and what they say when it refuses. */
import { api } from "../../scripts/api.js";
import { locale, t, told } from "./words.js";

/** Why something was not done, in a sentence for people. */
export class Refused extends Error {
  /** @param {string} sentence @param {string} [code] */
  constructor(sentence, code = "") {
    super(sentence);
    this.code = code;
  }
}

/**
 * As the frontend's own `fetchApi`; what is refused is said in the frontend's language.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 */
export function request(path, options = {}) {
  return api.fetchApi(path, { ...options, headers: { ...options.headers, "Accept-Language": locale } });
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
      reply = await request(root + path, { method, ...sent });
      answer = await reply.json();
    } catch {
      throw new Refused(t("ComfyUI did not answer."));
    }
    if (!reply.ok) throw new Refused(answer.error, answer.code);
    return answer;
  };
}

/** @param {unknown} error @returns {string} what people are told of it */
export function sentence(error) {
  return told(error instanceof Error ? error.message : String(error));
}
