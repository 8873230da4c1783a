// Drawing the matrix. One canvas holds cells and names, a second one what follows pointer and cursor.
const stage = byId("stage");
const base = byId("cells").getContext("2d");
const over = byId("over").getContext("2d");
const box = { width: 0, height: 0, left: 0, top: 0, fit: 1, cell: 1, x: 0, y: 0, flat: false };
const LARGEST_CELL = 96;
const READABLE = 11; // pixels a name needs
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
const BRACKET = 12; // room for what marks an open family
let paper = {};

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const names = ["surface", "ink", "muted", "line", "grid", "accent", "empty"];
  paper = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  mixRamps();
}

function layOut() {
  const area = stage.getBoundingClientRect();
  box.width = area.width;
  box.height = area.height;
  for (const context of [base, over]) {
    context.canvas.width = Math.round(area.width * devicePixelRatio);
    context.canvas.height = Math.round(area.height * devicePixelRatio);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  }
  base.font = `600 12.5px ${FONT}`;
  const widest = Math.max(...view.items.map((item) => base.measureText(label(item)).width)) + 10;
  const bracket = view.boxes.length ? BRACKET : 0;
  box.left = Math.max(44, Math.min(widest, roomForNames(box.width, 0.3), 210)) + bracket;
  box.flat = box.left + view.number * (widest + 4) <= box.width && view.number <= 12;
  box.top = (box.flat ? 24 : Math.max(44, Math.min(widest, roomForNames(box.height, 0.28), 180))) + bracket;
  const room = Math.min((box.width - box.left) / view.number, (box.height - box.top) / view.number);
  const zoom = box.cell / box.fit;
  box.fit = Math.min(room, box.flat ? Math.max(LARGEST_CELL, widest + 4) : LARGEST_CELL);
  box.cell = box.fit * Math.max(1, zoom || 1);
  stayInside();
  draw();
}

// few classes leave more room for their names
const roomForNames = (side, share) => Math.max(side * share, side - 48 * view.number);

function stayInside() {
  const whole = box.cell * view.number;
  box.x = Math.max(0, Math.min(box.x, whole - (box.width - box.left)));
  box.y = Math.max(0, Math.min(box.y, whole - (box.height - box.top)));
  stage.style.touchAction = box.cell > box.fit * 1.001 ? "none" : "pan-y"; // a finger scrolls past the whole matrix
}

const label = (item) => (item.node === null ? shown(item.name) : `\u25b8 ${shown(item.name)}`);
const leftOf = (column) => Math.round(box.left + column * box.cell - box.x);
const topOf = (row) => Math.round(box.top + row * box.cell - box.y);

function visible(offset, room) {
  const first = Math.max(0, Math.floor(offset / box.cell));
  return [first, Math.min(view.number, Math.ceil((offset + room) / box.cell))];
}

function inside(context, x, y, width, height, drawing) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  drawing();
  context.restore();
}

let asked = false;

function draw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    drawBase();
    drawOver();
  });
}

function drawBase() {
  const { width, height, left, top } = box;
  base.clearRect(0, 0, width, height);
  inside(base, left, top, width - left, height - top, drawCells);
  inside(base, 0, top - 6, left, height, () => drawNames(base, false));
  inside(base, left - 6, 0, width, top, () => drawNames(base, true));
}

// the thesis's colours lie on black, in light and dark
const onBlack = () => state.scale === "thesis" && state.values !== "difference";
const lines = () => (onBlack() ? { grid: "#3d4248", boxes: "#ffffff" } : { grid: paper.grid, boxes: paper.accent });

function drawCells() {
  const [firstRow, lastRow] = visible(box.y, box.height - box.top);
  const [firstColumn, lastColumn] = visible(box.x, box.width - box.left);
  const gap = box.cell >= 7 ? 1 : 0;
  base.fillStyle = gap ? lines().grid : paper.empty;
  base.fillRect(leftOf(0), topOf(0), leftOf(view.number) - leftOf(0), topOf(view.number) - topOf(0));
  base.textAlign = "center";
  base.textBaseline = "middle";
  for (let row = firstRow; row < lastRow; row += 1) {
    for (let column = firstColumn; column < lastColumn; column += 1) drawCell(row, column, gap);
  }
  drawBoxes();
}

function drawCell(row, column, gap) {
  const colour = colourAt(row, column);
  if (!colour && !gap) return;
  const [x, y] = [leftOf(column), topOf(row)];
  const [width, height] = [leftOf(column + 1) - x - gap, topOf(row + 1) - y - gap];
  base.fillStyle = colour ? colour.fill : paper.empty;
  base.fillRect(x, y, Math.max(width, 1), Math.max(height, 1));
  if (!colour || box.cell < 17) return;
  const text = textAt(row, column);
  const points = Math.min(15, box.cell * 0.44, (1.55 * box.cell) / Math.max(text.length, 1));
  if (points < 8) return;
  base.fillStyle = colour.ink;
  base.font = `${points}px ${FONT}`;
  base.fillText(text, x + width / 2, y + height / 2 + 0.5);
}

function drawBoxes() {
  base.strokeStyle = lines().boxes;
  base.lineWidth = 1.5;
  for (const { start, end } of view.boxes) {
    base.strokeRect(leftOf(start) - 0.5, topOf(start) - 0.5, leftOf(end) - leftOf(start), topOf(end) - topOf(start));
  }
}
