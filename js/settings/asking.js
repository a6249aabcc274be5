// @ts-check
/**
 * What the settings page asks of this ComfyUI. The addresses are described in nodes/settings/routes.py.
 *
 * @typedef {{name: string, base_url: string, kind: string, models: string[], api_key_env: string | null,
 *   key: "stored" | "set" | "unset" | "none", is_built_in: boolean, is_local: boolean}} Endpoint
 * @typedef {{per_session_usd: number | null, per_day_usd: number, only_commercial: boolean, minimum: string | null,
 *   archive_folders: string[], served: boolean}} Limits
 * @typedef {{file: string, complaint: string, endpoints: Endpoint[], kinds: string[], presets: string[],
 *   settings: Limits | null}} Settings
 * @typedef {{day: string, endpoint: string, requests: number, usd: number, unknown: number, estimates: number}} Day
 * @typedef {{id: number, day: string, endpoint: string, operation: string, model: string, state: string,
 *   cost_usd: number | null, estimate_usd: number | null}} LedgerRow
 * @typedef {{month: string, usd: number, days: Day[], rows: LedgerRow[]}} Costs
 */
import { asker } from "../asking.js";

export const ask = asker("/dalle_flux/settings");
