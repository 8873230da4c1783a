// Details: a cell's pictures, a class's figures, one picture with all that was said about it.
const classesOf = (picture) => {
  const [from, to] = [classes[pictures.true[picture]], classes[pictures.predicted[picture]]];
  return from === to ? [shown(to)] : [shown(from), `\u2192 ${shown(to)}`];
};
const fileOf = (picture) => [shown(pictures.paths[picture].split("/").pop())];

function gallery(found, first = 36, caption = classesOf) {
  if (!found.length) return remark("No picture.");
  return growing(found, (picture) => element("li", {}, card(picture, caption)), first, "ul", "gallery");
}

// long names break after an underscore first
function breakable(text) {
  return text.split(/(?<=_)/).flatMap((part, i) => (i ? [element("wbr"), part] : [part]));
}

function card(picture, caption) {
  const [from, to] = [classes[pictures.true[picture]], classes[pictures.predicted[picture]]];
  const right = pictures.true[picture] === pictures.predicted[picture];
  const words = `${shown(pictures.paths[picture])}: true ${shown(from)}, predicted ${shown(to)} with ${probability(confidence(picture))}`;
  return element("button", { class: `card ${right ? "right" : "wrong"}`, title: words, "aria-label": words, onclick: () => showPicture(picture) },
    small(picture),
    element("span", { class: "chance" }, bar(confidence(picture), right ? "right" : "wrong"), probability(confidence(picture))),
    ...caption(picture).map((line) => element("bdi", { class: "caption" }, ...breakable(line))),
    marks.has(pictures.paths[picture]) ? element("span", { class: "mark" }, "marked") : null);
}

function small(picture) {
  const source = thumbnail(picture);
  if (source) return element("img", { src: source, alt: "" });
  return element("span", { class: "missing" }, shown(pictures.paths[picture].split("/").pop()));
}

