// The names of rows and columns, and what follows pointer and cursor.
function clipped(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  const signs = [...text];
  let [low, high] = [0, signs.length];
  const cut = (kept) => `${signs.slice(0, Math.ceil(kept * 0.6)).join("")}\u2026${signs.slice(signs.length - Math.floor(kept * 0.4)).join("")}`;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (context.measureText(cut(middle)).width <= room) low = middle;
    else high = middle - 1;
  }
  return low ? cut(low) : "";
}

const nameFont = () => `${Math.max(10, Math.min(12.5, box.cell * 0.8))}px ${FONT}`;

function drawNames(context, columns) {
  const step = Math.max(1, Math.ceil(READABLE / box.cell));
  const [first, last] = columns ? visible(box.x, box.width - box.left) : visible(box.y, box.height - box.top);
  context.font = nameFont();
  for (let i = first; i < last; i += 1) {
    if (i % step === 0) drawName(context, i, columns, paper.muted);
  }
  for (const marked of view.boxes) drawBracket(context, marked, columns);
}

function drawName(context, i, columns, colour) {
  const item = view.items[i];
  const bracket = view.boxes.length ? BRACKET : 0;
  context.save();
  context.direction = "ltr";
  context.fillStyle = item.node === null ? colour : paper.ink;
  context.textBaseline = "middle";
  const middle = (columns ? leftOf(i) + leftOf(i + 1) : topOf(i) + topOf(i + 1)) / 2;
  if (columns && box.flat) {
    context.textAlign = "center";
    context.fillText(label(item), middle, (box.top - bracket) / 2);
  } else if (columns) {
    context.translate(middle, box.top - 6 - bracket);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(clipped(context, label(item), box.top - 8 - bracket), 0, 0);
  } else {
    context.textAlign = "right";
    context.fillText(clipped(context, label(item), box.left - 8 - bracket), box.left - 6 - bracket, middle);
  }
  context.restore();
}

function drawBracket(context, { start, end }, columns) {
  const [from, to] = columns ? [leftOf(start) + 1, leftOf(end) - 2] : [topOf(start) + 1, topOf(end) - 2];
  const edge = (columns ? box.top : box.left) - 4;
  context.strokeStyle = paper.accent;
  context.lineWidth = 1.5;
  context.beginPath();
  const points = [[edge, from], [edge - 4, from], [edge - 4, to], [edge, to]];
  points.forEach(([across, along], i) => {
    const [x, y] = columns ? [along, across] : [across, along];
    if (i) context.lineTo(x, y);
    else context.moveTo(x, y);
  });
  context.stroke();
}

let pointed = null;

function drawOver() {
  over.clearRect(0, 0, box.width, box.height);
  if (pointed) drawCross(pointed, false);
  if (state.cursor) drawCross(state.cursor, true);
}

function drawCross({ row, column }, strong) {
  over.lineWidth = strong ? 2.5 : 1.5;
  over.strokeStyle = strong ? paper.accent : paper.ink;
  const [x, y] = [leftOf(Math.max(column, 0)), topOf(Math.max(row, 0))];
  const [right, bottom] = [leftOf(column + 1), topOf(row + 1)];
  inside(over, box.left - 2, box.top - 2, box.width, box.height, () => {
    over.globalAlpha = strong ? 1 : 0.85;
    if (row < 0) over.strokeRect(x - 1, box.top, right - x + 1, topOf(view.number) - box.top);
    else if (column < 0) over.strokeRect(box.left, y - 1, leftOf(view.number) - box.left, bottom - y + 1);
    else over.strokeRect(x - 1, y - 1, Math.max(right - x + 1, 3), Math.max(bottom - y + 1, 3));
  });
  if (row >= 0) drawStrongName(row, false);
  if (column >= 0) drawStrongName(column, true);
}

// names that had no room, and those that are pointed at
function drawStrongName(i, columns) {
  const half = Math.max(box.cell, 20) / 2;
  const middle = (columns ? leftOf(i) + leftOf(i + 1) : topOf(i) + topOf(i + 1)) / 2;
  const bracket = view.boxes.length ? BRACKET : 0;
  const [wide, high] = [box.left - 3 - bracket, box.top - 3 - bracket];
  const room = columns ? [middle - half, 0, 2 * half, high] : [0, middle - half, wide, 2 * half];
  const limits = columns ? [box.left - 8, 0, box.width, box.top] : [0, box.top - 8, box.left, box.height];
  inside(over, ...limits, () => {
    over.fillStyle = paper.surface;
    over.fillRect(...room);
    over.font = `600 ${nameFont()}`;
    drawName(over, i, columns, paper.ink);
  });
}
