// The tree of classes: families or groups with their classes and figures, each to be opened in the matrix.
const sorting = { by: "recall" };

function classesList() {
  const level = levelOf(state.level);
  const items = level ? treeOf(level) : classes.map((_, label) => ({ item: classItem(label), classes: [] }));
  const choice = element("select", { id: "sorting", onchange: (event) => { sorting.by = event.target.value; renderPanel(); } },
    ...[["recall", "lowest recall first"], ["precision", "lowest precision first"], ["f1", "lowest F1 first"], ["name", "by name"]].map(([value, words]) => (
      element("option", { value, selected: value === sorting.by }, words))));
  return element("div", {}, heading(level ? (level.name === "families" ? "Families" : "Groups") : "Classes"),
    element("p", { class: "links" }, element("label", { for: "sorting" }, "Order "), choice,
      level ? element("button", { class: "chip", onclick: () => openAll(level, true) }, "Open all") : null,
      level ? element("button", { class: "chip", onclick: () => openAll(level, false) }, "Close all") : null),
    growing(sorted(items), treeRow, 120, "ul", "list tree"));
}

function treeOf(level) {
  const nodes = level.nodes.map((name, node) => ({ name, node, box: null, members: [] }));
  level.of.forEach((node, label) => nodes[node].members.push(label));
  return nodes.map((item) => (item.members.length > 1
    ? { item, classes: item.members.map((label) => ({ item: classItem(label), classes: [] })) }
    : { item: classItem(item.members[0]), classes: [] }));
}

function sorted(rows) {
  const measured = rows.map((row) => ({ ...row, found: figures(row.item.members) }));
  const empty = (row) => (row.found.pictures ? 0 : 1);
  return measured.sort((x, y) => (sorting.by === "name" ? x.item.name.localeCompare(y.item.name)
    : empty(x) - empty(y) || x.found[sorting.by] - y.found[sorting.by]));
}

function treeRow({ item, classes: inside_, found }) {
  const shownFigure = found.pictures ? figure(found[sorting.by === "name" ? "recall" : sorting.by]) : "no picture";
  const row = element("button", { class: "row", onclick: () => showItem(item) }, named(item.name),
    element("span", { class: "number" }, shownFigure), bar(found.pictures ? found[sorting.by === "name" ? "recall" : sorting.by] : 0, "right"));
  if (!inside_.length) return element("li", {}, row);
  const opened = state.open.has(item.node);
  return element("li", {},
    element("span", { class: "branch" },
      element("button", { class: "twisty", "aria-expanded": String(opened), "aria-label": `${shown(item.name)}: ${inside_.length} classes`, onclick: () => toggle(item.node) }, opened ? "\u25be" : "\u25b8"), row),
    opened ? element("ul", { class: "list" }, ...sorted(inside_).map(treeRow)) : null);
}

function openAll(level, opened) {
  state.open = new Set(opened ? level.nodes.keys() : []);
  rearrange();
}
