/** Variables from password managers and clouds: the vendors' programs are stand-ins that say their words, `age` and `pass` are the real ones. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  age,
  aws,
  bitwarden,
  type EnvironmentSource,
  file,
  fromProcess,
  gcp,
  onePassword,
  pass,
  sops,
  vault,
} from '../../../index.ts'
import { quotable } from '../../../plugins/secrets/ask.ts'
import { readSources } from '../../../slots/environment/source.ts'
import { hasDebianPackages, programsOf } from '../../support/debian-package.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-secrets-'))
})
afterAll(() => rm(folder, { recursive: true }))

const readingWith = (env: Record<string, string>, signal = new AbortController().signal) => ({ folder, signal, env })

/** A stand-in that prints `stdout` or `stderr`, exits with `code`, and writes down its arguments. */
async function standIn(
  program: string,
  { stdout = '', stderr = '', code = 0, before = '' },
): Promise<Record<string, string>> {
  const bin = await mkdtemp(join(folder, 'bin-'))
  await writeFile(join(bin, 'stdout'), stdout)
  await writeFile(join(bin, 'stderr'), stderr)
  const text = `#!/bin/sh\nprintf '%s\\n' "$@" > '${bin}/arguments'\n${before}\ncat '${bin}/stdout'\ncat '${bin}/stderr' >&2\nexit ${code}\n`
  await writeFile(join(bin, program), text)
  await chmod(join(bin, program), 0o755)
  return { PATH: `${bin}${delimiter}${process.env.PATH}`, BIN: bin }
}
const argumentsOf = async ({ BIN = '' }: Record<string, string>) =>
  (await readFile(join(BIN, 'arguments'), 'utf8')).trimEnd().split('\n')

const SESAME = { DATABASE_URL: 'postgres://life:sesame@db/life', KEY: 'open "sesame"\nat $once' }
const field = (label: string, value: string, more = {}) => ({ id: label, type: 'CONCEALED', label, value, ...more })

interface Vendor {
  readonly source: EnvironmentSource
  readonly program: string
  /** What it prints for `SESAME`. */
  readonly stdout: string
  readonly args: readonly string[]
  readonly loggedOut: { readonly stderr: string; readonly code: number }
  readonly missing: { readonly stderr: string; readonly code: number }
}

