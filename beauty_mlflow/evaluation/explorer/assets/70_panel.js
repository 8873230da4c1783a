// The lists at the side, and the details of a cell, a class or a picture, which Escape leaves again.
const TABS = [
  ["mistakes", "Mistakes", () => mistakesList()],
  ["changes", "Changes", () => changesList()],
  ["classes", "Classes", () => classesList()],
  ["pictures", "Pictures", () => findsList()],
  ["corrections", "Corrections", () => correctionsList()],
].filter(([name]) => name !== "changes" || data.beside);

// A sheet is what the panel shows. It keeps how long its lists have grown, where it was scrolled to, which of its
// controls had the focus and, of details, what outside the panel they were opened from.
const sheet = (render, opener = null) => ({ render, opener, grown: [], scroll: { body: 0, page: 0 }, focused: null });
const lists = () => new Map(TABS.map(([name, , render]) => [name, sheet(render)]));
const panel = { tab: "mistakes", lists: lists(), trail: [] };
const body = byId("body");
const shownSheet = () => panel.trail[panel.trail.length - 1] || panel.lists.get(panel.tab);

function startAgain() {
  panel.lists = lists();
  panel.trail = [];
  body.scrollTop = 0;
  rearrange();
}

function showTab(name) {
  remember();
  panel.tab = name;
  panel.trail = [];
  drawPanel();
  byId(`tab-${name}`).focus();
  body.scrollTop = shownSheet().scroll.body;
}

function enter(render) {
  remember();
  const from = document.activeElement;
  const outside = from !== document.body && !byId("panel").contains(from);
  panel.trail.push(sheet(render, outside ? from : null));
  drawPanel();
  body.scrollTop = 0;
  body.focus({ preventScroll: true });
  // it is below the matrix where there is no room beside it
  for (const part of ["panel", "tabs"]) byId(part).scrollIntoView({ block: "nearest" });
}

const showCell = (from, to) => enter(() => cellDetail(from, to));
const showItem = (item) => enter(() => itemDetail(item));
const showPicture = (picture) => enter(() => pictureDetail(picture));

function goBack() {
  const { opener } = panel.trail.pop();
  drawPanel();
  body.focus({ preventScroll: true });
  resume();
  if (opener) opener.focus();
}

// draws what is shown anew: the reader stays where they are
function renderPanel() {
  remember();
  drawPanel();
  resume();
}

let listsMade = 0; // of the sheet that is being drawn

function drawPanel() {
  listsMade = 0;
  renderTabs();
  const back = panel.trail.length ? element("button", { class: "back", onclick: goBack }, "\u2190 Back") : null;
  body.replaceChildren(...[back, shownSheet().render()].filter(Boolean));
}

const reachable = (control) => control.tabIndex >= 0 && !control.hidden;
const controls = () => [...byId("panel").querySelectorAll("a, button, select, textarea")].filter(reachable);
const wordsOf = (control) => control.id || control.getAttribute("aria-label") || control.textContent;

function remember() {
  const all = controls();
  const position = all.indexOf(document.activeElement);
  const words = position < 0 ? "" : wordsOf(all[position]);
  const before = all.slice(0, Math.max(position, 0)).filter((one) => wordsOf(one) === words).length;
  const now = shownSheet();
  now.scroll = { body: body.scrollTop, page: document.scrollingElement.scrollTop };
  now.focused = position < 0 ? null : { words, before, position };
}

// the control that is called as before, else (what is undone is gone) the one that has its place now
function resume() {
  const { focused, scroll } = shownSheet();
  if (focused) {
    const all = controls();
    const alike = all.filter((one) => wordsOf(one) === focused.words);
    (alike[focused.before] || all[Math.min(focused.position, all.length - 1)]).focus({ preventScroll: true });
  }
  body.scrollTop = scroll.body;
  document.scrollingElement.scrollTop = scroll.page;
}

function renderTabs() {
  byId("tabs").replaceChildren(...TABS.map(([name, words]) => {
    const selected = name === panel.tab;
    const count = name === "corrections" && marks.size ? ` (${marks.size})` : "";
    return element("button", {
      role: "tab", id: `tab-${name}`, "aria-selected": String(selected), "aria-controls": "body",
      tabindex: selected ? "0" : "-1", onclick: () => showTab(name),
    }, words + count);
  }));
  body.setAttribute("aria-labelledby", `tab-${panel.tab}`);
}

byId("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const at = TABS.findIndex(([name]) => name === panel.tab);
  const [name] = TABS[(at + step + TABS.length) % TABS.length];
  showTab(name);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && panel.trail.length && !event.defaultPrevented) goBack();
});

