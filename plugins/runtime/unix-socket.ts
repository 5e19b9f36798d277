/** A unix socket in place of a port: where it is, who may connect, and how nginx passes requests to it. Pure. */
import type { Provision, Slot } from '../../slots/contracts.ts'
import { plainWord, render, shipped } from '../router/nginx/templates.ts'
import { slotServers } from './nginx-slots.ts'

/**
 * The socket of a slot, or with `%i` that of all slots in their template unit. systemd makes the folder when the unit starts and removes it when the unit
 * stops, and only the user of the application may write in it.
 */
export const socketPath = (app: string, slot: string): string => `/run/switchyard-${app}-${slot}/app.sock`

/** Exists while nginx may connect to the socket, for whose existence it cannot look. */
export const openPath = (app: string, slot: string): string => `${socketPath(app, slot)}.open`

/** Lines of the section `[Service]`. A process that was killed leaves its socket, at which no other can listen. */
export const socketSettings = (app: string): readonly string[] => [
  'RuntimeDirectoryMode=0711',
  `ExecStartPre=/bin/rm -f ${openPath(app, '%i')} ${socketPath(app, '%i')}`,
]

/**
 * Shell command, before the one that the shell is replaced with: lets nginx, which has a user of its own, connect to the socket, whatever mode the application
 * makes it with. Every user of the host can connect, as to a port on loopback. It has no parent in the application, which might wonder about a child, and
 * ends with the unit.
 */
export const OPEN_SOCKET =
  '( (until [ -S "$SOCKET" ]; do sleep 0.1; done; chmod 0666 "$SOCKET" && : > "$SOCKET.open") & ); '

/** The paths for the placeholders of a server block. */
export const socketPlaces = (app: string, slot: Slot): Readonly<Record<'socket' | 'open', string>> => ({
  socket: plainWord('path', socketPath(app, slot.name)),
  open: plainWord('path', openPath(app, slot.name)),
})

/** nginx's server blocks of an application that speaks HTTP. */
export const socketServers = (app: string, slots: readonly Slot[]): Provision =>
  slotServers(app, slots.map(slot => render(shipped('socket'), socketPlaces(app, slot), [slot])).join('\n'))