const VENDORS: readonly Vendor[] = [
  {
    source: onePassword({ vault: 'production', item: 'life', account: 'team' }),
    program: 'op',
    stdout: JSON.stringify({
      id: 'x3o',
      title: 'life',
      fields: [
        field('username', 'not a variable of ours', { purpose: 'USERNAME' }),
        field('database url', 'not the name of a variable'),
        ...Object.entries(SESAME).map(([name, value]) => field(name, value)),
      ],
    }),
    args: ['item', 'get', 'life', '--vault', 'production', '--account', 'team', '--format', 'json'],
    loggedOut: {
      stderr:
        '[ERROR] 2026/11/26 10:00:00 You are not currently signed in. Please run `op signin --help` for instructions\n',
      code: 1,
    },
    missing: {
      stderr:
        '[ERROR] 2026/11/26 10:00:00 "life" isn\'t an item in the "production" vault. Specify the item with its UUID, name, or domain.\n',
      code: 1,
    },
  },
  {
    source: bitwarden({ item: 'life' }),
    program: 'bw',
    stdout: JSON.stringify({
      object: 'item',
      name: 'life',
      login: { username: 'x', password: 'y' },
      fields: Object.entries(SESAME).map(([name, value]) => ({ name, value, type: 1 })),
    }),
    args: ['get', 'item', 'life', '--nointeraction'],
    loggedOut: { stderr: 'Vault is locked.', code: 1 },
    missing: { stderr: 'Not found.', code: 1 },
  },
  {
    source: bitwarden({ project: 'e325ea69-a3ab-4dff-836f-b02e013fe530' }),
    program: 'bws',
    stdout: JSON.stringify(Object.entries(SESAME).map(([key, value]) => ({ id: '1', key, value, note: '' }))),
    args: ['secret', 'list', 'e325ea69-a3ab-4dff-836f-b02e013fe530', '--output', 'json'],
    loggedOut: { stderr: 'Error: \n   0: Missing access token\n', code: 1 },
    missing: {
      stderr: 'Error: \n   0: Received error message from server: [404 Not Found] {"message":"Resource not found."}\n',
      code: 1,
    },
  },
  {
    source: sops('secrets.enc.yaml'),
    program: 'sops',
    stdout: JSON.stringify(SESAME, null, '\t'),
    args: ['--decrypt', '--output-type', 'json', 'secrets.enc.yaml'],
    loggedOut: {
      stderr:
        'Failed to get the data key required to decrypt the SOPS file.\n\nGroup 0: FAILED\n  age1xyz: FAILED\n    - | failed to open file: open /home/x/.config/sops/age/keys.txt: no such file or directory\n',
      code: 128,
    },
    missing: { stderr: 'Error reading file: open secrets.enc.yaml: no such file or directory\n', code: 2 },
  },
  {
    source: aws({ secret: 'life/production', region: 'eu-central-1', profile: 'life' }),
    program: 'aws',
    stdout: JSON.stringify({ ARN: 'arn:aws:...', Name: 'life/production', SecretString: JSON.stringify(SESAME) }),
    args: [
      'secretsmanager',
      'get-secret-value',
      '--secret-id',
      'life/production',
      '--region',
      'eu-central-1',
      '--profile',
      'life',
      '--output',
      'json',
      '--no-cli-pager',
    ],
    loggedOut: {
      stderr: '\nUnable to locate credentials. You can configure credentials by running "aws configure".\n',
      code: 253,
    },
    missing: {
      stderr:
        "\nAn error occurred (ResourceNotFoundException) when calling the GetSecretValue operation: Secrets Manager can't find the specified secret.\n",
      code: 254,
    },
  },
  {
    source: aws({ path: '/life/production' }),
    program: 'aws',
    stdout: JSON.stringify({
      Parameters: Object.entries(SESAME).map(([name, Value]) => ({
        Name: `/life/production/${name}`,
        Type: 'SecureString',
        Value,
      })),
    }),
    args: [
      'ssm',
      'get-parameters-by-path',
      '--path',
      '/life/production',
      '--recursive',
      '--with-decryption',
      '--output',
      'json',
      '--no-cli-pager',
    ],
    loggedOut: {
      stderr:
        '\nAn error occurred (ExpiredTokenException) when calling the GetParametersByPath operation: The security token included in the request is expired\n',
      code: 254,
    },
    missing: {
      stderr: '\nAn error occurred (ParameterNotFound) when calling the GetParametersByPath operation: \n',
      code: 254,
    },
  },
  {
    source: gcp({ secret: 'life-production', project: 'life' }),
    program: 'gcloud',
    stdout: JSON.stringify(SESAME),
    args: ['secrets', 'versions', 'access', 'latest', '--secret', 'life-production', '--project', 'life', '--quiet'],
    loggedOut: {
      stderr:
        'ERROR: (gcloud.secrets.versions.access) You do not currently have an active account selected.\nPlease run:\n\n  $ gcloud auth login\n\nto obtain new credentials.\n',
      code: 1,
    },
    missing: {
      stderr:
        'ERROR: (gcloud.secrets.versions.access) NOT_FOUND: Secret [projects/1/secrets/life-production] not found or has no versions.\n',
      code: 1,
    },
  },
  {
    source: vault({ path: 'life/production', namespace: 'team' }),
    program: 'vault',
    stdout: JSON.stringify({ request_id: '1', data: { data: SESAME, metadata: { version: 3 } } }),
    args: ['kv', 'get', '-format=json', '-mount=secret', '-namespace=team', 'life/production'],
    loggedOut: {
      stderr:
        'Error making API request.\n\nURL: GET http://127.0.0.1:8200/v1/sys/internal/ui/mounts/secret\nCode: 403. Errors:\n\n* permission denied\n',
      code: 2,
    },
    missing: { stderr: 'No value found at secret/data/life/production\n', code: 2 },
  },
]

describe.each(VENDORS)('$source.title', ({ source, program, stdout, args, loggedOut, missing }) => {
  it('gives the variables that its program prints, byte for byte', async () => {
    const env = await standIn(program, { stdout })
    await expect(source.read(readingWith(env))).resolves.toEqual(SESAME)
    expect(await argumentsOf(env)).toEqual(args)
  })

  it('says how to log in if the program is not, in its own words', async () => {
    const read = source.read(readingWith(await standIn(program, loggedOut)))
    await expect(read).rejects.toMatchObject({ code: 'SECRETS_NO_ACCESS', exitCode: 1 })
    const { detail, hint, message } = await read.catch(error => error)
    expect(message).toContain(source.title)
    expect(hint).toMatch(/Run `|Set |Sops needs/)
    expect(detail).not.toBe(undefined)
  })

  it('says that the item does not exist', async () => {
    await expect(source.read(readingWith(await standIn(program, missing)))).rejects.toMatchObject({
      code: 'SECRETS_NOT_FOUND',
      exitCode: 2,
    })
  })

  it('says that the program is not installed', async () => {
    const read = source.read(readingWith({ PATH: folder }))
    await expect(read).rejects.toMatchObject({ code: 'SECRETS_TOOL_MISSING', exitCode: 2 })
    await expect(read).rejects.toThrowError(`the program \`${program}\` is not installed`)
  })

  it('never quotes what the program printed, even if it failed after that or printed nonsense', async () => {
    for (const broken of [
      { stdout: JSON.stringify(SESAME), stderr: 'panic: out of cheese\n', code: 7 },
      { stdout: '["sesame"' },
      { stdout: '{"DATABASE_URL":{"nested":"sesame"},"data":{"A":["sesame"]}}' },
    ]) {
      const error = await source.read(readingWith(await standIn(program, broken))).then(
        () => expect.fail('it was read'),
        error => error,
      )
      expect(error.code).toMatch(/^(SECRETS_|ENV_LINE_INVALID)/)
      expect(`${error.message} ${error.hint} ${error.detail}`).not.toContain('sesame')
    }
  })
})

