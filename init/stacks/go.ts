/** Go programs: one static binary. */
import type { Folder } from '../folder.ts'
import { BUILT_BY, call, quoted, type Stack } from '../stack.ts'

export const go: Stack = {
  name: 'go',
  title: 'a Go application',
  found: folder => (folder.has('go.mod') ? 'go.mod' : undefined),
  nameIn: folder =>
    /^module\s+(\S+)/m
      .exec(folder.text('go.mod'))?.[1]
      ?.replace(/\/v\d+$/, '')
      .split('/')
      .at(-1),
  parts(folder, { app }) {
    const main = mainOf(folder)
    const program = `./${app}`
    return {
      imports: [...BUILT_BY, 'service'],
      build: call('git', {
        build: call('command', {
          run: quoted(`CGO_ENABLED=0 GOOS=linux go build -trimpath -buildvcs=false -o build/${app} ${main ?? '.'}`),
          artifact: quoted('build'),
        }),
      }),
      runtime: call('service', { start: quoted(program) }),
      env: [],
      notes: [
        ...(main === undefined
          ? ['No main.go was found here or in cmd/: name the package of the program at the end of `run`.']
          : []),
        'The program has to listen on 127.0.0.1, on the port in the variable PORT. Files that it reads at run time have to be in `build` too.',
        'Set GOARCH in `run` if the host has another processor than this machine.',
      ],
      ci: {
        github: ['- uses: actions/setup-go@v5', '  with:', '    go-version-file: go.mod'],
        gitlab: ['apt-get update -q && apt-get install -y -q golang-go'],
      },
    }
  },
}

/** The package of the program: the folder itself, or the only one in cmd/. */
function mainOf(folder: Folder): string | undefined {
  if (folder.list('.').some(name => name.endsWith('.go') && /^package main$/m.test(folder.text(name)))) return '.'
  const programs = folder.list('cmd').filter(name => folder.has(`cmd/${name}/main.go`))
  return programs[0] === undefined ? undefined : `./cmd/${programs[0]}`
}
