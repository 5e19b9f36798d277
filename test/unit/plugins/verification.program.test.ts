/** Runs the verification script against servers that format their responses like other routers. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parseVerification, portOf, verifyLoop } from '../../../plugins/router/site-request.ts'

const run = promisify(execFile)

/** Whether blue.Gen-1 is verified against a server that always gives this response. */
async function verified(answer: string): Promise<boolean> {
  const server = createServer(socket => void socket.once('data', () => socket.end(answer))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const place = {
    url: new URL(`http://life.example:${typeof address === 'object' ? address?.port : 0}`),
    address: '127.0.0.1',
  }
  expect(portOf(place.url)).toBeGreaterThan(0)
  try {
    const script = verifyLoop(place, { slot: 'blue', generation: 'Gen-1' }, { answers: 2, within: 300 })
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script.text])
    return parseVerification(stdout, ['blue', 'green']).verified
  } finally {
    server.close()
  }
}

test.each([
  ['lower case, as HAProxy writes it', 'HTTP/1.1 200 OK\r\nx-deployment-generation: Gen-1\r\n\r\nblue\n', true],
  ['upper case, and no space', 'HTTP/1.1 200 OK\r\nX-DEPLOYMENT-GENERATION:Gen-1\r\n\r\nblue', true],
  ['no text after the status', 'HTTP/1.1 200 \r\nA: b\r\nX-Deployment-Generation:  Gen-1 \r\n\r\nblue\n', true],
  ['another generation, by case alone', 'HTTP/1.1 200 OK\r\nx-deployment-generation: gen-1\r\n\r\nblue\n', false],
  ['no generation', 'HTTP/1.1 200 OK\r\nA: X-Deployment-Generation: Gen-1\r\n\r\nblue\n', false],
  ['another status', 'HTTP/1.1 500 200 \r\nx-deployment-generation: Gen-1\r\n\r\nblue\n', false],
  ['another slot', 'HTTP/1.1 200 OK\r\nx-deployment-generation: Gen-1\r\n\r\ngreen\n', false],
])('the verification has the right result for a response with %s', async (_, answer, expected) => {
  expect(await verified(answer)).toBe(expected)
})