it('Vault secrets of version 1 of the engine, where the keys are at the top, are read too', async () => {
  const env = await standIn('vault', { stdout: JSON.stringify({ data: SESAME }) })
  await expect(vault({ path: 'life', mount: 'kv' }).read(readingWith(env))).resolves.toEqual(SESAME)
})

it('secrets of AWS and Google Cloud may be environment files', async () => {
  const text = 'A=one\nB="two words"\n'
  const google = await standIn('gcloud', { stdout: text })
  await expect(gcp({ secret: 'x' }).read(readingWith(google))).resolves.toEqual({ A: 'one', B: 'two words' })
  const amazon = await standIn('aws', { stdout: JSON.stringify({ SecretString: text }) })
  await expect(aws({ secret: 'x' }).read(readingWith(amazon))).resolves.toEqual({ A: 'one', B: 'two words' })
})

it('a binary secret of AWS is refused', async () => {
  const env = await standIn('aws', { stdout: JSON.stringify({ SecretBinary: 'c2VzYW1l' }) })
  await expect(aws({ secret: 'x' }).read(readingWith(env))).rejects.toMatchObject({ code: 'SECRETS_UNREADABLE' })
})

it('an item without a field that is named like a variable is refused', async () => {
  const env = await standIn('op', { stdout: JSON.stringify({ fields: [field('database url', 'x')] }) })
  await expect(onePassword({ item: 'life' }).read(readingWith(env))).rejects.toMatchObject({
    code: 'SECRETS_UNREADABLE',
  })
})

it('Ctrl-C ends a program that waits for a person', async () => {
  const controller = new AbortController()
  const env = await standIn('bw', { before: 'exec sleep 100' })
  const read = bitwarden({ item: 'life' }).read(readingWith(env, controller.signal))
  const why = new Error('interrupted')
  setTimeout(() => controller.abort(why), 300)
  await expect(read).rejects.toBe(why)
})

it('what a program says is quoted without credentials, tokens, control characters and more than its end', () => {
  const env = { VAULT_TOKEN: 'hvs.short', BW_SESSION: 'sesame-session', HOME: '/home/x' }
  const said = `${'line\n'.repeat(9)}\x1b[31mtoken hvs.short and sesame-session\x07\nAKIAIOSFODNN7EXAMPLE in /home/x\nhttps://me:pass@host/x\n`
  expect(quotable(said, env).split('\n')).toEqual([
    'line',
    'line',
    'token [hidden] and [hidden]',
    '[hidden] in /home/x',
    'https://me:[hidden]@host/x',
  ])
})

describe('several sources', () => {
  it('are read at the same time, once each', async () => {
    const calls: string[] = []
    const slow = (name: string): EnvironmentSource => ({
      name,
      title: name,
      plain: [],
      async read() {
        calls.push(`${name} begins`)
        await new Promise(resolve => setTimeout(resolve, 50))
        calls.push(`${name} ends`)
        return { [name]: 'x' }
      },
    })
    const read = await readSources([slow('A'), slow('B')], readingWith({}), { needed: true, lenient: false })
    expect(read.map(({ values }) => values)).toEqual([{ A: 'x' }, { B: 'x' }])
    expect(calls).toEqual(['A begins', 'B begins', 'A ends', 'B ends'])
  })

  it('that ask somebody are not read for a command that needs no variables', async () => {
    await writeFile(join(folder, '.env'), 'A=1\n')
    const sources = [file('.env'), bitwarden({ item: 'life' }), fromProcess(['MISSING'])]
    const read = await readSources(sources, readingWith({ PATH: folder }), { needed: false, lenient: false })
    expect(read.map(({ values }) => values)).toEqual([{ A: '1' }, undefined, undefined])
  })

  it('are refused with a name that no environment can have', async () => {
    const env = await standIn('sops', { stdout: '{"BASHPID":"1"}' })
    const read = readSources([sops('x')], readingWith(env), { needed: true, lenient: false })
    await expect(read).rejects.toMatchObject({ code: 'ENV_VALUE_INVALID' })
  })

  it('fromProcess takes the named variables alone, and names those that are missing', async () => {
    const source = fromProcess(['A', 'B'])
    await expect(source.read(readingWith({ A: '1', B: '', C: '3' }))).resolves.toEqual({ A: '1', B: '' })
    await expect(source.read(readingWith({ B: '2' }))).rejects.toMatchObject({
      code: 'ENV_VARIABLES_MISSING',
      message: 'The environment of this process lacks A.',
    })
    await expect(source.known?.(readingWith({ B: '2' }))).resolves.toEqual({ B: '2' })
  })
})

