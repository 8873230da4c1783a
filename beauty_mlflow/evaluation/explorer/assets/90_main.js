// The toolbar, and the beginning.
const ORDERS = {
  cluster: "by cluster", table: "as in the table", alphabetical: "alphabetical", families: "by family", groups: "by group",
};
const LEVELS = { classes: "classes", families: "families", groups: "groups" };
const VALUES = { counts: "pictures", shares: "% of the true class", difference: "difference" };
const SCALES = { duo: "blue and orange", cividis: "cividis", viridis: "viridis", thesis: "as in the thesis" };

function rearrange() {
  state.cursor = null;
  pointed = null;
  hideTip();
  arrange();
  refresh();
  layOut();
  renderPanel();
}

function refresh() {
  findLargest();
  renderLegend();
  draw();
}

function chooser(key, words, options, changed) {
  return element("label", { class: "field" }, element("span", {}, words),
    element("select", { id: key, onchange: (event) => { state[key] = event.target.value; changed(); } },
      ...options.map(([value, text]) => element("option", { value, selected: value === state[key] }, text))));
}

function renderToolbar() {
  const known = (all, names) => Object.entries(all).filter(([name]) => names.includes(name));
  const levels = ["classes", ...data.levels.map((level) => level.name)];
  const button = (text, words, action) => element("button", { title: words, "aria-label": words, onclick: action }, text);
  byId("toolbar").replaceChildren(...[
    search(),
    levels.length > 1 ? chooser("level", "Show", known(LEVELS, levels), () => { state.open = new Set(); startAgain(); }) : null,
    chooser("order", "Order", known(ORDERS, Object.keys(data.orders)), rearrange),
    chooser("values", "Values", known(VALUES, ["counts", "shares", ...(data.beside ? ["difference"] : [])]), refresh),
    chooser("scale", "Colours", Object.entries(SCALES), refresh),
    element("label", { class: "check" }, element("input", { type: "checkbox", id: "mistakes", onchange: (event) => { state.mistakes = event.target.checked; refresh(); } }), "mistakes only"),
    element("span", { class: "zoom", role: "group", "aria-label": "Zoom" },
      button("\u2212", "Zoom out", () => zoom(1 / 1.4)), button("Fit", "Show the whole matrix", () => zoom(0)), button("+", "Zoom in", () => zoom(1.4))),
  ].filter(Boolean));
}

const HITS = 12; // of a search are shown

function search() {
  const found = element("ul", { id: "found", role: "listbox", "aria-label": "Classes found", hidden: true });
  const field = element("input", { id: "search", type: "search", placeholder: "Find a class", autocomplete: "off", spellcheck: "false", role: "combobox", "aria-expanded": "false", "aria-controls": "found", "aria-label": "Find a class" });
  let hits = [];
  let chosen = 0;
  const close = () => { found.hidden = true; field.setAttribute("aria-expanded", "false"); field.removeAttribute("aria-activedescendant"); };
  const take = (label) => { close(); field.value = ""; findClass(label); };
  const list = () => {
    const wanted = field.value.trim().toLocaleLowerCase();
    const every = classes.map((_, label) => label).filter((label) => wanted && shown(classes[label]).toLocaleLowerCase().includes(wanted));
    hits = every.slice(0, HITS);
    chosen = Math.max(0, Math.min(chosen, hits.length - 1));
    found.replaceChildren(...(hits.length ? hits.map((label, i) => element("li", { id: `hit-${i}`, role: "option", "aria-selected": String(i === chosen), onpointerdown: (event) => { event.preventDefault(); take(label); } }, named(classes[label]))) : [element("li", { class: "none" }, "No class is called so")]));
    if (every.length > HITS) found.append(element("li", { class: "none" }, `${plain(every.length - HITS)} more: type more of the name`));
    found.hidden = !wanted;
    field.setAttribute("aria-expanded", String(Boolean(wanted)));
    if (hits.length) field.setAttribute("aria-activedescendant", `hit-${chosen}`);
  };
  field.addEventListener("input", () => { chosen = 0; list(); });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length) { chosen = (chosen + step + hits.length) % hits.length; list(); event.preventDefault(); }
    else if (event.key === "Enter" && hits.length) take(hits[chosen]);
    else if (event.key === "Escape" && field.value) { field.value = ""; close(); event.preventDefault(); }
  });
  return element("div", { class: "search" }, field, found);
}

function findClass(label) {
  const place = view.place[label];
  if (box.cell < 14) zoom(16 / box.cell);
  box.x = (place + 0.5) * box.cell - (box.width - box.left) / 2;
  box.y = (place + 0.5) * box.cell - (box.height - box.top) / 2;
  stayInside();
  moveCursor(place, -1);
  showItem(view.items[place]);
}

function renderLegend() {
  const legend = byId("legend");
  const swatch = (fill) => {
    const made = element("span", { class: "swatch" });
    made.style.background = fill;
    return made;
  };
  const strip = (steps) => element("span", { class: "strip", "aria-hidden": "true" }, ...steps.filter((_, i) => i % 3 === 0 || i === STEPS - 1).map(({ fill }) => swatch(fill)));
  const most = state.values === "shares" ? percent(view.largest) : plain(view.largest);
  const scale = (name, words, kind) => element("span", { class: "scale" }, `${words} `, state.values === "shares" ? ">0 %" : "1", strip(ramps[name][kind]), most);
  const axes = element("span", { class: "axes" }, "Rows: true class. Columns: predicted class.");
  if (state.values === "difference") {
    legend.replaceChildren(axes, scale("duo", "better by", "right"), scale("duo", "worse by", "wrong"));
  } else if (state.scale === "thesis") {
    legend.replaceChildren(axes, element("span", { class: "scale" }, "pictures "), ...THESIS.map(([, fill, , words]) => element("span", { class: "scale" }, swatch(fill), words)));
  } else if (state.scale === "duo") {
    legend.replaceChildren(...[axes, state.mistakes ? null : scale("duo", "right", "right"), scale("duo", "mistaken", "wrong")].filter(Boolean));
  } else legend.replaceChildren(axes, scale(state.scale, "", "right"));
}

function summarise() {
  const found = data.summary;
  const shownFigures = [
    plural(pictures.number, "picture"), plural(size, "class", "classes"),
    `accuracy ${figure(found.accuracy)} (95 % interval ${figure(found.accuracy_low)} to ${figure(found.accuracy_high)})`,
    `macro F1 ${figure(found.macro_f1)}`,
  ];
  if (data.beside) shownFigures.push(`other model ${figure(data.beside.accuracy)}`);
  byId("summary").replaceChildren(...shownFigures.map((words) => element("span", {}, words)));
}

readTheme();
arrange();
summarise();
renderToolbar();
findLargest();
renderLegend();
layOut();
renderPanel();
new ResizeObserver(layOut).observe(stage);
dark.addEventListener("change", () => { readTheme(); refresh(); });
document.addEventListener("DOMContentLoaded", () => { if (panel.tab === "pictures" || panel.trail.length) renderPanel(); });
performance.mark("explorer ready");
