// The vendor's own client, for `bench_jobs.py`: downloads the same small files: `node bench_small.mjs MODULES JSON`.
import { createRequire } from 'node:module'

const [modules, options] = process.argv.slice(2)
const tardis = createRequire(modules + '/')('tardis-dev')
const { endpoint, ...wanted } = JSON.parse(options)
tardis.init({ datasetsEndpoint: endpoint })
await tardis.downloadDatasets({ skipIfExists: false, ...wanted })
