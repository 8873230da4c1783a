// What the matrix shows now: classes in an order, gathered into families or groups, some of them open.
const state = {
  level: "classes",
  open: new Set(),
  order: "cluster",
  values: "counts",
  scale: "duo",
  mistakes: false,
  cursor: null,
};
const levelOf = (name) => data.levels.find((level) => level.name === name);
let view = null;

const classItem = (label) => ({ name: classes[label], members: [label], node: null, box: null });

function gatheredItems(level, order) {
  const members = new Map();
  for (const label of order) {
    const node = level.of[label];
    if (!members.has(node)) members.set(node, []);
    members.get(node).push(label);
  }
  return [...members].flatMap(([node, labels]) => {
    if (labels.length === 1) return [classItem(labels[0])];
    if (state.open.has(node)) return labels.map((label) => ({ ...classItem(label), box: node }));
    return [{ name: level.nodes[node], members: labels, node, box: null }];
  });
}

function plainItems(order) {
  const level = levelOf(state.order);
  return order.map((label) => ({ ...classItem(label), box: level ? level.of[label] : null }));
}

function arrange() {
  const level = levelOf(state.level);
  const order = data.orders[state.order];
  const items = level ? gatheredItems(level, order) : plainItems(order);
  const place = new Int32Array(size);
  items.forEach((item, i) => item.members.forEach((label) => { place[label] = i; }));
  view = { items, number: items.length, place, boxLevel: level || levelOf(state.order) || null };
  view.counts = collapse(counts);
  view.beside = besideCounts && collapse(besideCounts);
  view.totals = view.items.map((_, row) => rowSum(row));
  view.boxes = boxes();
}

function collapse(of) {
  const sums = new Int32Array(view.number * view.number);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const number = of[row * size + column];
      if (number) sums[view.place[row] * view.number + view.place[column]] += number;
    }
  }
  return sums;
}

function rowSum(row) {
  let sum = 0;
  for (let column = 0; column < view.number; column += 1) sum += view.counts[row * view.number + column];
  return sum;
}

function boxes() {
  const found = [];
  view.items.forEach((item, i) => {
    const last = found[found.length - 1];
    if (item.box === null) return;
    if (last && last.node === item.box && last.end === i) last.end = i + 1;
    else found.push({ node: item.box, start: i, end: i + 1 });
  });
  return found.filter((box) => box.end - box.start > 1);
}

const countAt = (row, column) => view.counts[row * view.number + column];
const shareAt = (row, column) => (view.totals[row] ? countAt(row, column) / view.totals[row] : 0);
const isRight = (row, column) => row === column;

function differenceAt(row, column) {
  return countAt(row, column) - view.beside[row * view.number + column];
}

function toggle(node) {
  if (state.open.has(node)) state.open.delete(node);
  else state.open.add(node);
  rearrange();
}

function pairs() {
  const found = [];
  for (let a = 0; a < view.number; a += 1) {
    for (let b = a + 1; b < view.number; b += 1) {
      const there = countAt(a, b);
      const back = countAt(b, a);
      if (there + back) found.push(there >= back ? { a, b, there, back } : { a: b, b: a, there: back, back: there });
    }
  }
  return found.sort((x, y) => y.there + y.back - x.there - x.back || x.a - y.a || x.b - y.b);
}

// null is what can't be said of a class without a picture
function figures(members, of = counts) {
  const everything = classes.map((_, label) => label);
  const right = between(members, members, of);
  const pictures_ = between(members, everything, of);
  const taken = between(everything, members, of);
  const none = pictures_ ? 0 : null;
  const recall = pictures_ ? right / pictures_ : none;
  const precision = taken ? right / taken : none;
  return {
    pictures: pictures_, taken, right, recall, precision,
    f1: right ? (2 * recall * precision) / (recall + precision) : none,
  };
}
