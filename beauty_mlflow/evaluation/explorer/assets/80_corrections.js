// Pictures marked for corrections.csv: another class, or drop. Nothing is kept when the page is closed.
const marks = new Map();
const DROP = "drop";
const GUARDED = ["=", "+", "-", "@", "\t", "\r", "\n", "'"];

// as csv_tables.write_table: no cell runs as a formula, quotes where needed
function csv(rows) {
  return rows.map((cells) => {
    const line = cells.map((cell) => (GUARDED.some((sign) => cell.startsWith(sign)) ? `'${cell}` : cell));
    const all = line.some((cell) => cell.includes("\r"));
    return `${line.map((cell) => (all || /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\n`;
  }).join("");
}

const corrections = () => csv([["path", "class"], ...marks]);

function mark(picture, choice) {
  const path = pictures.paths[picture];
  if (choice === null) marks.delete(path);
  else marks.set(path, choice);
  say(choice === null ? `${shown(path)} stays as it is` : `${shown(path)}: ${shown(choice)}`);
  renderPanel();
}

// corrections name the data's own classes: of a group, those that it was made of
const namesOf = (label) => madeOf.get(classes[label]) || [classes[label]];

function marker(picture) {
  const [from, to] = [pictures.true[picture], pictures.predicted[picture]];
  const now = marks.get(pictures.paths[picture]);
  const own = namesOf(from).length > 1 ? null : namesOf(from)[0];
  const names = classes.flatMap((_, label) => namesOf(label)).filter((name) => name !== own).sort((a, b) => a.localeCompare(b));
  const choose = element("select", { id: "marker", onchange: (event) => {
    const { value } = event.target;
    mark(picture, value === "keep" ? null : value === DROP ? DROP : names[Number(value)]);
  } },
  element("option", { value: "keep" }, "as it is"),
  element("option", { value: DROP, selected: now === DROP }, "drop the picture"),
  element("optgroup", { label: "belongs to" }, ...names.map((name, i) => (
    element("option", { value: String(i), selected: now === name }, shown(name))))));
  const guess = from === to || namesOf(to).length > 1 ? null : namesOf(to)[0];
  return element("section", { class: "marker" },
    element("h3", {}, "Is the label wrong?"),
    element("p", { class: "links" }, element("label", { for: "marker" }, "This picture: "), choose,
      guess === null ? null : element("button", { class: "chip", onclick: () => mark(picture, guess) }, "it is ", named(guess))),
    now === undefined ? null : remark("Marked. The list is under Corrections."));
}

function correctionsList() {
  if (!marks.size) {
    return element("div", {}, heading("Corrections"), remark("Open a picture and say what it is, or that it should be dropped. The lines to apply with `beauty split --corrections corrections.csv` are collected here, as long as this page is open."));
  }
  const text = corrections();
  const area = element("textarea", { readonly: true, rows: "8", spellcheck: "false", "aria-label": "corrections.csv" });
  area.value = text;
  return element("div", {}, heading("Corrections"),
    remark("Save this as corrections.csv and apply it: beauty split --corrections corrections.csv"),
    area,
    element("p", { class: "links" }, element("button", { class: "chip strong", onclick: () => copy(area, text) }, "Copy"), download(text)),
    element("ul", { class: "list" }, ...[...marks].map(([path, choice]) => element("li", { class: "marked" },
      element("bdi", { class: "name", title: shown(path) }, shown(path)), element("span", { class: "number" }, shown(choice)),
      element("button", { class: "chip", "aria-label": `Undo ${shown(path)}`, onclick: () => mark(data.paths.indexOf(path), null) }, "Undo")))));
}

// The event carries the exact text: a text field would change line ends. It works in MLflow's sandbox as well.
function copy(area, text) {
  const put = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  };
  const from = document.activeElement;
  area.select();
  document.addEventListener("copy", put);
  const done = document.execCommand("copy");
  document.removeEventListener("copy", put);
  if (done) from.focus();
  say(done ? "Copied" : "Not copied: take it from the field, it is selected");
}

// MLflow's viewer forbids downloads
function download(text) {
  if (window.parent !== window) return null;
  const address = `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`;
  return element("a", { class: "chip", href: address, download: "corrections.csv" }, "Download");
}
