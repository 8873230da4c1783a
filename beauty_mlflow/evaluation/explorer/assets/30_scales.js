// Colours of cells. All but the thesis's get steadily darker (lighter on dark), so they can be read without hue.
const dark = matchMedia("(prefers-color-scheme: dark)");
const STEPS = 64;
const LEAST_CONTRAST = 3; // to an empty cell: one mistake is to be seen where no number has room
const STOPS = {
  cividis: "00224e 013271 2f426d 48526c 5e636f 727374 878478 9d9576 b6a96f cebc63 e7d150 fee838",
  viridis: "440154 482173 433e85 38588c 2d708e 25858e 1e9b8a 2ab07f 52c569 86d549 c2df23 fde725",
};
// lowest count, cell, number, words: as in confusion_matrix.png
const THESIS = [
  [60, "#ff0000", "#000000", "60 or more"],
  [40, "#ffa500", "#000000", "40 to 59"],
  [20, "#ffff00", "#000000", "20 to 39"],
  [10, "#0000ff", "#ffffff", "10 to 19"],
  [1, "#008000", "#ffffff", "1 to 9"],
  [0, "#000000", "#ffffff", "0"],
];
const DUO = {
  light: { right: ["4e92cc", "2f75b6", "1a5fa3", "114b88", "0a3a70"], wrong: ["db7420", "c3600f", "ab4f0a", "8f3c06", "742d03"] },
  dark: { right: ["3576b4", "4f93cf", "74b0ea", "9acaf6", "c3e0fb"], wrong: ["a0662c", "c58038", "e5994a", "f3b877", "fed7a8"] },
};

const parts = (hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));

function ramp(stops) {
  return Array.from({ length: STEPS }, (_, i) => {
    const at = (i / (STEPS - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const [from, to] = [parts(stops[low]), parts(stops[low + 1])];
    const rgb = from.map((part, k) => Math.round(part + (to[k] - part) * (at - low)));
    return { fill: `rgb(${rgb.join(",")})`, ink: luminance(rgb) > 0.179 ? "#000000" : "#ffffff" };
  });
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((part) => {
    const s = part / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

let ramps = null;

function mixRamps() {
  const duo = DUO[dark.matches ? "dark" : "light"];
  const seen = (stop) => contrast(parts(stop), parts(paper.empty.slice(1))) >= LEAST_CONTRAST;
  const one = (name) => {
    const stops = STOPS[name].split(" ").filter(seen);
    const mixed = ramp(dark.matches ? stops : stops.reverse());
    return { right: mixed, wrong: mixed };
  };
  ramps = {
    duo: { right: ramp(duo.right), wrong: ramp(duo.wrong) },
    cividis: one("cividis"),
    viridis: one("viridis"),
  };
}

function findLargest() {
  let largest = 0;
  for (let row = 0; row < view.number; row += 1) {
    for (let column = 0; column < view.number; column += 1) {
      if (!(state.mistakes && isRight(row, column))) largest = Math.max(largest, Math.abs(valueAt(row, column)));
    }
  }
  view.largest = largest || 1;
}

function valueAt(row, column) {
  if (state.values === "difference") return differenceAt(row, column);
  return state.values === "shares" ? shareAt(row, column) : countAt(row, column);
}

function colourAt(row, column) {
  const value = valueAt(row, column);
  const right = isRight(row, column);
  if (state.mistakes && right) return null;
  if (state.values === "difference") return value ? shade("duo", right === value > 0, Math.abs(value)) : null;
  if (state.scale === "thesis") return thesisColour(countAt(row, column));
  return value ? shade(state.scale, right, value) : null;
}

// the square root keeps a few mistakes visible beside many right answers
function shade(name, right, value) {
  const step = Math.ceil(Math.sqrt(Math.min(value / view.largest, 1)) * (STEPS - 1));
  return ramps[name][right ? "right" : "wrong"][step];
}

function thesisColour(count) {
  const [, fill, number] = THESIS.find(([lowest]) => count >= lowest);
  return { fill, ink: number };
}

function textAt(row, column) {
  const value = valueAt(row, column);
  if (!value) return "";
  if (state.values === "shares") return value < 0.005 ? "<1" : String(Math.round(value * 100));
  return state.values === "difference" ? signed(value) : String(value);
}