// a list that grows on demand, so that a cell of thousands opens at once
function growing(rows, make, first = 60, tag = "ul", name = "list") {
  const list = element(tag, { class: name });
  const more = element("button", { class: "more" });
  const { grown } = shownSheet();
  const number = listsMade;
  listsMade += 1;
  let done = 0;
  const grow = (to) => {
    list.append(...rows.slice(done, to).map(make));
    done = Math.min(to, rows.length);
    more.hidden = done >= rows.length;
    more.textContent = `Show more (${plain(rows.length - done)} left)`;
  };
  more.addEventListener("click", () => {
    const next = done;
    grow(done + first);
    grown[number] = done;
    if (more.hidden) list.children[next].querySelector("button").focus();
  });
  grow(Math.max(first, grown[number] || 0));
  return element("div", {}, list, more);
}

const heading = (...words) => element("h2", {}, ...words);
const remark = (words) => element("p", { class: "remark" }, words);

function bar(share, kind) {
  const fill = element("span", { class: `fill ${kind}` });
  fill.style.width = `${Math.max(share * 100, share ? 1 : 0)}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, fill);
}

function mistakesList() {
  const found = pairs();
  const largest = found.length ? found[0].there + found[0].back : 1;
  const row = ({ a, b, there, back }) => {
    const [from, to] = [view.items[a], view.items[b]];
    return element("li", {},
      element("button", { class: "row", onclick: () => showCell(from, to) },
        element("span", { class: "two" }, named(from.name), element("span", { class: "arrow" }, "\u2192"), named(to.name)),
        element("span", { class: "number" }, plain(there)), bar(there / largest, "wrong")),
      back ? element("button", { class: "row reverse", onclick: () => showCell(to, from) },
        element("span", {}, "and the other way round"), element("span", { class: "number" }, plain(back)), bar(back / largest, "wrong")) : null);
  };
  return element("div", {}, heading("Most confused pairs"),
    found.length ? growing(found, row, 40) : remark("No picture was taken for another class."));
}

function changesList() {
  const found = [];
  for (let row = 0; row < view.number; row += 1) {
    for (let column = 0; column < view.number; column += 1) {
      const change = differenceAt(row, column);
      if (change) found.push({ row, column, change });
    }
  }
  found.sort((x, y) => Math.abs(y.change) - Math.abs(x.change) || x.row - y.row || x.column - y.column);
  const row = ({ row: r, column: c, change }) => {
    const [from, to] = [view.items[r], view.items[c]];
    const better = isRight(r, c) === change > 0;
    return element("li", {}, element("button", { class: "row", onclick: () => showCell(from, to) },
      element("span", { class: "two" }, named(from.name), r === c ? element("span", { class: "arrow" }, "right") : element("span", { class: "arrow" }, "\u2192"), r === c ? null : named(to.name)),
      element("span", { class: "number" }, `${signed(change)} ${better ? "better" : "worse"}`),
      bar(Math.abs(change) / Math.abs(found[0].change), better ? "right" : "wrong")));
  };
  return element("div", {}, heading("Against the other model"), remark(besideWords()),
    ...onlyOneRight(),
    element("h3", {}, "Cell by cell"),
    found.length ? growing(found, row, 40) : remark("Both answer alike, class by class."));
}

function onlyOneRight() {
  const all = Array.from(pictures.true.keys());
  const here = (picture) => pictures.predicted[picture] === pictures.true[picture];
  const there = (picture) => pictures.beside[picture] === pictures.true[picture];
  const those = all.length < pictures.number ? ` of the ${plain(all.length)} listed` : "";
  const list = (title, chosen) => element("section", {}, element("h3", {}, `${title}: ${plural(chosen.length, "picture")}${those}`),
    gallery(chosen.sort((x, y) => confidence(y) - confidence(x) || x - y), 6));
  return [
    list("Right here, wrong there", all.filter((picture) => here(picture) && !there(picture))),
    list("Wrong here, right there", all.filter((picture) => !here(picture) && there(picture))),
  ];
}

function besideWords() {
  const change = data.summary.accuracy - data.beside.accuracy;
  return `Accuracy ${figure(data.summary.accuracy)} here, ${figure(data.beside.accuracy)} there (${signedFigure(change)}), on the same ${plural(pictures.number, "picture")}.`;
}

function findsList() {
  const words = {
    mislabelled: ["Likely in the wrong class", data.trained_on
      ? "The model was trained on these pictures, so it can't tell."
      : "The model is surer of another class than it usually is of that class's own pictures (confident learning)."],
    hardest: ["The hardest", "Answered wrongly, the least probable of their own class first."],
    ambiguous: ["The most ambiguous", "The two best classes are almost equally probable."],
  };
  return element("div", {}, ...data.notes.map(remark), ...Object.entries(data.finds).map(([name, found]) => (
    element("section", {}, heading(words[name][0]), remark(words[name][1]), gallery(found, 12)))));
}
