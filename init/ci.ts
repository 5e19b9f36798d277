/** The deploy from CI: a workflow of GitHub, a job of GitLab. Pure. */
import { ENV_FILE } from './environment.ts'
import type { PackageManager } from './package-manager.ts'
import { indented, type StackParts } from './stack.ts'

export type Forge = 'github' | 'gitlab'

/** By the files of the folder and its remote. */
export const forgeOf = (has: (path: string) => boolean, gitConfig: string): Forge =>
  has('.gitlab-ci.yml') || /^\s*url\s*=.*gitlab/m.test(gitConfig) ? 'gitlab' : 'github'

interface Setting {
  readonly branch: string
  readonly manager: PackageManager
  readonly parts: Pick<StackParts, 'ci' | 'env' | 'imports'>
}

const hasEnv = ({ parts }: Setting) => parts.env !== undefined

export function githubWorkflow(setting: Setting): string {
  const { branch, manager, parts } = setting
  // The package manager comes before setup-node, which looks for its cache.
  const steps = [
    ['- uses: actions/checkout@v4', '  with:', '    fetch-depth: 0 # for the tags, and for `pending`'],
    ...(manager.ci?.github === undefined ? [] : [manager.ci.github]),
    [
      '- uses: actions/setup-node@v4',
      '  with:',
      '    node-version: 22',
      ...(manager.cache ? [`    cache: ${manager.cache}`] : []),
    ],
    ...(parts.ci?.github === undefined || parts.ci === manager.ci ? [] : [parts.ci.github]),
    [`- run: ${manager.frozen}`],
    [
      '- name: Write the keys and the environment file',
      '  run: |',
      '    umask 077',
      '    mkdir -p ~/.ssh',
      `    printf '%s\\n' "$SSH_PRIVATE_KEY" > ~/.ssh/id_ed25519`,
      `    printf '%s\\n' "$SSH_KNOWN_HOSTS" >> ~/.ssh/known_hosts`,
      ...(hasEnv(setting) ? [`    printf '%s\\n' "$ENV_PRODUCTION" > ${ENV_FILE}`] : []),
      '  env:',
      ...['SSH_PRIVATE_KEY', 'SSH_KNOWN_HOSTS', ...(hasEnv(setting) ? ['ENV_PRODUCTION'] : [])].map(
        name => `    ${name}: \${{ secrets.${name} }}`,
      ),
    ],
    ['- run: npx task deploy --promote'],
  ]
  return `# Deploys each push to ${branch}. The environment "production" holds the secrets, and can ask somebody for approval:
# SSH_PRIVATE_KEY, a key of the deploying account without a passphrase; SSH_KNOWN_HOSTS, as \`ssh-keyscan <host>\` prints it, once it was
# compared with the host${hasEnv(setting) ? `; ENV_PRODUCTION, the content of ${ENV_FILE}` : ''}.
name: Deploy
on:
  push:
    branches: [${branch}]
  workflow_dispatch:
permissions:
  contents: read
# One deploy after the other; none is cancelled half way.
concurrency:
  group: deploy-production
  cancel-in-progress: false
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    timeout-minutes: 30
    steps:
${indented(steps.flat().join('\n'), 6)}
`
}

export function gitlabJob(setting: Setting): string {
  const { manager, parts } = setting
  const own = parts.ci === manager.ci ? [] : (parts.ci?.gitlab ?? [])
  const docker = parts.imports.includes('docker')
  const commands = [
    ...(docker ? ['apt-get update -q && apt-get install -y -q docker.io'] : []),
    ...own,
    ...(manager.ci?.gitlab ?? []),
    manager.frozen,
    'install -D -m 600 "$SSH_PRIVATE_KEY" ~/.ssh/id_ed25519',
    'install -D -m 600 "$SSH_KNOWN_HOSTS" ~/.ssh/known_hosts',
    ...(hasEnv(setting) ? [`install -m 600 "$ENV_PRODUCTION" ${ENV_FILE}`] : []),
  ]
  return `# Deploys each push to the default branch. Variables of the project, of type "File" and protected: SSH_PRIVATE_KEY, a key of the deploying
# account without a passphrase, with a line break at its end; SSH_KNOWN_HOSTS, as \`ssh-keyscan <host>\` prints it, once it was compared with the
# host${hasEnv(setting) ? `; ENV_PRODUCTION, the content of ${ENV_FILE}` : ''}.
deploy:
  image: node:22-bookworm
  # One deploy after the other; none is cancelled half way.
  resource_group: production
  interruptible: false
  environment: production
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
${docker ? '  services: [docker:27-dind]\n' : ''}  variables:
    GIT_DEPTH: 0
${docker ? "    DOCKER_HOST: tcp://docker:2375\n    DOCKER_TLS_CERTDIR: ''\n" : ''}  before_script:
${indented(commands.map(command => `- ${command}`).join('\n'), 4)}
  script:
    - npx task deploy --promote
`
}