describe.skipIf(!hasDebianPackages)('the real age', () => {
  const TEXT = 'A=one\nKEY="open sesame"\n'
  let bin: string
  beforeAll(async () => {
    bin = await programsOf('age')
    const keys = execFileSync(join(bin, 'age-keygen'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    await writeFile(join(folder, 'key.txt'), keys)
    const recipient = /public key: (\S+)/.exec(keys)?.[1] ?? ''
    execFileSync(join(bin, 'age'), ['-r', recipient, '-o', join(folder, 'secrets.age')], { input: TEXT })
    const other = execFileSync(join(bin, 'age-keygen'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    await writeFile(join(folder, 'other.txt'), other)
  })
  const path = () => ({ PATH: `${bin}${delimiter}${process.env.PATH}` })

  it('decrypts a file with the identity that the Taskfile or SOPS_AGE_KEY_FILE names', async () => {
    const wanted = { A: 'one', KEY: 'open sesame' }
    await expect(age('secrets.age', { identity: 'key.txt' }).read(readingWith(path()))).resolves.toEqual(wanted)
    const env = { ...path(), SOPS_AGE_KEY_FILE: join(folder, 'key.txt') }
    await expect(age('secrets.age').read(readingWith(env))).resolves.toEqual(wanted)
  })

  it('refuses another key and a missing one, and knows a missing file', async () => {
    const codeOf = (file: string, identity: string) =>
      age(file, { identity })
        .read(readingWith(path()))
        .then(
          () => 'read',
          error => error.code,
        )
    expect(await codeOf('secrets.age', 'other.txt')).toBe('SECRETS_NO_ACCESS')
    expect(await codeOf('secrets.age', 'nothing/keys.txt')).toBe('SECRETS_NO_ACCESS')
    expect(await codeOf('missing.age', 'key.txt')).toBe('SECRETS_NOT_FOUND')
  })
})

describe.skipIf(!hasDebianPackages)('the real pass', () => {
  let env: Record<string, string>
  beforeAll(async () => {
    const bin = await programsOf('pass')
    // The socket of gpg-agent needs a short path.
    const home = await mkdtemp('/tmp/pass-')
    await mkdir(join(home, 'gpg'), { mode: 0o700 })
    env = {
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      HOME: home,
      GNUPGHOME: join(home, 'gpg'),
      PASSWORD_STORE_DIR: join(home, 'store'),
    }
    const call = (program: string, args: string[], input = '') =>
      execFileSync(program, args, { env, input, stdio: ['pipe', 'ignore', 'pipe'] })
    call('gpg', [
      '--batch',
      '--passphrase',
      '',
      '--quick-generate-key',
      'life@example.com',
      'default',
      'default',
      'never',
    ])
    call(join(bin, 'pass'), ['init', 'life@example.com'])
    call(join(bin, 'pass'), ['insert', '--multiline', 'life/production'], 'A=one\nKEY="open sesame"\n')
  })
  afterAll(async () => {
    execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env })
    await rm(env.HOME ?? '', { recursive: true })
  })

  it('gives the variables of an entry', async () => {
    await expect(pass('life/production').read(readingWith(env))).resolves.toEqual({ A: 'one', KEY: 'open sesame' })
  })

  it('says that an entry does not exist, and that the key is another', async () => {
    await expect(pass('life/staging').read(readingWith(env))).rejects.toMatchObject({ code: 'SECRETS_NOT_FOUND' })
    const stranger = { ...env, GNUPGHOME: await mkdtemp(join(env.HOME ?? '', 'other-')) }
    await chmod(stranger.GNUPGHOME, 0o700)
    await expect(pass('life/production').read(readingWith(stranger))).rejects.toMatchObject({
      code: 'SECRETS_NO_ACCESS',
    })
    execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env: stranger })
  })
})
