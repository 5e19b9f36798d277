/** `ForwardAgent` of the ssh configuration: commands on the host may use our agent, such as `git clone`. */
import type { Client, ClientChannel, ExecOptions } from 'ssh2'

type Opened = (error: Error | undefined, channel: ClientChannel) => void

/** Sessions opened from now on request agent forwarding. If the server refuses it, they continue without, as with ssh. */
export function forwardAgent(client: Client): void {
  const exec = client.exec.bind(client)
  let allowed = true
  const forwarding = (command: string, options: ExecOptions, opened: Opened): Client =>
    exec(command, { ...options, ...(allowed && { agentForward: true }) } as ExecOptions, (error, channel) => {
      if (!allowed || error === undefined || !error.message.includes('agent forwarding')) return opened(error, channel)
      allowed = false
      exec(command, options, opened)
    })
  Object.assign(client, { exec: forwarding })
}
