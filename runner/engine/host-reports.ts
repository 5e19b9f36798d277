/** What a step says on several hosts, as the events of one step. */
import type { RunEvent } from '../events.ts'
import { joined } from './fleet.ts'
import type { Lane } from './step-context.ts'

interface Shown {
  readonly text: string
  readonly data?: unknown
  readonly hosts: string[]
}

interface HostReports {
  /** Emits an event of one host. What is shown there is kept until the end, so that the same text of all hosts is shown once, if it has no data. */
  emit(event: RunEvent): void
  /** Emits what was kept, and the note of all hosts. */
  end(): void
}

/** With one lane all events pass as they are. */
export function hostReports(step: string, lanes: readonly Lane[], emit: (event: RunEvent) => void): HostReports {
  const hosts = lanes.flatMap(({ host }) => host ?? [])
  if (hosts.length === 0) return { emit, end: () => undefined }
  const notes = new Map<string, string>()
  const shown: Shown[] = []
  let ofAll: string | undefined
  return {
    emit(event) {
      if (event.type === 'show' && event.host === undefined) {
        if (event.text !== ofAll) emit(event)
        ofAll = event.text
        return
      }
      if (event.type === 'show' && event.host !== undefined) return keep(shown, event, event.host)
      if (event.type === 'note' && event.host !== undefined) notes.set(event.host, event.note)
      emit(event)
    },
    end() {
      const show = ({ text, data }: Shown, host?: string) =>
        emit({ type: 'show', text, ...(host !== undefined && { host }), ...(data !== undefined && { data }) })
      const common = shown.filter(({ hosts: on }) => on.length === hosts.length)
      for (const one of common) show(one)
      for (const host of hosts)
        for (const one of shown)
          if (!common.includes(one) && one.hosts.includes(host)) show({ ...one, text: under(host, one.text) }, host)
      if (notes.size > 0) emit({ type: 'note', step, note: joined(notes, hosts) })
    },
  }
}

function keep(shown: Shown[], { text, data }: { readonly text: string; readonly data?: unknown }, host: string): void {
  const same = data === undefined && shown.find(known => known.text === text && !known.hosts.includes(host))
  if (same) same.hosts.push(host)
  else shown.push({ text, hosts: [host], ...(data !== undefined && { data }) })
}

const under = (host: string, text: string): string => (text.includes('\n') ? `${host}\n${text}` : `${host}: ${text}`)
