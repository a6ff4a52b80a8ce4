// Prints normalised messages of tardis-dev's streamNormalized, one a line: node peer.cjs FOLDER_OF_TARDIS_DEV WANTED
// With `isGiven` nothing is connected: it computes `types` of the normalised messages on its standard input, one a line.
// WANTED: exchange, symbols, types (those of tardis-machine, computed ones too), seconds, and count: messages of each type after which
// it ends; without count it prints all, and ends after `seconds`.
const [, , folder, text] = process.argv;
const wanted = JSON.parse(text);
const tardis = require(folder);
const normalizers = {
  trade: tardis.normalizeTrades,
  book_change: tardis.normalizeBookChanges,
  book_ticker: tardis.normalizeBookTickers,
  derivative_ticker: tardis.normalizeDerivativeTickers,
  liquidation: tardis.normalizeLiquidations,
  option_summary: tardis.normalizeOptionsSummary,
};

// tardis-machine adds the microseconds that tardis-dev keeps beside a Date.
const plain = Date.prototype.toISOString;
Date.prototype.toISOString = function () {
  const text = plain.apply(this);
  return this.μs ? `${text.slice(0, -1)}${String(this.μs).padStart(3, "0")}Z` : text;
};

function computable(name) {
  const kinds = { ms: "time", ticks: "tick", vol: "volume" };
  const book = /^book_snapshot_(\d+)_(\d+)ms$/.exec(name);
  if (book) return tardis.computeBookSnapshots({ name, depth: Number(book[1]), interval: Number(book[2]) });
  const bar = /^trade_bar_([\d.]+)(ms|ticks|vol)$/.exec(name);
  if (bar) return tardis.computeTradeBars({ name, interval: Number(bar[1]), kind: kinds[bar[2]] });
  if (name === "quote") return tardis.computeBookSnapshots({ name, depth: 1, interval: 0 });
  return undefined;
}

async function* given() {
  const times = ["timestamp", "localTimestamp"];
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    for (const name of times) {
      const text = message[name];
      message[name] = new Date(text);
      message[name].μs = text.length === 27 ? Number(text.slice(23, 26)) : 0;
    }
    yield message;
  }
}

async function main() {
  if (wanted.isGiven) {
    for await (const message of tardis.compute(given(), ...wanted.types.map(computable))) {
      if (message.name !== undefined) process.stdout.write(`${JSON.stringify(message)}\n`);
    }
    return;
  }
  const options = {
    exchange: wanted.exchange,
    symbols: wanted.symbols,
    timeoutIntervalMS: 20000,
    onError: (error) => console.error(String(error)),
  };
  const end = setTimeout(() => process.exit(0), wanted.seconds * 1000);
  const computables = wanted.types.map(computable).filter((one) => one !== undefined);
  const mapped = wanted.types.filter((type) => normalizers[type]);
  let stream = tardis.streamNormalized(options, ...mapped.map((type) => normalizers[type]));
  if (computables.length > 0) stream = tardis.compute(stream, ...computables);
  const seen = {};
  for await (const message of stream) {
    const type = message.type;
    seen[type] = (seen[type] || 0) + 1;
    if (wanted.count === undefined || seen[type] <= wanted.count) process.stdout.write(`${JSON.stringify(message)}\n`);
    if (wanted.count !== undefined && wanted.types.every((one) => (seen[one] || 0) >= wanted.count)) break;
  }
  clearTimeout(end);
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
