// @ts-check
/** Widgets that keep their value in the workflow without being drawn. */

/** How a widget was measured before it was folded. @type {WeakMap<object, {computeSize: any, computeLayoutSize: any}>} */
const before = new WeakMap();

/** Take a widget out of sight, or put it back. @param {any} widget @param {boolean} away */
export function fold(widget, away) {
  if (!before.has(widget)) {
    before.set(widget, { computeSize: widget.computeSize, computeLayoutSize: widget.computeLayoutSize });
  }
  widget.hidden = away;
  widget.options = { ...widget.options, hidden: away };
  if (away) {
    widget.computeSize = () => [0, -4]; // older canvases leave room for hidden widgets, and 4 px between two
    widget.computeLayoutSize = () => ({ minHeight: 0, maxHeight: 0, minWidth: 0 });
  } else Object.assign(widget, before.get(widget));
}
