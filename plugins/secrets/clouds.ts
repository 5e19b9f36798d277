/** Variables from the secret stores of AWS and Google Cloud, with the vendors' programs `aws` and `gcloud`. */
import { checked, either, fields, optional, text } from '../../runner/taskfile/shape.ts'
import { type EnvironmentSource, type PlainOptions, plainRules } from '../../slots/environment/source.ts'
import type { Tool } from './ask.ts'
import { secretsFaults as faults } from './faults.ts'
import { asked, option } from './source.ts'
import { at, FLAT, jsonOf, listAt, variablesIn, variablesNamed } from './variables.ts'

interface AwsAccess extends PlainOptions {
  /** @default that of the profile */
  readonly region?: string
  /** @default that of the environment, else `default` */
  readonly profile?: string
}

export interface AwsSecret extends AwsAccess {
  /** The name or ARN of a secret in Secrets Manager: a JSON object, or an environment file. */
  readonly secret: string
}

export interface AwsParameters extends AwsAccess {
  /** A path in the Parameter Store, such as `/life/production`. Each parameter below it is the variable of its last part. */
  readonly path: string
}

export type AwsOptions = AwsSecret | AwsParameters

const ACCESS = { region: optional(text), profile: optional(text), ...plainRules }
const AWS_OPTIONS = either(
  fields<AwsParameters>({ path: text, ...ACCESS }),
  fields<AwsSecret>({ secret: text, ...ACCESS }),
)

const AWS: Tool = {
  program: 'aws',
  install: 'https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html',
  login: 'Run `aws sso login` or `aws configure`, or set the credentials of a role in CI.',
  locked:
    /unable to locate credentials|expired ?token|token has expired|sso session|sso token|security token|accessdenied|not authorized|unrecognizedclient|config profile/i,
  absent: /resourcenotfound|parameternotfound|can't find the specified secret/i,
}

/**
 * A secret of AWS Secrets Manager, or the parameters below a path.
 *
 * @example env: [aws({ secret: 'life/production', region: 'eu-central-1' })]
 */
export function aws(options: AwsOptions): EnvironmentSource {
  checked('aws()', AWS_OPTIONS, options)
  const { region, profile, plain } = options
  const access = [...option('region', region), ...option('profile', profile), '--output', 'json', '--no-cli-pager']
  const common = { name: 'aws', tool: AWS, plain } as const
  if ('path' in options)
    return asked({
      ...common,
      title: `AWS parameters ${options.path}`,
      args: ['ssm', 'get-parameters-by-path', '--path', options.path, '--recursive', '--with-decryption', ...access],
      parse(origin, output) {
        const pairs = listAt(jsonOf(origin, output), 'Parameters').map(
          parameter => [String(at(parameter, 'Name')).replace(/^.*\//, ''), at(parameter, 'Value')] as const,
        )
        return variablesNamed(origin, pairs, 'parameters below the path, each with the name of a variable')
      },
    })
  return asked({
    ...common,
    title: `AWS secret ${options.secret}`,
    args: ['secretsmanager', 'get-secret-value', '--secret-id', options.secret, ...access],
    parse(origin, output) {
      const value = at(jsonOf(origin, output), 'SecretString')
      if (typeof value !== 'string') throw faults.SECRETS_UNREADABLE({ ...origin, why: 'it is binary', expected: FLAT })
      return variablesIn(origin, value)
    },
  })
}

export interface GcpOptions extends PlainOptions {
  /** The name of a secret in Secret Manager: a JSON object, or an environment file. */
  readonly secret: string
  /** @default the project that `gcloud` uses */
  readonly project?: string
  /** @default 'latest' */
  readonly version?: string
}

const GCP_OPTIONS = fields<GcpOptions>({
  secret: text,
  project: optional(text),
  version: optional(text),
  ...plainRules,
})

const GCLOUD: Tool = {
  program: 'gcloud',
  install: 'https://cloud.google.com/sdk/docs/install',
  login: 'Run `gcloud auth login`, or authenticate the service account in CI.',
  locked: /active account|gcloud auth login|reauthentication|permission_denied|unauthenticated|refreshing auth tokens/i,
  absent: /not_found/i,
}

/**
 * A secret of Google Cloud.
 *
 * @example env: [gcp({ secret: 'life-production', project: 'life' })]
 */
export function gcp(options: GcpOptions): EnvironmentSource {
  const { secret, project, version = 'latest', plain } = checked('gcp()', GCP_OPTIONS, options)
  return asked({
    name: 'gcp',
    tool: GCLOUD,
    title: `Google Cloud secret ${secret}`,
    plain,
    args: ['secrets', 'versions', 'access', version, '--secret', secret, ...option('project', project), '--quiet'],
    parse: variablesIn,
  })
}
