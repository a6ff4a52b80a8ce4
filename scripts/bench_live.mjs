// The peer of `live_messages`: tardis-dev parses and maps the messages of a recording: `node bench_live.mjs MODULES EXCHANGE FILE.gz ROUNDS`.
// Prints messages per second of user CPU time, of parse + map, and of parse + map + JSON; the fastest of the rounds counts.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const [modules, exchange, file, rounds] = process.argv.slice(2)
const tardis = createRequire(modules + '/')('tardis-dev')
const lines = gunzipSync(readFileSync(file)).toString().split('\n').filter(line => line !== '')
const messages = lines.map(line => {
  const blank = line.indexOf(' ')
  let text = line.slice(blank + 1)
  // A bare answer of REST, as the vendor's recorder writes it.
  if (text.startsWith('{"lastUpdateId"')) text = `{"stream":"btcusdt@depthSnapshot","generated":true,"data":${text}}`
  return [new Date(Number(line.slice(0, blank)) / 1e6), text]
})

function round(withJson) {
  const mappers = [tardis.normalizeTrades, tardis.normalizeBookChanges, tardis.normalizeBookTickers]
    .map(normalize => normalize(exchange, messages[0][0]))
  let count = 0
  let bytes = 0
  const before = process.cpuUsage()
  for (const [at, text] of messages) {
    const message = JSON.parse(text)
    for (const mapper of mappers) {
      if (!mapper.canHandle(message)) continue
      const mapped = mapper.map(message, at)
      if (mapped === undefined) continue
      for (const one of mapped) {
        count++
        if (withJson) bytes += JSON.stringify(one).length
      }
    }
  }
  const { user } = process.cpuUsage(before)
  return [user, count, bytes]
}

for (const [name, withJson] of [['columns', false], ['json', true]]) {
  let best = Infinity
  let count = 0
  for (let n = 0; n < Number(rounds); n++) {
    const [user, made] = round(withJson)
    best = Math.min(best, user)
    count = made
  }
  console.log(`${exchange} ${name} ${messages.length} messages ${count} made ${Math.round(messages.length * 1e6 / best)} messages/s of CPU`)
}
