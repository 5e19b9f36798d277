/** docs/reference-options.md: every option of `project()` and of the plugins, from the comments of their types. */
import ts from 'typescript'
import { markdown } from './markdown.ts'
import type { Source } from './program.ts'

interface Section {
  /** The heading: what is called, or the option that holds these. */
  readonly title: string
  /** The function that index.ts exports, whose comment introduces the section. */
  readonly factory?: string
  /** Types that index.ts exports: their fields are the options. */
  readonly types: readonly string[]
  /** Instead of the comment of the function. */
  readonly text?: string
  /** Leaves out what the types inherit. */
  readonly own?: true
}

interface Part {
  readonly title: string
  readonly sections: readonly Section[]
}

const call = (factory: string, ...types: readonly string[]): Section => ({ title: `${factory}()`, factory, types })

/** In the order of the page. A test fails for a factory of index.ts that is not here. */
export const PARTS: readonly Part[] = [
  {
    title: 'The project',
    sections: [
      {
        ...call('project', 'ProjectDefinition'),
        text: 'Connects the application with its host and its plugins, and makes its tasks. Contacts no host.',
      },
      { title: 'slots', types: ['SlotSpec'] },
      { title: 'health', types: ['HealthCheck'] },
      { title: 'probe', types: ['ProbeSetting'] },
      {
        title: 'destinations',
        types: ['DestinationOptions'],
        text: 'Sets of options by name: any of the options above may differ in each. `default` names the one of a command without `-d`. [More](destinations.md).',
        own: true,
      },
    ],
  },
  {
    title: 'Docker Swarm',
    sections: [call('swarm', 'SwarmDefinition'), { title: 'slots of swarm()', types: ['SwarmSlotSpec'] }],
  },
  { title: 'Hosts', sections: [call('ssh', 'SshOptions'), call('local')] },
  {
    title: 'Build sources',
    sections: [
      call('docker', 'DockerOptions'),
      call('image', 'ImageOptions'),
      call('command', 'CommandOptions'),
      call('tarball', 'TarballOptions'),
      call('git', 'GitOptions'),
      call('github', 'GithubOptions'),
      call('gitlab', 'GitlabOptions'),
    ],
  },
  {
    title: 'Runtimes',
    sections: [
      call('beam', 'BeamOptions'),
      call('service', 'ServiceOptions'),
      { title: 'processes', types: ['ServiceProcess'] },
      call('container', 'ContainerOptions'),
      call('php', 'PhpOptions'),
      call('files', 'FilesOptions'),
    ],
  },
  {
    title: 'Routers',
    sections: [call('nginx', 'NginxOptions'), call('haproxy', 'HaproxyOptions'), call('caddy', 'CaddyOptions')],
  },
  {
    title: 'Variables',
    sections: [
      call('file', 'PlainOptions'),
      call('fromProcess', 'PlainOptions'),
      call('onePassword', 'OnePasswordOptions'),
      call('bitwarden', 'BitwardenOptions'),
      call('sops', 'PlainOptions'),
      call('age', 'AgeOptions'),
      call('pass', 'PlainOptions'),
      call('aws', 'AwsOptions'),
      call('gcp', 'GcpOptions'),
      call('vault', 'VaultOptions'),
    ],
  },
  {
    title: 'Notifiers',
    sections: [
      call('slack', 'WebhookOptions'),
      call('discord', 'WebhookOptions'),
      call('teams', 'WebhookOptions'),
      call('webhook', 'JsonWebhookOptions'),
      call('byCommand', 'NotifierOptions'),
    ],
  },
]

export function optionsPage(source: Source): string {
  const exported = new Map(
    source.checker
      .getExportsOfModule(source.checker.getSymbolAtLocation(source.file('index.ts')) ?? missing('index.ts'))
      .map(symbol => [
        symbol.name,
        symbol.flags & ts.SymbolFlags.Alias ? source.checker.getAliasedSymbol(symbol) : symbol,
      ]),
  )
  const symbolOf = (name: string) => exported.get(name) ?? missing(name)
  return [
    '# All options',
    '',
    '<!-- Generated from the types by `npm run docs:generate`. -->',
    '',
    'Every option of a Taskfile, as the types of the package describe it: an editor shows the same. [The application](application.md),',
    '[the host](hosts.md), [routers](routers.md) and [secrets](secrets.md) explain what they are for.',
    ...PARTS.flatMap(({ title, sections }) => [
      '',
      `## ${title}`,
      ...sections.flatMap(section => sectionLines(section, symbolOf, source.checker)),
    ]),
    '',
  ].join('\n')
}

function missing(name: string): never {
  throw new Error(`index.ts exports no ${name}`)
}

