// Text: numbers in words, and names as they can be shown. Names are anybody's: they only ever become text.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const SIGNS = { "\t": "\u21e5", "\n": "\u23ce", "\r": "\u240d" };

function shown(name) {
  const text = name.replace(UNSEEN, (sign) => SIGNS[sign] || "\u25a1");
  return text.trim() ? text : `\u201c${text}\u201d`;
}

const plain = (number) => number.toLocaleString("en-US");
const figure = (number) => (number === null ? "\u2013" : number.toFixed(3));
const signed = (number) => (number > 0 ? `+${plain(number)}` : plain(number).replace("-", "\u2212"));
const signedFigure = (number) => `${number < 0 ? "\u2212" : "+"}${Math.abs(number).toFixed(3)}`;
const plural = (number, one, many = `${one}s`) => `${plain(number)} ${number === 1 ? one : many}`;

function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1 %";
  const text = (share * 100).toFixed(share < 0.0995 ? 1 : 0);
  return `${text.replace(/\.0$/, "")} %`;
}

function probability(number) {
  return number > 0.9995 && number < 1 ? ">0.999" : number.toFixed(3);
}

function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const named = (name, options = {}) => element("bdi", { class: "name", title: shown(name), ...options }, shown(name));

function say(text) {
  byId("live").textContent = text;
}

function cellWords(row, column) {
  const [from, to] = [view.items[row].name, view.items[column].name];
  const number = countAt(row, column);
  const what = isRight(row, column) ? `${shown(from)}, right` : `${shown(from)} taken for ${shown(to)}`;
  const share = number ? `, ${percent(shareAt(row, column))} of ${plain(view.totals[row])}` : "";
  const beside = view.beside ? `, ${signed(differenceAt(row, column))} against the other model` : "";
  return `${what}: ${plural(number, "picture")}${share}${beside}`;
}

function itemWords(item) {
  const found = figures(item.members);
  const kind = item.members.length > 1 ? `, ${item.members.length} classes` : "";
  const measured = found.pictures
    ? `${plural(found.pictures, "picture")}, recall ${figure(found.recall)}, precision ${figure(found.precision)}`
    : `no picture${found.taken ? `, ${plain(found.taken)} of others taken for it` : ""}`;
  return `${shown(item.name)}${kind}: ${measured}`;
}
