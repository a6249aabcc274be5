// @ts-check
/**
 * What a node has to say before it can run, on the node itself: an error, what is missing, where a key goes. Newer
 * frontends keep errors three clicks away. A notice is no part of the workflow, and goes as it came.
 */
import { app } from "../../scripts/app.js";
import { enclosed } from "./dom.js";

/** @typedef {GraphNode & {dalleFluxHeightBefore?: number}} NoticedNode */

const NARROWEST = 360; // px, of a node with a notice

/**
 * Show a notice, in place of an earlier one of that name.
 *
 * @param {NoticedNode} node
 * @param {string} name
 * @param {HTMLElement} content
 * @param {number} height px
 */
export function put(node, name, content, height) {
  content.classList.add("dfn");
  const earlier = find(node, name);
  if (earlier?.element.dataset.height === String(height)) {
    earlier.element.shadowRoot.lastChild.replaceWith(content);
    return;
  }
  take(node, name);
  node.dalleFluxHeightBefore ??= node.size?.[1];
  const shown = enclosed("notice.css", content, { "data-notice": name });
  const widget = node.addDOMWidget(`dalle_flux_${name}`, `dalle_flux_${name}`, shown, {
    serialize: false, // neither in the prompt …
    getMinHeight: () => height,
    hideOnZoom: false,
  });
  widget.serialize = false; // … nor in the workflow
  shown.dataset.height = String(height);
  const needed = node.computeSize?.() ?? node.size;
  node.setSize?.([Math.max(node.size[0], NARROWEST), Math.max(node.size[1], needed[1])]);
  app.graph.setDirtyCanvas(true, true);
}

/** Take a notice away; the node gets its height back. @param {NoticedNode} node @param {string} name */
export function take(node, name) {
  const widget = find(node, name);
  if (!widget) return;
  node.widgets?.splice(node.widgets.indexOf(widget), 1);
  widget.onRemove?.();
  widget.element?.remove();
  if (node.widgets?.some((/** @type {any} */ other) => other.element?.dataset?.notice)) return; // another one needs the room
  if (node.dalleFluxHeightBefore) node.setSize?.([node.size[0], node.dalleFluxHeightBefore]);
  delete node.dalleFluxHeightBefore;
  app.graph.setDirtyCanvas(true, true);
}

/** @param {NoticedNode} node @param {string} name @returns {any} its widget */
export function find(node, name) {
  return node.widgets?.find((widget) => widget.name === `dalle_flux_${name}`);
}
