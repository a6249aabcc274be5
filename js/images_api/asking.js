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
import { asker } from "../asking.js";

export const ask = asker("/dalle_flux/endpoint");
