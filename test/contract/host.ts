/** The contract of host/host.ts as a test suite for any implementation. */
import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ProcessOutput, ProcessPromise, $ as zx } from 'zx/core'
import { fileQuery } from '../../host/exec/transfer.ts'
import type { Host, HostSetting, Transport } from '../../host/host.ts'
import { capture, caught, group, perform, type Query } from '../../host/query.ts'
import { type Output, type Script, sh } from '../../host/script.ts'
import { Fault } from '../../runner/fault.ts'
import { PATIENCE } from './patience.ts'

/** The implementation to test. */
export interface HostUnderTest extends AsyncDisposable {
  readonly transport: Transport
  /** Arguments of `attach-driver.ts` that open the same machine. */
  readonly driver: readonly string[]
  /** Runs bash on that machine as the same user, but not through the host under test, and resolves to stdout. */
  beside(command: string): Promise<string>
}

export const setting = (): HostSetting => ({ signal: new AbortController().signal, confirm: async () => false })

/** Resolves to the reason of a rejected promise; fails the test if the promise resolves. */
export const rejection = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    value => expect.fail(`The promise resolved to ${JSON.stringify(value)}.`),
    (reason: unknown) => reason,
  )

export const faultOf = async (promise: PromiseLike<unknown>): Promise<Fault> => {
  const reason = await rejection(promise)
  expect(reason).toBeInstanceOf(Fault)
  return reason as Fault
}

const isFailure = (output: Output | undefined) =>
  output?.code === 1 && output.stdout === '' && !/^(in|on)$/m.test(output.stderr)

const output = (script: Script, input?: string): Query<Output> => ({
  script,
  ...(input !== undefined && { input }),
  read: result => result,
})

/** With `SHLVL`, because without it bash takes piped input for that of a remote shell, and reads the account's start-up file. */
const localZx = zx({ quiet: true, env: { ...process.env, SHLVL: '2' } })