function sectionLines(
  { title, factory, types, text, own }: Section,
  symbolOf: (name: string) => ts.Symbol,
  checker: ts.TypeChecker,
): string[] {
  const about = factory === undefined ? undefined : symbolOf(factory)
  const options = types.flatMap(name => {
    const found = optionsOf(checker.getDeclaredTypeOfSymbol(symbolOf(name)), checker)
    return own ? found.filter(({ symbol }) => symbolOf(name).members?.has(symbol.escapedName)) : found
  })
  const comment = about && ts.displayPartsToString(about.getDocumentationComment(checker))
  const examples = about ? tagsOf(about, 'example', checker) : []
  return [
    '',
    `### ${title}`,
    ...(text ? ['', text] : comment ? ['', prose(comment)] : []),
    ...examples.flatMap(example => ['', ...example.split('\n').map(line => `    ${line}`)]),
    ...(options.length === 0 ? [] : ['', ...options.flatMap(option => optionLines(option, checker))]),
  ]
}

interface Option {
  readonly symbol: ts.Symbol
  /** Whether every variant of the options needs it. */
  readonly needed: boolean
}

/** The fields of a type, or of all its variants. */
function optionsOf(type: ts.Type, checker: ts.TypeChecker): Option[] {
  const variants = type.isUnion() ? type.types : [type]
  const found = new Map<string, ts.Symbol[]>()
  for (const variant of variants)
    for (const symbol of checker.getPropertiesOfType(variant)) {
      const declared = symbol.declarations?.[0]
      // `never` keeps an option out of a variant.
      if (declared && checker.typeToString(checker.getNonNullableType(checker.getTypeOfSymbol(symbol))) === 'never')
        continue
      found.set(symbol.name, [...(found.get(symbol.name) ?? []), symbol])
    }
  return [...found].flatMap(([, symbols]) => {
    const symbol = symbols.find(one => one.getDocumentationComment(checker).length > 0) ?? symbols[0]
    const optional = symbols.some(one => one.flags & ts.SymbolFlags.Optional)
    return symbol ? [{ symbol, needed: !optional && symbols.length === variants.length }] : []
  })
}

function optionLines({ symbol, needed }: Option, checker: ts.TypeChecker): string[] {
  const text = prose(ts.displayPartsToString(symbol.getDocumentationComment(checker)))
  const defaults = tagsOf(symbol, 'default', checker).map(value => `Default: ${valueText(value)}.`)
  const examples = tagsOf(symbol, 'example', checker).map(example => `Example: ${code(example)}.`)
  return [
    `- **\`${symbol.name}\`**${needed ? ', required' : ''}: \`${typeText(symbol, checker)}\`. ${[text, ...defaults, ...examples].filter(Boolean).join(' ')}`.trimEnd(),
  ]
}

/** As it is written in the source; a name that the package does not export is spelt out if that is short. */
function typeText(symbol: ts.Symbol, checker: ts.TypeChecker): string {
  const flags =
    ts.TypeFormatFlags.NoTruncation |
    ts.TypeFormatFlags.InTypeAlias |
    ts.TypeFormatFlags.UseSingleQuotesForStringLiteralType
  const type = checker.getNonNullableType(checker.getTypeOfSymbol(symbol))
  // The type of a field of `project()` is a parameter; what it extends is what a Taskfile writes.
  const plain = type.isTypeParameter() ? (checker.getBaseConstraintOfType(type) ?? type) : type
  const spelt = checker.typeToString(plain, undefined, plain === type ? flags : ts.TypeFormatFlags.NoTruncation)
  const declaration = symbol.declarations?.[0]
  const node = declaration && ts.isPropertySignature(declaration) ? declaration.type : undefined
  const written = node?.getText().replace(/\s+/g, ' ')
  const shorter = plain !== type || (/^[A-Z]\w*$/.test(written ?? '') && spelt.length < 90 && !/[{}]/.test(spelt))
  return written === undefined || shorter ? spelt : written
}

const tagsOf = (symbol: ts.Symbol, name: string, checker: ts.TypeChecker): string[] =>
  symbol
    .getJsDocTags(checker)
    .filter(tag => tag.name === name)
    .map(tag => ts.displayPartsToString(tag.text).trim())
    .filter(Boolean)

/** A value is code, such as `'/health'`, and anything else a sentence. */
const valueText = (value: string): string =>
  /^(?:'[^']*'|[\d_.]+|true|false|\[[^\]]*\]|\{[^}]*\})$/.test(value)
    ? `\`${value}\``
    : markdown(value.replace(/\.$/, ''))

const code = (text: string): string => {
  const line = text.replace(/\s*\n\s*/g, ' ')
  return line.includes('`') ? `\`\` ${line} \`\`` : `\`${line}\``
}

const prose = (text: string): string => markdown(text.replace(/\n(?:\s*\n)+/g, ' '))
