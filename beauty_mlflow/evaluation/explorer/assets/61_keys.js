// The cursor, which keys move from cell to cell and to the names.
function bringIntoView({ row, column }) {
  const [width, height] = [box.width - box.left, box.height - box.top];
  if (column >= 0) box.x = Math.max((column + 1) * box.cell - width, Math.min(box.x, column * box.cell));
  if (row >= 0) box.y = Math.max((row + 1) * box.cell - height, Math.min(box.y, row * box.cell));
  stayInside();
}

// the middle of the cursor's cell or name, as the pointer would stand there
function placeOf({ row, column }) {
  const middle = (place, start, moved) => (place < 0 ? start / 2 : start + (place + 0.5) * box.cell - moved);
  return [middle(column, box.left, box.x), middle(row, box.top, box.y)];
}

function cursorTip({ row, column }) {
  return row < 0 || column < 0 ? nameTip(view.items[Math.max(row, column)]) : cellTip(row, column);
}

function zoomAtCursor(factor) {
  if (!state.cursor) return zoom(factor);
  bringIntoView(state.cursor);
  zoom(factor, ...placeOf(state.cursor));
  moveCursor(state.cursor.row, state.cursor.column);
}

function moveCursor(row, column) {
  const last = view.number - 1;
  const to = { row: Math.max(-1, Math.min(row, last)), column: Math.max(-1, Math.min(column, last)) };
  if (to.row < 0 && to.column < 0) return;
  state.cursor = to;
  bringIntoView(to);
  draw();
  if (document.activeElement === stage) showTip(cursorTip(to), ...placeOf(to));
  say(to.row < 0 ? itemWords(view.items[to.column]) : to.column < 0 ? itemWords(view.items[to.row]) : cellWords(to.row, to.column));
}

const STEPS_OF = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
  PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -Infinity], End: [0, Infinity],
};

stage.addEventListener("keydown", (event) => {
  if (event.ctrlKey && (event.key === "Home" || event.key === "End")) {
    moveCursor(...(event.key === "Home" ? [0, 0] : [Infinity, Infinity]));
    event.preventDefault();
  }
  if (event.key === "Escape") hideTip();
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const at = state.cursor || { row: 0, column: 0 };
  if (STEPS_OF[event.key]) {
    const [down, right] = state.cursor ? STEPS_OF[event.key] : [0, 0];
    const column = event.key === "Home" ? Math.min(0, at.column) : at.column + right;
    moveCursor(at.row + down, column);
  } else if (event.key === "Enter" && state.cursor) open(state.cursor);
  else if (event.key === " " && state.cursor) toggleAt(state.cursor);
  else if (event.key === "+" || event.key === "=") zoomAtCursor(1.4);
  else if (event.key === "-") zoomAtCursor(1 / 1.4);
  else if (event.key === "0") zoomAtCursor(0);
  else return;
  event.preventDefault();
});

stage.addEventListener("focus", () => {
  if (!stage.matches(":focus-visible")) return;
  const { row, column } = state.cursor || { row: 0, column: 0 };
  moveCursor(row, column);
});

stage.addEventListener("blur", hideTip);

// Space opens the family that the row (above the matrix: the column) stands for, or closes the one it belongs to
function toggleAt({ row, column }) {
  const item = view.items[row < 0 ? column : row];
  const node = item.node === null ? item.box : item.node;
  if (node === null || !levelOf(state.level)) return;
  const [first] = item.members;
  toggle(node);
  const place = view.place[first];
  moveCursor(row < 0 ? -1 : place, row < 0 || column >= view.number ? place : column);
}