export function hostContract(name: string, open: () => Promise<HostUnderTest>): void {
  describe(name, () => {
    let subject: HostUnderTest
    let host: Host
    let folder: string
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(() => subject?.[Symbol.asyncDispose]())
    beforeEach(async () => {
      host = await subject.transport.open(setting())
      folder = await host.capture(sh.write`mktemp -d`)
    })
    afterEach(async () => {
      await host?.run(sh.write`rm -rf -- ${folder}`)
      await host?.[Symbol.asyncDispose]()
    })
    const inode = (path: string) => subject.beside(`stat -c %i '${path}'`)
    const left = () => subject.beside(`ls -A '${folder}'`)
    /** Resolves when a file exists, with which a command signals how far it has come. */
    const exists = (path: string) => subject.beside(`until [ -e '${path}' ]; do sleep 0.05; done`)
    /** Resolves when a process has ended, also if it stays as a zombie. */
    const gone = (pid: string) =>
      subject.beside(
        `while grep -q '^State:.[^Z]' /proc/${pid.trim()}/status 2>/dev/null; do sleep 0.05; done; echo gone`,
      )

    describe('$', () => {
      test('is a genuine ProcessPromise of zx', async () => {
        const promise = host.$`echo hello`
        expect(promise).toBeInstanceOf(ProcessPromise)
        expect(await promise).toBeInstanceOf(ProcessOutput)
      })

      test('quotes every value, so that nothing in it is run', async () => {
        const values = [
          'a b',
          "it's",
          '$(id)',
          '`id`',
          '"',
          '\\',
          '*',
          '',
          'line\nbreak',
          '--flag',
          'ü €',
          '!',
          '~',
          '#',
        ]
        expect(await host.$`printf '%s\\0' ${values}`.text()).toBe(values.map(value => `${value}\0`).join(''))
      })

      test('returns text, lines, JSON and a buffer', async () => {
        expect(await host.$`printf 'a\\nb\\n'`.text()).toBe('a\nb\n')
        expect(await host.$`printf 'a\\nb\\n'`.lines()).toEqual(['a', 'b'])
        expect(await host.$`echo '{"slot":"blue"}'`.json()).toEqual({ slot: 'blue' })
        expect(await host.$`printf abc`.buffer()).toEqual(Buffer.from('abc'))
      })

      test('keeps stdout and stderr apart', async () => {
        const output = await host.$`echo out; echo err >&2`
        expect([output.stdout, output.stderr]).toEqual(['out\n', 'err\n'])
      })

      test('starts in the home folder', async () => {
        expect((await host.$`pwd -P`.text()).trim()).toBe((await subject.beside('cd; pwd -P')).trim())
      })

      test('reports a failure with the call site, the exact command, the host, the exit code and stderr', async () => {
        const error = await rejection(host.$`echo ${'not here'} >&2; exit 7`)
        expect(error).toBeInstanceOf(ProcessOutput)
        expect((error as ProcessOutput).exitCode).toBe(7)
        const { message } = error as ProcessOutput
        expect(message).toMatch(/^not here\n/)
        expect(message).toMatch(/at .*test\/contract\/host\.ts:\d+:\d+/)
        expect(message).toContain(`command: echo 'not here' >&2; exit 7\n`)
        expect(message).toContain(`host: ${host.name}\n`)
        expect(message).toContain('exit code: 7')
        expect(message).not.toContain('pipefail')
      })

      test('stops at the first failing command, an unset variable and a failing part of a pipe', async () => {
        expect((await host.$({ nothrow: true })`false; echo on`).stdout).toBe('')
        expect((await host.$({ nothrow: true })`echo $UNSET_HERE; echo on`).stdout).toBe('')
        expect((await host.$({ nothrow: true })`false | cat`).exitCode).toBe(1)
      })

      test('resolves to the failure with nothrow, as an option and as a method', async () => {
        expect((await host.$({ nothrow: true })`exit 3`).exitCode).toBe(3)
        expect((await host.$`exit 4`.nothrow()).exitCode).toBe(4)
      })

      test('reports the signal that ended the command', async () => {
        const output = await host.$({ nothrow: true })`kill -KILL $$`
        expect([output.exitCode, output.signal, output.ok]).toEqual([null, 'SIGKILL', false])
      })

      test('kills the whole process group', async () => {
        const started = `${folder}/started`
        const promise = host.$({
          nothrow: true,
        })`sleep 600 & echo $! > ${started}.pid; mv ${started}.pid ${started}; wait`
        await exists(started)
        await promise.kill()
        const output = await promise
        expect([output.exitCode, output.signal]).toEqual([null, 'SIGTERM'])
        expect(await gone(await subject.beside(`cat ${started}`))).toBe('gone\n')
      })

      test('ends the command at its timeout, with the requested signal', async () => {
        const output = await host.$({ nothrow: true, timeout: 500, timeoutSignal: 'SIGKILL' })`sleep 600`
        expect([output.exitCode, output.signal]).toEqual([null, 'SIGKILL'])
        expect((await host.$`sleep 600`.timeout(500).nothrow()).signal).toBe('SIGTERM')
      })

      test('ends the command on that machine when its AbortSignal fires', async () => {
        const controller = new AbortController()
        const started = `${folder}/started`
        const promise = host.$({
          signal: controller.signal,
        })`echo $$ > ${started}.pid; mv ${started}.pid ${started}; sleep 600`
        promise.catch(() => undefined)
        await exists(started)
        controller.abort()
        const error = (await rejection(promise)) as ProcessOutput
        expect(error.cause).toMatchObject({ name: 'AbortError' })
        expect(await gone(await subject.beside(`cat ${started}`))).toBe('gone\n')
      })

      test('takes input as an option, byte for byte', async () => {
        const bytes = randomBytes(300_000)
        const digest = createHash('sha256').update(bytes).digest('hex')
        expect(await host.$({ input: bytes })`sha256sum | cut -c 1-64`.text()).toBe(`${digest}\n`)
      })

      test('takes input through its stdin', async () => {
        const promise = host.$`cat`
        promise.stdin.write('one ')
        promise.stdin.end('two')
        expect(await promise.text()).toBe('one two')
      })

      test('accepts a command that does not read its input', async () => {
        expect(await host.$({ input: Buffer.alloc(4_000_000, 'x') })`head -c 3`.text()).toBe('xxx')
      })

      test('pipes from that machine to this one, back, and from command to command there', async () => {
        expect(await host.$`echo remote`.pipe(localZx`tr a-z A-Z`).text()).toBe('REMOTE\n')
        expect(await localZx`echo local`.pipe(host.$`tr a-z A-Z`).text()).toBe('LOCAL\n')
        expect(await host.$`printf '%s\\n' c a b`.pipe(host.$`sort`).pipe(host.$`tr a-z A-Z`).lines()).toEqual([
          'A',
          'B',
          'C',
        ])
      })

      test('pipes into a stream', async () => {
        const stream = new PassThrough()
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        await host.$`echo streamed`.pipe(stream)
        expect(Buffer.concat(chunks).toString()).toBe('streamed\n')
      })

      test('yields lines while the command runs', async () => {
        const promise = host.$`echo first; read -r answer; echo "$answer"`
        const lines: string[] = []
        for await (const line of promise) {
          lines.push(line)
          if (line === 'first') promise.stdin.end('second\n')
        }
        expect(lines).toEqual(['first', 'second'])
      })

      test('returns megabytes of output, whole and in order', async () => {
        const output = await host.$`seq 1 400000; seq 1 100000 >&2`
        const digest = (text: string) => createHash('sha256').update(text).digest('hex')
        const numbers = (count: number) => `${Array.from({ length: count }, (_, i) => i + 1).join('\n')}\n`
        expect(digest(output.stdout)).toBe(digest(numbers(400_000)))
        expect(digest(output.stderr)).toBe(digest(numbers(100_000)))
      })

      test('takes cwd and env as options, which can be combined', async () => {
        const inFolder = host.$({ cwd: folder })
        expect(await inFolder({ env: { GREETING: "it's $HOME" } })`pwd; printf %s "$GREETING"`.lines()).toEqual([
          folder,
          "it's $HOME",
        ])
        const error = (await rejection(host.$({ cwd: `${folder}/none` })`echo on`)) as ProcessOutput
        expect([error.stdout, error.exitCode]).toEqual(['', 1])
      })

      test('refuses an invalid name of an environment variable', () => {
        expect(() => host.$({ env: { 'A=1; id #': 'x' } })`true`).toThrow('not a valid name of an environment variable')
      })

      test('waits for values that are promises', async () => {
        expect(await host.$`echo ${host.$`echo inner`}`.text()).toBe('inner\n')
      })
    })

    describe('$readonly', () => {
      test('runs a command that only reads', async () => {
        expect(await host.$readonly`echo looked`.text()).toBe('looked\n')
      })
    })

    describe('a secret', () => {
      test('in a script, in env or in input is in no argument of a process', async () => {
        const secret = `secret-${randomUUID()}`
        const go = `${folder}/go`
        const wait = `until [ -e '${go}' ]; do sleep 0.05; done`
        const commands = [
          host.$({
            env: { TOKEN: secret },
          })`touch ${folder}/1; until [ -e ${go} ]; do sleep 0.05; done; echo "$TOKEN"`.text(),
          host.capture({ writes: false, text: `x=${secret}; touch '${folder}/2'; ${wait}; echo "$x"` }),
          host.capture({ writes: false, text: `touch '${folder}/3'; ${wait}; cat` }, { input: secret }),
        ]
        for (const started of [1, 2, 3]) await exists(`${folder}/${started}`)
        const named = (word: string) =>
          subject.beside(
            `grep -l '[${word[0]}]${word.slice(1)}' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; : ${word === secret ? '' : word}`,
          )
        expect(await named(secret)).toBe('0\n')
        expect(await named('control-word')).not.toBe('0\n')
        await subject.beside(`touch '${go}'`)
        expect((await Promise.all(commands)).map(text => text.trim())).toEqual([secret, secret, secret])
      })
    })

    describe('run', () => {
      test('resolves to the output also for a non-zero exit code', async () => {
        expect(await host.run(sh.read`echo out; echo err >&2; exit 3`)).toEqual({
          code: 3,
          stdout: 'out\n',
          stderr: 'err\n',
        })
      })

      test('resolves to the exit code that a shell would show for a script that a signal ended', async () => {
        expect((await host.run(sh.read`kill -TERM $$`)).code).toBe(143)
      })

      test('runs the script with set -eu -o pipefail', async () => {
        expect((await host.run(sh.read`false | true; echo on`)).stdout).toBe('')
        expect((await host.run(sh.read`echo "$UNSET_HERE"; echo on`)).stdout).toBe('')
      })

      test('takes a script of any length, and keeps its input apart from it', async () => {
        const comment = `# ${'x'.repeat(200_000)}\n`
        const script = { writes: false, text: `${comment}read -r first; cat; echo "$first"` }
        expect((await host.run(script, { input: 'one\ntwo\nthree\n' })).stdout).toBe('two\nthree\none\n')
      })

      test('gives the script empty input by default', async () => {
        expect((await host.run(sh.read`cat; echo end`)).stdout).toBe('end\n')
      })

      test('passes on each line of stdout and stderr while the script runs', async () => {
        const lines: string[] = []
        await host.run(sh.read`echo out; echo err >&2; printf 'no line break'`, { onLine: line => lines.push(line) })
        expect(lines.toSorted()).toEqual(['err', 'no line break', 'out'])
      })

      test('kills the process group at its timeout, and throws a Fault', async () => {
        const pid = `${folder}/pid`
        const fault = await faultOf(
          host.run(sh.read`sleep 600 & echo $! > ${pid}; echo waiting >&2; wait`, { timeout: 1_000 }),
        )
        expect(fault).toMatchObject({ code: 'COMMAND_TIMED_OUT', exitCode: 1, detail: 'waiting' })
        expect(await gone(await subject.beside(`cat ${pid}`))).toBe('gone\n')
      })

      test('kills a script that ignores SIGTERM at its timeout', async () => {
        const fault = await faultOf(host.run(sh.read`trap '' TERM; sleep 600`, { timeout: 300 }))
        expect(fault.code).toBe('COMMAND_TIMED_OUT')
      })

      test('refuses a NUL character before anything runs', async () => {
        const reason = await rejection(host.run({ writes: true, text: `touch '${folder}/half'; \0` }))
        expect(reason).toBeInstanceOf(TypeError)
        expect(await left()).toBe('')
      })

      test('returns the results of thirty scripts at once', async () => {
        const numbers = Array.from({ length: 30 }, (_, i) => String(i))
        expect(await Promise.all(numbers.map(n => host.capture(sh.read`sleep 0.2; echo ${n}`)))).toEqual(numbers)
      })
    })

    describe('query', () => {
      test('resolves to the result of `read` whatever the exit code, and rejects with what `read` throws', async () => {
        const code = (script: Script): Query<number> => ({ script, read: output => output.code })
        expect(await host.query(code(sh.read`exit 7`))).toBe(7)
        const refuse: Query<void> = {
          script: sh.read`true`,
          read() {
            throw new RangeError('no')
          },
        }
        await expect(host.query(refuse)).rejects.toThrow(RangeError)
        expect(await faultOf(host.query(capture(sh.read`exit 7`)))).toMatchObject({ code: 'COMMAND_FAILED' })
        expect(await host.query(capture(sh.read`printf '2\n'`, Number))).toBe(2)
      })

      test('passes the host to `read`, which can run another query', async () => {
        const why: Query<string> = {
          script: sh.read`exit 1`,
          read: async (_, { name, query }) => `${name}: ${await query(capture(sh.read`echo because`))}`,
        }
        expect(await host.query(why)).toBe(`${host.name}: because`)
      })
    })

    describe('all', () => {
      test('runs queries in parallel, each with its own input, stdout, stderr and exit code', async () => {
        const meet = (mine: string, other: string) =>
          sh.read`cd ${folder}; : > ${mine}; until [ -e ${other} ]; do sleep 0.02; done`
        const outputs = await host.all([
          output(sh.read`${meet('a', 'b')}; printf 'one\r\n\n'; echo wrong >&2; exit 3`),
          output(sh.read`${meet('b', 'a')}; printf two; cat`),
          output(sh.read`false | true; echo never`),
          output(sh.read`cat`, 'mine\n\n'),
          undefined,
          output(sh.read`wc -c`, 'x'.repeat(50_000)),
          output(sh.read`wc -c`, 'x'.repeat(100_000)),
          output(sh.read`od -An -c`, 'a\0b'),
        ])
        expect(outputs).toEqual([
          { code: 3, stdout: 'one\r\n\n', stderr: 'wrong' },
          { code: 0, stdout: 'two', stderr: '' },
          { code: 1, stdout: '', stderr: '' },
          { code: 0, stdout: 'mine\n\n', stderr: '' },
          undefined,
          { code: 0, stdout: '50000\n', stderr: '' },
          { code: 0, stdout: '100000\n', stderr: '' },
          { code: 0, stdout: '   a  \\0   b\n', stderr: '' },
        ])
      })

      test('takes groups, which resolve to one result, and queries whose faults are values', async () => {
        const pair = group([capture(sh.read`echo 1`, Number), capture(sh.read`echo 2`, Number)], (a, b) => a + b)
        const [sum, ill, none] = await host.all([pair, caught(capture(sh.read`exit 1`)), caught(group([], () => 'x'))])
        expect(sum).toBe(3)
        expect(ill).toMatchObject({ fault: { code: 'COMMAND_FAILED' } })
        expect(none).toEqual({ value: 'x' })
      })

      test('rejects with the first failure in list order, after all queries have ended', async () => {
        const queries = [
          capture(sh.read`touch ${folder}/ended`),
          capture(sh.read`sleep 0.3; exit 3`),
          capture(sh.read`exit 4`),
        ]
        expect(await faultOf(host.all(queries))).toMatchObject({
          code: 'COMMAND_FAILED',
          message: expect.stringContaining('3'),
        })
        expect(await left()).toBe('ended\n')
      })

      test('refuses a query that writes before anything runs', async () => {
        expect(() => host.all([capture(sh.read`touch ${folder}/a`), perform(sh.write`touch ${folder}/b`)])).toThrow(
          TypeError,
        )
        expect(await left()).toBe('')
      })
    })

    describe('pipeline', () => {
      test('runs queries one after the other, each with its own input, read or not', async () => {
        const lines: string[] = []
        const batch = host.pipeline()
        batch.push(perform(sh.write`cat > ${`${folder}/file`}`, { input: 'first\n' }))
        batch.push(perform(sh.write`true`, { input: 'x'.repeat(60_000) }))
        batch.push(fileQuery(`${folder}/other`, 'second\n', 0o600))
        const script = sh.write`cd ${folder}; cat file other; printf '\n\nend'; echo err >&2`
        const last = batch.add({ ...output(script), onLine: line => lines.push(line) })
        await batch.run()
        expect(await last).toEqual({ code: 0, stdout: 'first\nsecond\n\n\nend', stderr: 'err' })
        expect(lines).toEqual(['first', 'second', '', '', 'end', 'err'])
      })

      test('keeps the order around an input that is too long for a batch', async () => {
        const batch = host.pipeline()
        const path = `${folder}/file`
        batch.push(perform(sh.write`printf a > ${path}`))
        batch.push(perform(sh.write`wc -c >> ${path}`, { input: 'x'.repeat(100_000) }))
        const seen = batch.add(capture(sh.read`cat ${path}`))
        batch.push(perform(sh.write`exit 5`, { input: 'a\0b' }))
        const skipped = batch.add(perform(sh.write`rm ${path}`))
        expect(await faultOf(batch.run())).toMatchObject({ code: 'COMMAND_FAILED' })
        expect(await seen).toBe('a100000')
        expect(await faultOf(skipped)).toMatchObject({ code: 'COMMAND_SKIPPED' })
        expect(await left()).toBe('file\n')
      })

      test('settles each query when its own script ends, not with the last one', async () => {
        const go = `${folder}/go`
        const batch = host.pipeline()
        const first = batch.add(capture(sh.write`echo first`))
        const second = batch.add(capture(sh.write`until [ -e ${go} ]; do sleep 0.05; done; echo second`))
        const all = batch.run()
        expect(await first).toBe('first')
        await subject.beside(`touch '${go}'`)
        expect(await second).toBe('second')
        await all
      })

      test('tells each script when the batch started', async () => {
        const waited = sh.read`echo $(( (\${EPOCHREALTIME//[!0-9]/} - \${begun//[!0-9]/}) / 1000 ))`
        const batch = host.pipeline()
        batch.push(perform(sh.write`sleep 0.3`))
        const behind = batch.add(capture(waited, Number))
        await batch.run()
        expect(await behind).toBeGreaterThanOrEqual(300)
        expect(await host.capture(sh.read`echo "\${begun-alone}"`)).toBe('alone')
      })

      test('runs a read-only query in its place in the order', async () => {
        const file = `${folder}/file`
        const batch = host.pipeline()
        batch.push(perform(sh.write`sleep 0.2; echo written > ${file}`))
        const seen = batch.add(capture(sh.read`cat ${file}`))
        await batch.run()
        expect(await seen).toBe('written')
      })

      test('skips the queries after one that failed, and rejects', async () => {
        const batch = host.pipeline()
        const first = batch.add(output(sh.write`exit 7`))
        const second = batch.add(perform(sh.write`touch ${`${folder}/touched`}`))
        const third = batch.add(group([capture(sh.read`echo seen`), perform(sh.write`true`)], text => text))
        const all = batch.run()
        expect(await first).toMatchObject({ code: 7 })
        for (const skipped of [all, second, third])
          expect(await faultOf(skipped)).toMatchObject({ code: 'COMMAND_SKIPPED' })
        expect(await left()).toBe('')
      })

      test('continues after a query whose script succeeded but whose `read` throws, and rejects with that error', async () => {
        const batch = host.pipeline()
        batch.push({
          script: sh.read`true`,
          read() {
            throw new RangeError('no')
          },
        })
        const next = batch.add(capture(sh.read`echo next`))
        await expect(batch.run()).rejects.toThrow(RangeError)
        expect(await next).toBe('next')
      })

      test('refuses another query once it runs', async () => {
        const batch = host.pipeline()
        await batch.run()
        expect(() => batch.add(perform(sh.read`true`))).toThrow(TypeError)
      })
    })

    describe('batched scripts', () => {
      /** Each script has to end at once with code 1, and to print nothing. */
      const failing: Record<string, string> = {
        'a command': 'false; echo on',
        'a function': 'f() { false; echo in; }; f; echo on',
        'a function in a function': 'g() { false; echo in; }; f() { g; echo in; }; f; echo on',
        'a substitution': 'x=$(false; echo in); echo on; echo "$x"',
        'a subshell': '( false; echo in ); echo on',
        'a group': '{ false; echo in; }; echo on',
        'the first part of a pipe': 'false | true; echo on',
        'a function in a pipe': 'f() { false; echo in >&2; }; f | cat; echo on',
        'a loop': 'for n in 1 2; do false; echo in; done; echo on',
        'an unset variable': 'echo "$UNSET_HERE"; echo on',
        'a variable of the batch': 'echo "$said$code"; echo on',
      }
      const queued = (on: Host, ...queries: Query<Output>[]) => {
        const batch = on.pipeline()
        const outputs = queries.map(query => batch.add(query))
        void batch.run()
        return outputs
      }
      const touching = () => output(sh.write`touch ${`${folder}/on`}`)
      const ways: Record<string, (script: Script, input: string) => Promise<Output>[]> = {
        alone: (script, input) => [host.run(script, { input })],
        'side by side': (script, input) => [
          host.all([output(script, input), output(sh.read`true`)]).then(([first]) => first),
        ],
        'side by side, behind one with an input': (script, input) => [
          host.all([output(sh.read`true`, 'more'), output(script, input)]).then(([, second]) => second),
        ],
        'in order, before others': (script, input) =>
          queued(host, output({ ...script, writes: true }, input), touching()),
        'in order, behind others': (script, input) =>
          queued(host, output(sh.write`true`, 'more'), output({ ...script, writes: true }, input)),
        'in order, and looks only': (script, input) =>
          queued(host, output(sh.write`true`), output(script, input), touching()),
        'in order, behind a guard': (script, input) =>
          queued(guarded, output({ ...script, writes: true }, input), touching()),
      }
      let guarded: Host
      beforeAll(async () => {
        const guard = { script: () => sh.read`[ -d / ] || exit 77`, refusal: () => undefined }
        guarded = await subject.transport.open({ ...setting(), guard })
      })
      afterAll(() => guarded?.[Symbol.asyncDispose]())

      test.each(Object.keys(ways))('F51 stop at the first failing command: %s', async way => {
        const seen: Record<string, Output | undefined> = {}
        for (const input of ['', 'its input\n'])
          for (const [label, text] of Object.entries(failing).slice(input === '' ? 0 : -4)) {
            const ends = await Promise.allSettled(ways[way]?.({ writes: false, text }, input) ?? [])
            const outputs = ends.map(end => (end.status === 'fulfilled' ? end.value : undefined))
            seen[`${label} ${input}`] = outputs.find(output => output?.code !== 0)
          }
        const wrong = Object.entries(seen).filter(([, output]) => !isFailure(output))
        expect(wrong).toEqual([])
        expect(await left()).toBe('')
      })

      test('F51 see no variable and no function of their batch', async () => {
        const names = sh.read`compgen -v | grep -vxE 'begun|BASH_.*|EPOCH.*|FUNCNAME|PIPESTATUS|RANDOM|SECONDS|SRANDOM|_'; echo "$#:$*"`
        const known = sh.read`echo "\${code-}\${said-}\${i-}\${s-}"`
        const alone = await host.capture(names)
        const [namesQuery, knownQuery] = [capture(names, text => text, { input: 'x' }), capture(known)]
        expect(await host.all([namesQuery, namesQuery, knownQuery])).toEqual([alone, alone, ''])
        const batch = host.pipeline()
        const inOrder = [namesQuery, namesQuery, knownQuery].map(query => batch.add(query))
        await batch.run()
        expect(await Promise.all(inOrder)).toEqual([alone, alone, ''])
      })
    })

    describe('capture', () => {
      test('resolves to stdout without the last line break', async () => {
        expect(await host.capture(sh.read`printf 'a\n\nb\n\n'`)).toBe('a\n\nb\n')
        expect(await host.capture(sh.read`printf ' a '`)).toBe(' a ')
      })

      test('throws a Fault with the exact command and the end of stderr for a non-zero exit code', async () => {
        const fault = await faultOf(host.capture(sh.read`seq 1 100 >&2; cat ${`${folder}/not here`}`))
        expect(fault).toMatchObject({ code: 'COMMAND_FAILED', exitCode: 1 })
        expect(fault.message).toBe(
          `\`seq 1 100 >&2; cat '${folder}/not here'\` failed with exit code 1 on ${host.name}.`,
        )
        expect(fault.detail).toContain(`not here': No such file or directory`)
        expect(fault.detail?.split('\n')).toHaveLength(20)
      })
    })

    describe('write', () => {
      test('writes the text with the given mode', async () => {
        await host.write(`${folder}/a b`, 'grüße\n', 0o600)
        expect(await subject.beside(`stat -c %a '${folder}/a b'; cat '${folder}/a b'`)).toBe('600\ngrüße\n')
        await host.write(`${folder}/plain`, '')
        expect(await subject.beside(`stat -c '%a %s' ${folder}/plain`)).toBe('644 0\n')
      })

      test('replaces an existing file with one rename', async () => {
        const path = `${folder}/file`
        await host.write(path, 'old')
        const before = await inode(path)
        await host.write(path, 'new')
        expect(await inode(path)).not.toBe(before)
        expect(await subject.beside(`cat ${path}`)).toBe('new')
        expect(await left()).toBe('file\n')
      })

      test('replaces a link instead of writing to its target', async () => {
        await subject.beside(`echo target > ${folder}/target; ln -s target ${folder}/link`)
        await host.write(`${folder}/link`, 'mine\n')
        expect(
          await subject.beside(`cat ${folder}/target ${folder}/link; readlink ${folder}/link || echo no link`),
        ).toBe('target\nmine\nno link\n')
      })

      test('writes a large text', async () => {
        const text = 'é\n'.repeat(1_000_000)
        await host.write(`${folder}/large`, text)
        expect(await subject.beside(`wc -c < ${folder}/large`)).toBe(`${Buffer.byteLength(text)}\n`)
      })

      test('throws a Fault with the path when the folder is missing, and leaves nothing', async () => {
        const fault = await faultOf(host.write(`${folder}/none/file`, 'x'))
        expect(fault).toMatchObject({ code: 'HOST_WRITE_FAILED' })
        expect(fault.message).toBe(`Cannot write ${folder}/none/file on ${host.name}: No such file or directory.`)
      })

      test('refuses to replace a folder', async () => {
        await subject.beside(`mkdir ${folder}/taken`)
        expect(await faultOf(host.write(`${folder}/taken`, 'x'))).toMatchObject({ code: 'HOST_WRITE_FAILED' })
        expect(await left()).toBe('taken\n')
      })
    })

    describe('put', () => {
      let here: string
      beforeAll(async () => {
        here = await mkdtemp(join(tmpdir(), 'switchyard-put-'))
      })
      afterAll(() => rm(here, { recursive: true }))

      test('copies a file byte for byte, with the given mode, and reports its progress', async () => {
        const bytes = randomBytes(3_000_001)
        await writeFile(join(here, 'binary'), bytes)
        const progress: [number, number][] = []
        await host.put(join(here, 'binary'), `${folder}/arrived`, {
          mode: 0o750,
          onProgress: (sent, total) => progress.push([sent, total]),
        })
        const digest = createHash('sha256').update(bytes).digest('hex')
        expect(await subject.beside(`stat -c %a ${folder}/arrived; sha256sum < ${folder}/arrived | cut -c 1-64`)).toBe(
          `750\n${digest}\n`,
        )
        expect(progress.at(-1)).toEqual([bytes.length, bytes.length])
        expect(progress.map(([sent]) => sent)).toEqual(progress.map(([sent]) => sent).toSorted((a, b) => a - b))
        expect(await left()).toBe('arrived\n')
      })

      test('uses mode 644 by default', async () => {
        await writeFile(join(here, 'empty'), '')
        await host.put(join(here, 'empty'), `${folder}/empty`)
        expect(await subject.beside(`stat -c '%a %s' ${folder}/empty`)).toBe('644 0\n')
      })

      test('throws a Fault when the local file is missing, and sends nothing', async () => {
        expect(await faultOf(host.put(join(here, 'none'), `${folder}/none`))).toMatchObject({
          code: 'LOCAL_FILE_UNREADABLE',
        })
        expect(await left()).toBe('')
      })
    })

    describe('copies', () => {
      let here: string
      beforeEach(async () => {
        here = await mkdtemp(join(tmpdir(), 'switchyard-copies-'))
      })
      afterEach(() => rm(here, { recursive: true }))
      const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
      /** Paths, types and permissions below a folder of this machine, as `find` prints them. */
      const tree = async (path: string) =>
        (await localZx`cd ${path} && find . -mindepth 1 -printf '%y %m %P %l\\0' | sort -z`.text())
          .split('\0')
          .filter(line => line !== '')
      const remoteTree = async (path: string) =>
        (await subject.beside(`cd '${path}' && find . -mindepth 1 -printf '%y %m %P %l\\0' | sort -z`))
          .split('\0')
          .filter(line => line !== '')
      const ODD = ['-rf', 'a b', 'line\nbreak', "it's ü €", '$(id)', 'back\\slash', 'tab\there']
      const MADE = `umask 022; mkdir -p deep/er 'empty one'; printf 1 > deep/er/one; printf 22 > two; chmod 750 two; chmod 700 deep
        ln -s deep/er/one in; ln -s ../two deep/up; ln -s deep folderlink
        ln -s /etc/passwd absolute; ln -s ../outside out; ln -s deep/../../outside sly; ln -s er/../../two deep/zigzag
        printf no > ../outside; mkfifo pipe`
      const COPIED = [
        'd 700 deep ',
        'd 755 deep/er ',
        'd 755 empty one ',
        'f 644 deep/er/one ',
        'f 750 two ',
        'l 777 deep/up ../two',
        'l 777 folderlink deep',
        'l 777 in deep/er/one',
      ]
      const SKIPPED = [
        ...['absolute', 'deep/zigzag', 'out'].map(path => ({
          path,
          reason: 'it is a link that leads out of the folder',
        })),
        { path: 'pipe', reason: 'it is neither a file nor a folder' },
        { path: 'sly', reason: 'it is a link that leads out of the folder' },
      ]

      describe('get', () => {
        test('copies a file byte for byte, readable by its owner alone, and reports its progress', async () => {
          const bytes = randomBytes(3_000_001)
          await writeFile(join(here, 'source'), bytes)
          await host.put(join(here, 'source'), `${folder}/binary`)
          const progress: [number, number][] = []
          const onProgress = (copied: number, total: number) => progress.push([copied, total])
          await host.get(`${folder}/binary`, join(here, 'copy'), { onProgress })
          expect(digestOf(await readFile(join(here, 'copy')))).toBe(digestOf(bytes))
          expect(progress.at(-1)).toEqual([bytes.length, bytes.length])
          expect(progress.map(([copied]) => copied)).toEqual(
            progress.map(([copied]) => copied).toSorted((a, b) => a - b),
          )
          expect(await tree(here)).toEqual(['f 600 copy ', 'f 644 source '])
        })

        test('takes a mode, and replaces a file with one rename', async () => {
          await host.write(`${folder}/file`, 'new\n')
          await writeFile(join(here, 'file'), 'old\n')
          const before = (await stat(join(here, 'file'))).ino
          await host.get(`${folder}/file`, join(here, 'file'), { mode: 0o640 })
          expect(await readFile(join(here, 'file'), 'utf8')).toBe('new\n')
          expect((await stat(join(here, 'file'))).ino).not.toBe(before)
          expect(await tree(here)).toEqual(['f 640 file '])
        })

        test('copies a file of any name, an empty one, and one that has content but no size', async () => {
          for (const [i, name] of ODD.entries()) {
            await host.write(`${folder}/${name}`, `${i}\n`)
            await host.get(`${folder}/${name}`, join(here, name))
            expect(await readFile(join(here, name), 'utf8')).toBe(`${i}\n`)
          }
          await host.write(`${folder}/nothing`, '')
          await host.get(`${folder}/nothing`, join(here, 'nothing'))
          expect(await readFile(join(here, 'nothing'), 'utf8')).toBe('')
          await host.get('/proc/version', join(here, 'version'))
          expect(await readFile(join(here, 'version'), 'utf8')).toBe(await subject.beside('cat /proc/version'))
        })

        test('starts at the home folder, and follows a link', async () => {
          const name = `switchyard-${randomUUID()}`
          await subject.beside(`cd; echo here > ./${name}; ln -s ${name} ./-${name}`)
          try {
            await host.get(`-${name}`, join(here, 'copy'))
            expect(await readFile(join(here, 'copy'), 'utf8')).toBe('here\n')
            expect(await tree(here)).toEqual(['f 600 copy '])
          } finally {
            await subject.beside(`cd; rm ./${name} ./-${name}`)
          }
        })

        test('copies the beginning of a file that grows', async () => {
          const growing = host.$({
            nothrow: true,
          })`for i in $(seq 100000); do echo "line $i"; done >> ${`${folder}/log`}`
          await subject.beside(`until [ -s '${folder}/log' ]; do sleep 0.02; done`)
          await host.get(`${folder}/log`, join(here, 'log'))
          const size = (await stat(join(here, 'log'))).size
          await growing
          expect(size).toBeGreaterThan(0)
          expect(digestOf(await readFile(join(here, 'log')))).toBe(
            (await subject.beside(`head -c ${size} '${folder}/log' | sha256sum`)).slice(0, 64),
          )
        })

        test('throws a Fault for what is no file here or there, and leaves nothing', async () => {
          await subject.beside(`mkdir '${folder}/sub'; mkfifo '${folder}/pipe'; ln -s none '${folder}/broken'`)
          const of = (remote: string, local = join(here, 'copy')) => faultOf(host.get(remote, local))
          expect((await of(`${folder}/none`)).message).toBe(
            `Cannot read ${folder}/none on ${host.name}: No such file or directory.`,
          )
          expect(await of(`${folder}/broken`)).toMatchObject({ code: 'HOST_FILE_UNREADABLE', exitCode: 1 })
          expect(await of(`${folder}/sub`)).toMatchObject({ hint: expect.stringContaining('host.getFolder') })
          expect((await of(`${folder}/pipe`)).message).toContain('it is a fifo')
          await host.write(`${folder}/file`, 'x')
          expect(await of(`${folder}/file`, here)).toMatchObject({ code: 'LOCAL_FILE_UNWRITABLE' })
          expect((await of(`${folder}/file`, join(here, 'none', 'copy'))).message).toBe(
            `Cannot write ${join(here, 'none', 'copy')} on this machine: No such file or directory.`,
          )
          expect(await tree(here)).toEqual([])
        })
      })

      describe('list', () => {
        test('returns name, type, size, mode and time of each entry, sorted', async () => {
          await subject.beside(
            `cd '${folder}'; mkdir sub; printf 12345 > file; chmod 640 file; ln -s file link; mkfifo pipe; touch -d @1700000000 file; touch -- ${ODD.map(name => sh.read`${name}`.text).join(' ')}`,
          )
          const found = await host.list(folder)
          expect(found.map(({ name }) => name)).toEqual([...ODD, 'sub', 'file', 'link', 'pipe'].sort())
          const types = Object.fromEntries(found.map(({ name, type }) => [name, type]))
          expect(types).toMatchObject({ sub: 'folder', file: 'file', link: 'link', pipe: 'other', '-rf': 'file' })
          expect(found.find(({ name }) => name === 'file')).toEqual({
            name: 'file',
            type: 'file',
            size: 5,
            mode: 0o640,
            modified: new Date(1_700_000_000_000),
          })
        })

        test('throws a Fault for a missing folder and for a file', async () => {
          await host.write(`${folder}/file`, 'x')
          for (const path of [`${folder}/none`, `${folder}/file`])
            expect(await faultOf(host.list(path))).toMatchObject({ code: 'HOST_FILE_UNREADABLE', exitCode: 1 })
        })
      })

      describe('getFolder', () => {
        test('copies files, folders and the links within, keeps permissions, and reports what it left out', async () => {
          await subject.beside(`mkdir '${folder}/made'; cd '${folder}/made'; ${MADE}`)
          const copied = await host.getFolder(`${folder}/made`, join(here, 'copy'))
          expect(copied).toEqual({ files: 2, bytes: 3, skipped: SKIPPED })
          expect(await tree(join(here, 'copy'))).toEqual(COPIED)
          expect(await readFile(join(here, 'copy', 'deep', 'up'), 'utf8')).toBe('22')
          expect((await stat(join(here, 'copy'))).mode & 0o777).toBe(0o755)
          expect((await tree(here)).filter(line => line.includes('.switchyard'))).toEqual([])
        })

        test('copies entries of any name', async () => {
          const names = ODD.map(name => sh.read`${name}`.text).join(' ')
          await subject.beside(`cd '${folder}'; for n in ${names}; do mkdir -- "$n"; echo "$n" > "./$n/$n"; done`)
          expect(await host.getFolder(folder, join(here, 'copy'))).toEqual({
            files: ODD.length,
            bytes: ODD.reduce((sum, name) => sum + Buffer.byteLength(name) + 1, 0),
            skipped: [],
          })
          for (const name of ODD) expect(await readFile(join(here, 'copy', name, name), 'utf8')).toBe(`${name}\n`)
        })

        test('replaces files in an existing folder and keeps others, but never writes through a link', async () => {
          await subject.beside(`cd '${folder}'; mkdir sub; echo new > sub/file; echo new > other`)
          const copy = join(here, 'copy')
          await localZx`mkdir -p ${copy}/sub; echo old > ${copy}/sub/file; echo mine > ${copy}/mine`
          await host.getFolder(folder, copy)
          expect(await localZx`cd ${copy}; cat sub/file other mine`.text()).toBe('new\nnew\nmine\n')
          await localZx`rm -r ${copy}/sub; mkdir ${here}/elsewhere; ln -s ../elsewhere ${copy}/sub`
          expect(await faultOf(host.getFolder(folder, copy))).toMatchObject({ code: 'LOCAL_FILE_UNWRITABLE' })
          expect(await tree(join(here, 'elsewhere'))).toEqual([])
          expect((await tree(copy)).filter(line => line.includes('.switchyard'))).toEqual([])
        })

        test('throws a Fault when the folder is a file or missing, or the copy would replace a file', async () => {
          await host.write(`${folder}/file`, 'x')
          await writeFile(join(here, 'file'), '')
          expect(await faultOf(host.getFolder(`${folder}/file`, join(here, 'copy')))).toMatchObject({
            code: 'HOST_FILE_UNREADABLE',
            hint: expect.stringContaining('host.get'),
          })
          expect(await faultOf(host.getFolder(`${folder}/none`, join(here, 'copy')))).toMatchObject({
            code: 'HOST_FILE_UNREADABLE',
          })
          expect(await faultOf(host.getFolder(folder, join(here, 'file')))).toMatchObject({
            code: 'LOCAL_FILE_UNWRITABLE',
          })
          expect(await tree(here)).toEqual(['f 644 file '])
        })
      })

      describe('putFolder', () => {
        test('copies files, folders and the links within, keeps permissions, and reports what it left out', async () => {
          await localZx`mkdir ${here}/made`
          await localZx({ cwd: join(here, 'made') })`bash -c ${MADE}`
          const progress: [number, number][] = []
          const copied = await host.putFolder(join(here, 'made'), `${folder}/copy`, {
            onProgress: (done, total) => progress.push([done, total]),
          })
          expect(copied).toEqual({ files: 2, bytes: 3, skipped: SKIPPED })
          expect(progress.at(-1)).toEqual([3, 3])
          expect(await remoteTree(`${folder}/copy`)).toEqual(COPIED)
          expect(await subject.beside(`cat '${folder}/copy/deep/up'; stat -c ' %a' '${folder}/copy'`)).toBe('22 755\n')
          expect(await left()).toBe('copy\n')
        })

        test('copies entries of any name to a folder of any name', async () => {
          const source = join(here, 'source')
          for (const name of ODD) {
            await mkdir(join(source, name), { recursive: true })
            await writeFile(join(source, name, name), name)
          }
          for (const name of ODD) {
            await host.putFolder(source, `${folder}/${name}`)
            const { files } = await host.getFolder(`${folder}/${name}`, join(here, name))
            expect(files).toBe(ODD.length)
            expect(await tree(join(here, name))).toEqual(await tree(source))
          }
        })

        test('starts at the home folder', async () => {
          const name = `-switchyard-${randomUUID()}`
          await mkdir(join(here, 'source'))
          await writeFile(join(here, 'source', 'file'), 'x')
          try {
            await host.putFolder(join(here, 'source'), name)
            expect(await subject.beside(`cd; ls ./${name}`)).toBe('file\n')
          } finally {
            await subject.beside(`cd; rm -r ./${name}`)
          }
        })

        test('replaces files in an existing folder and keeps others, but never writes through a link', async () => {
          const source = join(here, 'source')
          await localZx`mkdir -p ${source}/sub; echo new > ${source}/sub/file; echo new > ${source}/other`
          await subject.beside(
            `cd '${folder}'; mkdir -p copy/sub elsewhere; echo old > copy/sub/file; echo mine > copy/mine; ln -s /etc/passwd copy/other`,
          )
          await host.putFolder(source, `${folder}/copy`)
          expect(await subject.beside(`cd '${folder}/copy'; cat sub/file other mine; ls -A`)).toBe(
            'new\nnew\nmine\nmine\nother\nsub\n',
          )
          await subject.beside(`cd '${folder}'; rm -r copy/sub; ln -s ../elsewhere copy/sub`)
          const fault = await faultOf(host.putFolder(source, `${folder}/copy`))
          expect(fault).toMatchObject({ code: 'HOST_WRITE_FAILED', exitCode: 1 })
          expect(fault.message).toContain('in the place of the folder sub')
          expect(await subject.beside(`ls -A '${folder}/elsewhere'; ls -A '${folder}/copy'`)).toBe('mine\nother\nsub\n')
        })

        test('throws a Fault when the source is no folder or there is no place for it, and leaves nothing', async () => {
          await host.write(`${folder}/file`, 'x')
          await mkdir(join(here, 'source'))
          await writeFile(join(here, 'file'), 'x')
          const of = (local: string, remote: string) =>
            faultOf(host.putFolder(join(here, local), `${folder}/${remote}`))
          expect(await of('none', 'copy')).toMatchObject({ code: 'LOCAL_FILE_UNREADABLE' })
          expect((await of('file', 'copy')).message).toContain('use `host.put` for a file')
          expect(await of('source', 'file')).toMatchObject({ code: 'HOST_WRITE_FAILED' })
          expect((await of('source', 'none/copy')).message).toBe(
            `Cannot write ${folder}/none/copy on ${host.name}: No such file or directory.`,
          )
          expect(await left()).toBe('file\n')
        })

        test('is refused by a guard that refuses when the files have arrived, and leaves nothing', async () => {
          await mkdir(join(here, 'source'))
          await writeFile(join(here, 'source', 'file'), 'x')
          const over = new Fault('OVER', 3, 'It is over.', 'Do nothing.')
          const calls = `${folder}/calls`
          const guard = {
            script: () => sh.read`echo >> ${calls}; [ "$(wc -l < ${calls})" -lt 2 ] || exit 97`,
            refusal: (code: number) => (code === 97 ? over : undefined),
          }
          await using guarded = await subject.transport.open({ ...setting(), guard })
          expect(await faultOf(guarded.putFolder(join(here, 'source'), `${folder}/copy`))).toBe(over)
          expect(await subject.beside(`wc -l < '${calls}'`)).toBe('2\n')
          expect(await left()).toBe('calls\n')
        })
      })

      test('an interruption ends them and leaves nothing, and later ones still run', async () => {
        await mkdir(join(here, 'large'))
        await localZx`truncate -s 100M ${here}/large/file`
        await subject.beside(`mkdir '${folder}/large'; truncate -s 100M '${folder}/large/file'`)
        const ways = [
          (on: Host, options: object) => on.get(`${folder}/large/file`, join(here, 'copy'), options),
          (on: Host, options: object) => on.getFolder(`${folder}/large`, join(here, 'copy'), options),
          (on: Host, options: object) => on.putFolder(join(here, 'large'), `${folder}/copy`, options),
        ]
        for (const way of ways) {
          const controller = new AbortController()
          await using other = await subject.transport.open({ ...setting(), signal: controller.signal })
          const fault = await faultOf(way(other, { onProgress: () => controller.abort() }))
          expect(fault).toMatchObject({ code: 'COMMAND_INTERRUPTED', exitCode: 130 })
          expect(await tree(here)).toEqual(['d 755 large ', 'f 644 large/file '])
          await expect.poll(left, PATIENCE).toBe('large\n')
          await subject.beside(`echo small > '${folder}/small'`)
          await other.get(`${folder}/small`, join(here, 'small'))
          await localZx`rm ${here}/small`
          await subject.beside(`rm '${folder}/small'`)
        }
      })
    })

    test('account() resolves to the user that commands run as', async () => {
      expect(await host.account()).toBe(await host.capture(sh.read`id -un`))
    })

    describe('spawn', () => {
      test('exchanges lines with the process, and closes its stdin when disposed', async () => {
        const held = await host.spawn(
          sh.write`echo ready; while read -r line; do echo "got $line"; done; touch ${folder}/ended; exit 4`,
        )
        const lines: string[] = []
        for await (const line of held.lines) {
          lines.push(line)
          if (line === 'ready') held.send('a b')
          else break
        }
        expect(lines).toEqual(['ready', 'got a b'])
        await held[Symbol.asyncDispose]()
        expect(await held.ended).toBe(4)
        expect(await left()).toBe('ended\n')
      })

      test('resolves to the exit code of a process that ends by itself, whether or not its lines are read', async () => {
        const held = await host.spawn(sh.read`seq 1 1000; exit 3`)
        expect(await held.ended).toBe(3)
        const lines: string[] = []
        for await (const line of held.lines) lines.push(line)
        expect(lines).toHaveLength(1000)
      })

      test('lets other commands run at the same time', async () => {
        await using held = await host.spawn(sh.read`echo ready; cat`)
        expect(await host.capture(sh.read`echo beside`)).toBe('beside')
        held.send('done')
      })

      test('ends the process when the host is disposed', async () => {
        const other = await subject.transport.open(setting())
        const held = await other.spawn(sh.write`echo $$; cat; touch ${folder}/ended`)
        const { value: pid } = await held.lines[Symbol.asyncIterator]().next()
        await other[Symbol.asyncDispose]()
        // Over SSH, disposing does not wait for the exit code.
        expect([0, undefined]).toContain(await held.ended)
        expect(await gone(pid)).toBe('gone\n')
        expect(await left()).toBe('ended\n')
      })

      test('keeps the process when the run is interrupted', async () => {
        const controller = new AbortController()
        await using other = await subject.transport.open({ ...setting(), signal: controller.signal })
        await using held = await other.spawn(sh.read`echo ready; cat`)
        controller.abort()
        held.send('still here')
        const lines: string[] = []
        for await (const line of held.lines) if (lines.push(line) === 2) break
        expect(lines).toEqual(['ready', 'still here'])
      })
    })

    describe('an interruption', () => {
      test('ends and rejects the running commands, and allows later ones', async () => {
        const controller = new AbortController()
        await using other = await subject.transport.open({ ...setting(), signal: controller.signal })
        const run = other.run(sh.read`echo $$ > ${folder}/pid; touch ${folder}/1; sleep 600`)
        const template = other.$`touch ${folder}/2; sleep 600`
        const failures = Promise.all([faultOf(run), rejection(template)])
        await exists(`${folder}/1`)
        await exists(`${folder}/2`)
        controller.abort()
        const [fault, output] = await failures
        expect(fault).toMatchObject({ code: 'COMMAND_INTERRUPTED', exitCode: 130 })
        expect((output as ProcessOutput).cause).toMatchObject({ code: 'COMMAND_INTERRUPTED' })
        expect(await gone(await subject.beside(`cat ${folder}/pid`))).toBe('gone\n')
        expect(await other.capture(sh.write`echo undone`)).toBe('undone')
        expect(await other.$`echo undone`.text()).toBe('undone\n')
      })

      test('rejects each query of a pipeline, and each script that had not started', async () => {
        const controller = new AbortController()
        await using other = await subject.transport.open({ ...setting(), signal: controller.signal })
        const batch = other.pipeline()
        const both = ['1', '2'].map(n => faultOf(batch.add(perform(sh.write`touch ${`${folder}/${n}`}; sleep 600`))))
        const all = faultOf(batch.run())
        await exists(`${folder}/1`)
        const early = faultOf(other.run(sh.write`touch ${folder}/never`))
        controller.abort()
        for (const fault of await Promise.all([...both, all, early]))
          expect(fault).toMatchObject({ code: 'COMMAND_INTERRUPTED', exitCode: 130 })
        expect(await left()).toBe('1\n')
      })
    })

    describe('connect', () => {
      test('can be called twice and after disposal, and commands run as usual', async () => {
        const early = await subject.transport.open(setting())
        early.connect?.()
        early.connect?.()
        expect(await early.capture(sh.read`echo here`)).toBe('here')
        await early[Symbol.asyncDispose]()
        early.connect?.()
      })

      test('does not need a command to follow', async () => {
        const early = await subject.transport.open(setting())
        early.connect?.()
        await early[Symbol.asyncDispose]()
      })
    })

    describe('a disposed host', () => {
      test('refuses commands', async () => {
        const other = await subject.transport.open(setting())
        await other.capture(sh.read`true`)
        await other[Symbol.asyncDispose]()
        expect(await faultOf(other.capture(sh.read`true`))).toMatchObject({ code: 'HOST_CLOSED' })
      })

      test('keeps its name, also when it never ran a command', async () => {
        const other = await subject.transport.open(setting())
        await other[Symbol.asyncDispose]()
        expect(other.name).toBe(subject.transport.name)
      })
    })

    describe('attach', () => {
      const driver = join(import.meta.dirname, 'attach-driver.ts')
      const node = () => [process.execPath, '--import', 'tsx', driver, ...subject.driver]

      test('connects the command to our stdin, stdout and stderr when there is no terminal', async () => {
        const [file = '', ...args] = node()
        const child = spawn(file, [...args, 'cat; echo err >&2; tty || exit 5'])
        child.stdin.end('1 + 1\n')
        const { code, stdout, stderr } = await ending(child)
        expect(stdout).toBe('1 + 1\nnot a tty\n')
        expect(stderr).toContain('err\n')
        expect(code).toBe(5)
      })

      test('ends with a command that reads no input, although our stdin stays open', async () => {
        const [file = '', ...args] = node()
        const child = spawn(file, [...args, 'echo short'])
        expect(await ending(child)).toMatchObject({ code: 0, stdout: 'short\n' })
      })

      test('gives the command a terminal of the same size as ours, and returns its exit code', async () => {
        const terminal = inTerminal(node(), 'tty > /dev/null && stty size; exit 6')
        expect(await terminal.ended).toBe(6)
        expect(terminal.output()).toMatch(/^33 111\r*$/m)
      })

      test('sends Ctrl-C to the command', async () => {
        const terminal = inTerminal(
          node(),
          `trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done`,
        )
        await terminal.prints('ready')
        terminal.type('\x03')
        expect(await terminal.ended).toBe(9)
        expect(terminal.output()).toContain('interrupted')
      })

      test('passes on a resize of the terminal', async () => {
        const command = `echo ready; until [ "$(stty size)" = '44 99' ]; do sleep 0.05; done; exit 7`
        const terminal = inTerminal(node(), command)
        await terminal.prints('ready')
        await terminal.resize(44, 99)
        expect(await terminal.ended).toBe(7)
      })

      test('restores the terminal', async () => {
        const terminal = inTerminal(node(), 'stty raw -echo; kill -KILL $$')
        expect(await terminal.ended).toBe(137)
        const [before, after] = [...terminal.output().matchAll(/(?:before|after) (\S+)/g)].map(match => match[1])
        expect(before).toMatch(/^[0-9a-f:]+$/)
        expect(after).toBe(before)
      })
    })
  })
}

