/** The workflows on docs/ci.md: those that `init` writes for an application in Node.js. */
import { githubWorkflow, gitlabJob } from '../../init/ci.ts'
import { managerOf } from '../../init/package-manager.ts'
import { stackOf } from '../../init/stacks.ts'
import { folderWith } from './samples.ts'

const folder = folderWith({
  'package.json': '{ "name": "shop", "scripts": { "start": "node server.js" } }',
  'package-lock.json': '{}',
})
const setting = {
  branch: 'main',
  manager: managerOf(folder),
  parts: stackOf(folder, undefined).stack.parts(folder, { app: 'shop', site: 'shop.example' }),
}

/** Forgejo's workflows have the syntax of GitHub's. Its runners are images, and it has no environments. */
const forgejo = (workflow: string): string =>
  workflow
    .replace(
      'The environment "production" holds the secrets, and can ask somebody for approval:',
      'The secrets of the repository:',
    )
    .replace(
      'runs-on: ubuntu-latest\n    environment: production\n',
      'runs-on: docker\n    container:\n      image: node:22-bookworm\n',
    )

/** By the names of their markers. */
export const workflows = (): Readonly<Record<string, string>> => {
  const github = githubWorkflow(setting)
  return { github, gitlab: gitlabJob(setting), forgejo: forgejo(github) }
}

/** The page with the present workflows between its markers. */
export const withWorkflows = (page: string): string =>
  page.replace(/(<!-- (\w+) -->\n```yaml\n)[\s\S]*?(\n```)/g, (all, begin: string, name: string, end: string) => {
    const text = workflows()[name]
    return text === undefined ? all : `${begin}${text.trimEnd()}${end}`
  })
