/** The errors of `init`. */
import { catalogue, fault } from '../runner/fault.ts'

export const initFaults = catalogue({
  INIT_UNANSWERED: fault<{ question: string }>({
    exitCode: 2,
    message: d => `Nobody answered the question: ${d.question}`,
    hint: () =>
      'Give --host, --site and --ports, or --yes to take what is proposed; the Taskfile can be changed later.',
  }),
  INIT_ANSWER_INVALID: fault<{ what: string; value: string; rule: string }>({
    exitCode: 2,
    message: d => `${d.what} cannot be ${JSON.stringify(d.value)}.`,
    hint: d => `It must be ${d.rule}.`,
  }),
  INIT_ROUTER_UNFIT: fault<{ router: string; title: string; routers: readonly string[] }>({
    exitCode: 2,
    message: d => `${d.router} cannot be the router of ${d.title}.`,
    hint: d => `Give ${d.routers.map(name => `--router ${name}`).join(' or ')}.`,
  }),
  INIT_WRITE_FAILED: fault<{ path: string; why: string }>({
    exitCode: 1,
    message: d => `${d.path} could not be written: ${d.why}.`,
    hint: () => 'Correct that and run `npx task init` again: it keeps what is there and writes the rest.',
  }),
  INIT_INSTALL_FAILED: fault<{ command: string; output: string }>({
    exitCode: 1,
    message: d => `\`${d.command}\` failed. All files have been written.`,
    hint: d => `Run \`${d.command}\` yourself, then the commands that are listed above.`,
    detail: d => d.output,
  }),
})