const ending = (child: ReturnType<typeof spawn>) =>
  new Promise<{ code: number | null; stdout: string; stderr: string }>(resolve => {
    const text = { stdout: '', stderr: '' }
    child.stdout?.on('data', (chunk: Buffer) => {
      text.stdout += chunk
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      text.stderr += chunk
    })
    child.once('close', code => resolve({ code, ...text }))
  })

/** Runs the driver in a new terminal of 33 rows and 111 columns. */
function inTerminal(node: readonly string[], command: string) {
  const line = [...node, command].map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const script = `stty rows 33 cols 111; echo "tty $(tty)"; echo "before $(stty -g)"; ${line}; code=$?; echo "after $(stty -g)"; exit $code`
  const child = spawn('script', ['--quiet', '--return', '--command', script, '/dev/null'], {
    env: { ...process.env, SHELL: '/bin/bash' },
  })
  let text = ''
  const waiting = new Set<() => void>()
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk
    for (const check of waiting) check()
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const prints = (part: string) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (!text.includes(part)) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
      void ended.then(() => reject(new Error(`The command ended without printing ${part}: ${text}`)))
    })
  return {
    ended,
    prints,
    output: () => text,
    type: (keys: string) => void child.stdin.write(keys),
    async resize(rows: number, columns: number) {
      const [, tty = ''] = /tty (\S+)/.exec(text) ?? []
      await promisify(execFile)('stty', ['-F', tty, 'rows', String(rows), 'cols', String(columns)])
    },
  }
}
