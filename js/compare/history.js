// @ts-check
/**
 * What a workflow's earlier runs left, from the host's own history. History and temp pictures both last as long as
 * ComfyUI runs, so neither outlives the other.
 */
const RUNS = 64; // the newest ones looked through, as many as the host's own side bar asks for

/**
 * @param {(path: string) => Promise<Response>} request
 * @param {string} workflow the open graph's id
 * @returns {Promise<Record<string, any>[]>} for each of its runs, newest first, a node's path → its output; none when
 *   ComfyUI does not answer
 */
export async function earlierOutputs(request, workflow) {
  try {
    const reply = await request(`/history?max_items=${RUNS}`);
    const runs = /** @type {any[]} */ (Object.values(await reply.json()));
    const own = runs.filter((run) => run.prompt?.[3]?.extra_pnginfo?.workflow?.id === workflow);
    return own.map((run) => run.outputs ?? {}).reverse();
  } catch {
    return [];
  }
}
