// What Python packed (see payload.py), unpacked.
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const classes = data.classes;
const size = classes.length;
const madeOf = new Map(Object.entries(data.made_of)); // a class may be called constructor

function unpack(packed) {
  const text = atob(packed);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

const labelsOf = (packed) => new Uint16Array(unpack(packed));
const numbersOf = (packed) => new Float32Array(unpack(packed));

const pictures = {
  number: data.paths.length,
  paths: data.paths,
  true: new Uint16Array(data.paths.length),
  predicted: new Uint16Array(data.paths.length),
  truth: numbersOf(data.truth),
  top: labelsOf(data.top.labels),
  probabilities: numbersOf(data.top.probabilities),
  beside: data.beside && labelsOf(data.beside.labels),
  besideProbabilities: data.beside && numbersOf(data.beside.probabilities),
};
const confidence = (picture) => pictures.probabilities[picture * data.width];

// the pictures of a cell are a run: cell -> [first, number]
const runs = new Map();
const counts = new Int32Array(size * size);
for (let i = 0, first = 0; i < data.cells.length; i += 3) {
  const [row, column, number] = data.cells.slice(i, i + 3);
  runs.set(row * size + column, [first, number]);
  counts[row * size + column] = number;
  pictures.true.fill(row, first, first + number);
  pictures.predicted.fill(column, first, first + number);
  first += number;
}

const besideCounts = data.beside && new Int32Array(size * size);
if (besideCounts) {
  for (let i = 0; i < pictures.number; i += 1) besideCounts[pictures.true[i] * size + pictures.beside[i]] += 1;
}

let thumbnailLines = null;

function thumbnail(picture) {
  const place = data.thumbnails[picture];
  if (place < 0) return null;
  // the element comes after this script, so that the matrix is drawn before it has arrived
  if (!thumbnailLines && document.readyState !== "loading") {
    thumbnailLines = byId("thumbnails").textContent.split("\n");
  }
  return thumbnailLines && thumbnailLines[place] ? `data:image/webp;base64,${thumbnailLines[place]}` : null;
}

function between(rows, columns, of = counts) {
  let sum = 0;
  for (const row of rows) for (const column of columns) sum += of[row * size + column];
  return sum;
}

function picturesBetween(rows, columns) {
  const found = [];
  for (const row of rows) {
    for (const column of columns) {
      const [first, number] = runs.get(row * size + column) || [0, 0];
      for (let i = first; i < first + number; i += 1) found.push(i);
    }
  }
  return found.sort((a, b) => confidence(b) - confidence(a) || a - b);
}
