// @ts-check
/**
 * Zoom and pan, in the pixels of picture A's frame. Every pane has the same size and shows the same part, so what
 * is linked is linked by construction.
 *
 * @typedef {{zoom: number, x: number, y: number}} Camera zoom 1 fits the frame into the pane; x, y is the frame's
 *   point in the middle of the pane, as fractions 0…1
 * @typedef {{width: number, height: number}} Size of a pane in CSS pixels, of a frame in picture A's
 * @typedef {{x: number, y: number}} Point
 */

export const LARGEST = 64; // screen pixels a picture pixel may take
export const SMALLEST = 0.25; // the same when zooming out; a picture that fits the pane never gets smaller than that
/** @type {Readonly<Camera>} */
export const FIT = Object.freeze({ zoom: 1, x: 0.5, y: 0.5 });

/**
 * Screen pixels a frame pixel takes, before the canvas's own zoom.
 * @param {Camera} camera @param {Size} pane @param {Size} frame
 */
export function scale(camera, pane, frame) {
  return camera.zoom * Math.min(pane.width / frame.width, pane.height / frame.height);
}

/**
 * Where the frame's corner lies in the pane.
 * @param {Camera} camera @param {Size} pane @param {Size} frame
 */
export function origin(camera, pane, frame) {
  const s = scale(camera, pane, frame);
  return { s, left: pane.width / 2 - camera.x * frame.width * s, top: pane.height / 2 - camera.y * frame.height * s };
}

/**
 * Pane point → frame pixel (fractional).
 * @param {Camera} camera @param {Size} pane @param {Size} frame @param {Point} point
 */
export function toFrame(camera, pane, frame, point) {
  const { s, left, top } = origin(camera, pane, frame);
  return { x: (point.x - left) / s, y: (point.y - top) / s };
}

/**
 * Zoom by a factor so that the frame point under `point` stays there.
 * @param {Camera} camera @param {Size} pane @param {Size} frame @param {Point} point @param {number} factor
 */
export function zoomAt(camera, pane, frame, point, factor) {
  const fixed = toFrame(camera, pane, frame, point);
  const fit = scale(FIT, pane, frame);
  const zoom = Math.min(Math.max(camera.zoom * factor, Math.min(SMALLEST / fit, 1)), Math.max(LARGEST / fit, 1));
  const s = zoom * fit;
  const x = (fixed.x - (point.x - pane.width / 2) / s) / frame.width;
  const y = (fixed.y - (point.y - pane.height / 2) / s) / frame.height;
  return keep({ zoom, x, y }, pane, frame);
}

/**
 * Move by screen pixels.
 * @param {Camera} camera @param {Size} pane @param {Size} frame @param {number} dx @param {number} dy
 */
export function pan(camera, pane, frame, dx, dy) {
  const s = scale(camera, pane, frame);
  return keep({ ...camera, x: camera.x - dx / s / frame.width, y: camera.y - dy / s / frame.height }, pane, frame);
}

/**
 * Never let the frame leave the pane.
 * @param {Camera} camera @param {Size} pane @param {Size} frame @returns {Camera}
 */
function keep(camera, pane, frame) {
  const s = scale(camera, pane, frame);
  /** @param {number} at @param {number} shown both as fractions of the frame */
  const clamp = (at, shown) => (shown >= 1 ? 0.5 : Math.min(Math.max(at, shown / 2), 1 - shown / 2));
  return {
    zoom: camera.zoom,
    x: clamp(camera.x, pane.width / (frame.width * s)),
    y: clamp(camera.y, pane.height / (frame.height * s)),
  };
}
