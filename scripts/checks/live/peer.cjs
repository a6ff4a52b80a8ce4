// Prints the first normalised messages of tardis-dev's streamNormalized, one a line: node peer.cjs FOLDER_OF_TARDIS_DEV WANTED
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

async function main() {
  const options = {
    exchange: wanted.exchange,
    symbols: wanted.symbols,
    timeoutIntervalMS: 20000,
    onError: (error) => console.error(String(error)),
  };
  const stream = tardis.streamNormalized(options, ...wanted.types.map((type) => normalizers[type]));
  const seen = {};
  const end = setTimeout(() => process.exit(0), wanted.seconds * 1000);
  for await (const message of stream) {
    const type = message.type;
    seen[type] = (seen[type] || 0) + 1;
    if (seen[type] <= wanted.count) console.log(JSON.stringify(message));
    if (wanted.types.every((one) => (seen[one] || 0) >= wanted.count)) break;
  }
  clearTimeout(end);
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
