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
  number: data.pictures, // some of which may not be listed
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

// the listed pictures of a cell are a run: cell -> [first, number]
const runs = new Map();
const counts = new Int32Array(size * size);
for (let i = 0, first = 0; i < data.cells.length; i += 4) {
  const [row, column, number, listed] = data.cells.slice(i, i + 4);
  runs.set(row * size + column, [first, listed]);
  counts[row * size + column] = number;
  pictures.true.fill(row, first, first + listed);
  pictures.predicted.fill(column, first, first + listed);
  first += listed;
}

const besideCounts = data.beside && new Int32Array(size * size);
for (let i = 0; besideCounts && i < data.beside.cells.length; i += 3) {
  const [row, column, number] = data.beside.cells.slice(i, i + 3);
  besideCounts[row * size + column] = number;
}

let thumbnailLines = null;

function thumbnail(picture) {
  const place = data.thumbnails[picture] ?? -1;
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
