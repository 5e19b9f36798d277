/** Errors of a registry that images are pulled from. */
import { catalogue, fault } from '../../runner/fault.ts'

interface Asking {
  /** Who asked: the name of a host, or this machine. */
  readonly who: string
  readonly registry: string
  /** As in the Taskfile, or with its digest. */
  readonly image: string
}

export const registryFaults = catalogue({
  REGISTRY_UNREACHABLE: fault<Asking & { readonly why: string }>({
    exitCode: 1,
    message: d => `${d.who} cannot reach the registry ${d.registry}: ${d.why}.`,
    hint: d =>
      `Check that it runs and that ${d.who} reaches it: \`curl https://${d.registry}/v2/\`. Then deploy again; nothing was stopped.`,
  }),
  REGISTRY_IMAGE_UNKNOWN: fault<Asking>({
    exitCode: 1,
    message: d => `The registry ${d.registry} has no image ${d.image}.`,
    hint: () => 'Push it, or correct its name in `image({ pull })` in the Taskfile. Nothing was stopped.',
  }),
  REGISTRY_LOGIN_REFUSED: fault<Asking & { readonly user: string | undefined; readonly why: string }>({
    exitCode: 1,
    message: d =>
      `The registry ${d.registry} does not give ${d.image} to ${d.user === undefined ? `${d.who}, which has no login` : d.user}: ${d.why}.`,
    hint: d =>
      `${
        d.user === undefined
          ? 'Set `image({ pull: { image, user, password } })` in the Taskfile, with the password from a variable such as `env.REGISTRY_PASSWORD`'
          : 'Check the user and the password, and that they may pull this image'
      }. Some registries say the same of an image that does not exist. Nothing was stopped.`,
  }),
  REGISTRY_PASSWORD_MISSING: fault<{ user: string; image: string }>({
    exitCode: 2,
    message: d => `There is no password for ${d.user}, who pulls ${d.image}.`,
    hint: () => 'Set the variable that `pull.password` of `image()` in the Taskfile reads.',
  }),
  IMAGE_NOT_GIVEN: fault<{ host: string; engine: string; image: string; output: string }>({
    exitCode: 1,
    message: d => `${d.engine} on ${d.host} could not pull the image ${d.image}.`,
    hint: d =>
      `Fix the error shown above, such as a full disk (\`${d.engine} system df\`) or an engine that is down, and deploy again. Nothing was stopped.`,
    detail: d => d.output || undefined,
  }),
})
