// @ts-check
/**
 * What the page asks of this ComfyUI. The addresses are described in nodes/endpoint/routes.py.
 *
 * @typedef {{name: string, requests_per_minute?: number, pictures_per_day?: number, max_waiting?: number,
 *   models?: string[]}} Key a limit that was not set is not there
 * @typedef {{id: string, client: string, operation: string, model: string, prompt: string, size: string, n: number,
 *   status: string, progress: number, position: number | null}} LiveJob
 * @typedef {{id: string, operation: string, model: string, status: string, status_code: number | null,
 *   created_at: number, completed_at: number | null}} KeptJob times in Unix seconds
 * @typedef {{id: string, job: string, webhook: string, state: "due" | "done" | "given up", attempts: number,
 *   due: number, answered: number | null, complaint: string | null}} Delivery
 * @typedef {{requests_last_hour: number, pictures_last_hour: number, seconds_a_picture: number | null}} Throughput
 * @typedef {{base_url: string, enabled: boolean, policy: string, alive: boolean, keys: Key[], live: LiveJob[],
 *   jobs: KeptJob[], deliveries: Delivery[], throughput: Throughput}} Status
 * @typedef {{name: string, draws_with: string, operations: string[], versions: number[],
 *   published: {name: string, version: number, description: string} | null}} Model
 * @typedef {{name: string, version: number, complaint: string}} Spoilt a published model whose file cannot be read
 */
import { api } from "../../../scripts/api.js";

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
 * @returns {(path: string, method?: "GET" | "POST" | "DELETE", body?: object) => Promise<any>} the answer; rejected as
 *   Refused
 */
export function asker(root) {
  return async (path, method = "GET", body) => {
    let reply, answer;
    try {
      const sent = body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
      reply = await api.fetchApi(root + path, { method, ...sent });
      answer = await reply.json();
    } catch {
      throw new Refused("ComfyUI did not answer.");
    }
    if (!reply.ok) throw new Refused(answer.error, answer.code);
    return answer;
  };
}

export const ask = asker("/dalle_flux/endpoint");

/** @param {unknown} error @returns {string} what people are told of it */
export function sentence(error) {
  return error instanceof Error ? error.message : String(error);
}
