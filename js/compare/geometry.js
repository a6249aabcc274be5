/**
 * Zoom and pan, in the pixels of picture A's frame. Every pane has the same size and shows the same part, so what
 * is linked is linked by construction.
 *
 * @typedef {{zoom: number, x: number, y: number}} Camera zoom 1 fits the frame into the pane; x, y is the frame's
 *   point in the middle of the pane, as fractions 0…1
 */

export const LARGEST = 64; // screen pixels a picture pixel may take
export const SMALLEST = 0.25; // the same when zooming out; a picture that fits the pane never gets smaller than that
export const FIT = Object.freeze({ zoom: 1, x: 0.5, y: 0.5 });

/** Screen pixels a frame pixel takes, before the canvas's own zoom. */
export function scale(camera, pane, frame) {
  return camera.zoom * Math.min(pane.width / frame.width, pane.height / frame.height);
}

/** Where the frame's corner lies in the pane. */
export function origin(camera, pane, frame) {
  const s = scale(camera, pane, frame);
  return { s, left: pane.width / 2 - camera.x * frame.width * s, top: pane.height / 2 - camera.y * frame.height * s };
}

/** Pane point → frame pixel (fractional). */
export function toFrame(camera, pane, frame, point) {
  const { s, left, top } = origin(camera, pane, frame);
  return { x: (point.x - left) / s, y: (point.y - top) / s };
}

/** Zoom by a factor so that the frame point under `point` stays there. */
export function zoomAt(camera, pane, frame, point, factor) {
  const fixed = toFrame(camera, pane, frame, point);
  const fit = scale(FIT, pane, frame);
  const zoom = Math.min(Math.max(camera.zoom * factor, Math.min(SMALLEST / fit, 1)), Math.max(LARGEST / fit, 1));
  const s = zoom * fit;
  return keep(
    {
      zoom,
      x: (fixed.x - (point.x - pane.width / 2) / s) / frame.width,
      y: (fixed.y - (point.y - pane.height / 2) / s) / frame.height,
    },
    pane,
    frame,
  );
}

/** Move by screen pixels. */
export function pan(camera, pane, frame, dx, dy) {
  const s = scale(camera, pane, frame);
  return keep({ ...camera, x: camera.x - dx / s / frame.width, y: camera.y - dy / s / frame.height }, pane, frame);
}

/** Never let the frame leave the pane. */
function keep(camera, pane, frame) {
  const s = scale(camera, pane, frame);
  const clamp = (at, shown) => (shown >= 1 ? 0.5 : Math.min(Math.max(at, shown / 2), 1 - shown / 2));
  return {
    zoom: camera.zoom,
    x: clamp(camera.x, pane.width / (frame.width * s)),
    y: clamp(camera.y, pane.height / (frame.height * s)),
  };
}