function cellDetail(from, to) {
  const found = picturesBetween(from.members, to.members);
  const everything = classes.map((_, label) => label);
  const [row, column] = [between(from.members, everything), between(everything, to.members)];
  const same = from.members === to.members || String(from.members) === String(to.members);
  const number = between(from.members, to.members);
  const facts = [
    [plural(number, "picture"), ""],
    row ? [percent(number / row), `of the ${plain(row)} of ${shown(from.name)}`] : null,
    column ? [percent(number / column), `of the ${plain(column)} taken for ${shown(to.name)}`] : null,
  ].filter(Boolean);
  const other = besideCounts && between(from.members, to.members, besideCounts);
  return element("div", {},
    same ? heading(named(from.name), " recognised") : heading(named(from.name), " taken for ", named(to.name)),
    element("ul", { class: "facts" }, ...facts.map(([much, words]) => element("li", {}, element("b", {}, much), ` ${words}`)),
      other === null || other === undefined ? null : element("li", {}, element("b", {}, signed(number - other)), ` against the other model's ${plain(other)}`)),
    element("p", { class: "links" }, link(from), same ? null : link(to),
      same ? null : element("button", { class: "chip", onclick: () => showCell(to, from) }, `the other way round: ${plain(between(to.members, from.members))}`)),
    found.length ? remark(`The most probable answer first${found.length < number ? `; ${plain(number - found.length)} aren't listed` : ""}.`) : null,
    gallery(found, 36, from.members.length * to.members.length > 1 ? classesOf : fileOf));
}

const link = (item) => element("button", { class: "chip", onclick: () => showItem(item) }, named(item.name));

function itemDetail(item) {
  const found = figures(item.members);
  const other = besideCounts && figures(item.members, besideCounts);
  const against = (name) => (other && found[name] !== null && other[name] !== null
    ? element("small", {}, ` ${signedFigure(found[name] - other[name])}`) : null);
  const metric = (name, words) => element("div", { class: "metric", title: words },
    element("dt", {}, name[0].toUpperCase() + name.slice(1)),
    element("dd", {}, figure(found[name]), against(name)));
  return element("div", {},
    heading(named(item.name)),
    element("dl", { class: "metrics" },
      metric("precision", "The share of the pictures taken for it that are of it"),
      metric("recall", "The share of its pictures that are recognised"),
      metric("f1", "The harmonic mean of both")),
    remark(found.pictures
      ? `${plural(found.pictures, "picture")}, ${plain(found.right)} of them recognised; ${plural(found.taken, "picture")} taken for it.`
      : `There is no picture of it, so it has no recall and no F1; ${plural(found.taken, "picture")} of others taken for it.`),
    ...membership(item),
    element("p", { class: "links" }, element("button", { class: "chip", onclick: () => showCell(item, item) }, `the ${plain(found.right)} recognised`)),
    ...both(item));
}

function both(item) {
  const others = view.items.filter((one) => !one.members.some((label) => item.members.includes(label)));
  const list = (title, none, pair, total) => {
    const rows = others.map((one) => ({ one, number: between(...pair(one)) })).filter(({ number }) => number);
    rows.sort((x, y) => y.number - x.number);
    const row = ({ one, number }) => element("li", {}, element("button", { class: "row", onclick: () => (pair(one)[0] === item.members ? showCell(item, one) : showCell(one, item)) },
      named(one.name), element("span", { class: "number" }, `${plain(number)} \u00b7 ${percent(number / total)}`), bar(number / rows[0].number, "wrong")));
    return element("section", {}, element("h3", {}, title), rows.length ? growing(rows, row, 15) : remark(none));
  };
  const found = figures(item.members);
  return [
    list("Its pictures taken for", found.pictures ? "None of its pictures was taken for another class." : "It has no picture.", (one) => [item.members, one.members], found.pictures),
    list("Pictures of others taken for it", "No other picture was taken for it.", (one) => [one.members, item.members], found.taken),
  ];
}

function membership(item) {
  const parts_ = item.members.length === 1 && madeOf.get(item.name);
  const lines = [];
  if (parts_) lines.push(remark(`A group made of ${parts_.map(shown).join(", ")}.`));
  if (item.node !== null) {
    lines.push(element("p", { class: "links" }, element("button", { class: "chip strong", onclick: () => { toggle(item.node); goBack(); } }, `Show its ${item.members.length} classes in the matrix`)));
    lines.push(element("ul", { class: "plain" }, ...item.members.map((label) => element("li", {}, link(classItem(label))))));
  } else if (item.members.length === 1) {
    for (const level of data.levels) lines.push(remark(`${level.name === "families" ? "Family" : "Group"}: ${shown(level.nodes[level.of[item.members[0]]])}`));
    if (item.box !== null && levelOf(state.level)) {
      lines.push(element("p", { class: "links" }, element("button", { class: "chip strong", onclick: () => { toggle(item.box); goBack(); } }, `Put ${shown(levelOf(state.level).nodes[item.box])} together again`)));
    }
  }
  return lines;
}

function pictureDetail(picture) {
  const path = pictures.paths[picture];
  const [from, to] = [pictures.true[picture], pictures.predicted[picture]];
  const rows = Array.from({ length: data.width }, (_, i) => picture * data.width + i).map((at) => {
    const label_ = pictures.top[at];
    return element("li", { class: "guess" }, named(classes[label_]), element("span", { class: "number" }, probability(pictures.probabilities[at])),
      bar(pictures.probabilities[at], label_ === from ? "right" : "wrong"));
  });
  const listed = Array.from({ length: data.width }, (_, i) => pictures.top[picture * data.width + i]).includes(from);
  return element("div", { class: "picture" },
    small(picture),
    element("p", { class: "path" }, element("bdi", {}, shown(path))),
    element("ul", { class: "facts" },
      element("li", {}, "true: ", link(classItem(from))),
      element("li", {}, "predicted: ", link(classItem(to))),
      pictures.beside ? element("li", {}, "other model: ", link(classItem(pictures.beside[picture])), ` ${probability(pictures.besideProbabilities[picture])}`) : null),
    element("h3", {}, "Most probable classes"), element("ul", { class: "list" }, ...rows),
    listed ? null : remark(`The true class has ${probability(pictures.truth[picture])}.`),
    marker(picture));
}
