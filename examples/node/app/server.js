/** GET / lists the files, PUT /files/<name> stores one, GET /files/<name> returns it, with the digest that the worker has computed. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, isName, list, read, save } from './store.js'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const { PORT = '4100', SWITCHYARD_SLOT = 'none' } = process.env

async function respond(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  const [, name] = /^\/files\/([^/]+)$/.exec(pathname) ?? []
  const json = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  response.setHeader('app-version', version)
  response.setHeader('app-slot', SWITCHYARD_SLOT)
  switch (`${request.method} ${name === undefined ? pathname : '/files/'}`) {
    case 'GET /health':
      return json(200, { version })
    case 'GET /':
      return json(200, { files: await list() })
    case 'PUT /files/':
      if (!isName(name)) return json(400, { error: 'The name is not allowed.' })
      await save(name, request)
      return json(201, { name })
    case 'GET /files/': {
      const file = isName(name) ? await read(name) : undefined
      if (!file) return json(404, { error: 'There is no such file.' })
      const digest = await digestOf(name)
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': file.size,
        ...(digest && { 'app-sha256': digest }),
      })
      return pipeline(file.stream, response)
    }
    // Slow responses and large bodies show that a switch or a stop loses nothing that is in flight.
    case 'GET /slow':
      await sleep(Math.min(Number(searchParams.get('ms') ?? 1500), 10_000))
      return json(200, { slept: true })
    case 'POST /echo':
      return pipeline(request, response)
    default:
      return json(404, { error: 'There is no such page.' })
  }
}

const server = createServer((request, response) => {
  respond(request, response).catch(error => {
    if (!error.status) console.error(`${request.method} ${request.url}:`, error)
    if (response.headersSent) response.destroy()
    else response.writeHead(error.status ?? 500, { connection: 'close' }).end()
  })
})
// Longer than any router keeps an idle connection, so that a request never meets a connection that is being closed here.
server.keepAliveTimeout = 120_000
server.listen(Number(PORT), '127.0.0.1', () => console.log(`files ${version} listens on port ${PORT}`))

// systemd sends SIGTERM. The process ends by itself once the last response is sent; idle connections must not delay that.
process.once('SIGTERM', () => {
  server.close()
  setInterval(() => server.closeIdleConnections(), 50).unref()
})
