// The pointer on the matrix. Row or column -1 is the names' own.
function hit(event) {
  const area = stage.getBoundingClientRect();
  const [x, y] = [event.clientX - area.left, event.clientY - area.top];
  const column = x < box.left ? -1 : Math.floor((x - box.left + box.x) / box.cell);
  const row = y < box.top ? -1 : Math.floor((y - box.top + box.y) / box.cell);
  if ((row < 0 && column < 0) || row >= view.number || column >= view.number) return null;
  return { row, column, x, y };
}

function bracketAt({ row, column, x, y }) {
  const inBracket = (column < 0 && x > box.left - BRACKET) || (row < 0 && y > box.top - BRACKET);
  if (!inBracket || !levelOf(state.level)) return null;
  const place = column < 0 ? row : column;
  return view.boxes.find(({ start, end }) => start <= place && place < end) || null;
}

// the triangle before a family's name
function onTriangle({ row, column, x, y }) {
  const item = view.items[Math.max(row, column)];
  if ((row >= 0 && column >= 0) || item.node === null) return false;
  const bracket = view.boxes.length ? BRACKET : 0;
  if (row < 0 && !box.flat) return y > box.top - bracket - 20;
  base.font = nameFont();
  const width = base.measureText(clipped(base, label(item), row < 0 ? box.cell : box.left - 8 - bracket)).width;
  const start = row < 0 ? (leftOf(column) + leftOf(column + 1) - width) / 2 : box.left - 6 - bracket - width;
  return x > start - 4 && x < start + 14;
}

function nodeAt(found) {
  const bracket = bracketAt(found);
  if (bracket) return bracket.node;
  return onTriangle(found) ? view.items[Math.max(found.row, found.column)].node : null;
}

function open({ row, column }) {
  if (row < 0) showItem(view.items[column]);
  else if (column < 0) showItem(view.items[row]);
  else showCell(view.items[row], view.items[column]);
}

const drag = { from: null, moved: false };

stage.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  drag.from = { x: event.clientX, y: event.clientY, left: box.x, top: box.y };
  drag.moved = false;
  stage.setPointerCapture(event.pointerId);
});

stage.addEventListener("pointermove", (event) => {
  if (drag.from) pan(event);
  if (!drag.moved) point(hit(event));
});

stage.addEventListener("pointerup", (event) => {
  const { moved } = drag;
  drag.from = null;
  drag.moved = false;
  const found = hit(event);
  if (moved || !found) return;
  const node = nodeAt(found);
  if (node !== null) toggle(node);
  else {
    state.cursor = { row: found.row, column: found.column };
    drawOver();
    open(found);
  }
});

stage.addEventListener("pointercancel", () => { drag.from = null; });
stage.addEventListener("pointerleave", () => point(null));
function pan(event) {
  const [x, y] = [event.clientX - drag.from.x, event.clientY - drag.from.y];
  if (!drag.moved && Math.hypot(x, y) < 5) return;
  drag.moved = true;
  point(null);
  box.x = drag.from.left - x;
  box.y = drag.from.top - y;
  stayInside();
  draw();
}

stage.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const area = stage.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), event.clientX - area.left, event.clientY - area.top);
  } else if (box.cell > box.fit * 1.001) {
    const before = [box.x, box.y];
    box.x += event.shiftKey ? event.deltaY : event.deltaX;
    box.y += event.shiftKey ? 0 : event.deltaY;
    stayInside();
    if (box.x !== before[0] || box.y !== before[1]) event.preventDefault();
    draw();
  }
}, { passive: false });

function zoom(factor, x = (box.width + box.left) / 2, y = (box.height + box.top) / 2) {
  const most = Math.max(box.fit, 44);
  const cell = Math.max(box.fit, Math.min(box.cell * factor, most));
  const grown = cell / box.cell;
  box.x = (box.x + x - box.left) * grown - (x - box.left);
  box.y = (box.y + y - box.top) * grown - (y - box.top);
  box.cell = cell;
  stayInside();
  draw();
}

function point(found) {
  pointed = found;
  drawOver();
  stage.style.cursor = found ? "pointer" : "default";
  if (found) showTip(tipWords(found), found.x, found.y);
  else hideTip();
}

function showTip(words, x, y) {
  const tip = byId("tip");
  tip.hidden = false;
  tip.textContent = words;
  const room = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 16, box.width - room.width - 4))}px`;
  tip.style.top = `${y + 20 + room.height > box.height ? Math.max(4, y - room.height - 12) : y + 20}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}

function tipWords(found) {
  if (found.row >= 0 && found.column >= 0) return cellTip(found.row, found.column);
  const bracket = bracketAt(found);
  if (bracket) return `${shown(view.boxLevel.nodes[bracket.node])}\nClick to put its classes together again`;
  const item = view.items[Math.max(found.row, found.column)];
  if (onTriangle(found)) return `${shown(item.name)}\nClick to show its ${item.members.length} classes`;
  return nameTip(item);
}

function nameTip(item) {
  return itemWords(item).replace(": ", "\n");
}

function cellTip(row, column) {
  const lines = [
    `true: ${shown(view.items[row].name)}`,
    `predicted: ${shown(view.items[column].name)}`,
    plural(countAt(row, column), "picture") + (countAt(row, column) ? `, ${percent(shareAt(row, column))} of ${plain(view.totals[row])}` : ""),
  ];
  if (view.beside) lines.push(`other model: ${plain(countAt(row, column) - differenceAt(row, column))} (${signed(differenceAt(row, column))})`);
  return lines.join("\n");
}
