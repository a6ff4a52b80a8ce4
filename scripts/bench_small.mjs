// The vendor's own client, for `bench_jobs.py`: downloads the same small files: `node bench_small.mjs MODULES JSON`.
//
// It speaks TLS only and reads its options once: here it is spared the one, and told the others before.
import { createRequire } from 'node:module'
import http from 'node:http'

const [modules, options] = process.argv.slice(2)
const { endpoint, ...wanted } = JSON.parse(options)
const require = createRequire(modules + '/')
const agent = new http.Agent({ keepAlive: true })
require('node:https').get = (url, asked, answer) => http.get(url, { ...asked, agent }, answer)
require(modules + '/tardis-dev/dist/options.js').init({ datasetsEndpoint: endpoint })
await require('tardis-dev').downloadDatasets({ skipIfExists: false, ...wanted })
agent.destroy()
