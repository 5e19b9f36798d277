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
  /** Emits an event of one host. What is shown there is kept until the end, so that the same text of all hosts is shown once. */
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
  return {
    emit(event) {
      if (event.type === 'show' && event.host !== undefined) return keep(shown, event, event.host)
      if (event.type === 'note' && event.host !== undefined) notes.set(event.host, event.note)
      emit(event)
    },
    end() {
      for (const { text, data, hosts: on } of shown) {
        const more = data !== undefined && { data }
        if (on.length === hosts.length) emit({ type: 'show', text, ...more })
        else for (const host of on) emit({ type: 'show', host, text: under(host, text), ...more })
      }
      if (notes.size > 0) emit({ type: 'note', step, note: joined(notes, hosts) })
    },
  }
}

function keep(shown: Shown[], { text, data }: { readonly text: string; readonly data?: unknown }, host: string): void {
  const same = shown.find(known => known.text === text && !known.hosts.includes(host))
  if (same) same.hosts.push(host)
  else shown.push({ text, hosts: [host], ...(data !== undefined && { data }) })
}

const under = (host: string, text: string): string => (text.includes('\n') ? `${host}\n${text}` : `${host}: ${text}`)
