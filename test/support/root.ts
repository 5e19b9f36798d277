import type { TestHost } from '../../dev/host.ts'

/** Runs a line of bash as root and resolves to stdout; throws if it fails. */
export const rootOf = (machine: Pick<TestHost, 'exec'>) => async (command: string) => {
  const { code, stdout, stderr } = await machine.exec(command)
  if (code !== 0) throw new Error(`${command}: exit ${code}\n${stdout}${stderr}`)
  return stdout
}
