/**
 * The exit codes of our scripts, by the script that ends with them. A program gets those that it uses as parameters; whoever runs it compares
 * with the same names. Codes up to 39 are left to the commands in a script, and those from 124 on to `timeout` and to signals.
 */
export const EXIT = {
  /** A file that arrived is another than the one that was sent. */
  transfer: { damaged: 65 },
  /** Another run has the lock by now. No other script may end with this code: any script that writes can end with it. */
  fence: { refused: 97 },
  lock: { notOurs: 76 },
  port: { taken: 61 },
  health: { unfit: 62 },
  /** `damaged`: not what the manifest says. `cutOff`: the input ended too early. `more`: a file of an older release is not what its manifest says. */
  receive: { notSetUp: 40, damaged: 50, diskFull: 51, cutOff: 52, more: 53, notWritable: 54 },
  /** Why an artifact is refused, by `unpack`, by `receive`, or on this machine. */
  artifact: {
    outsideName: 41,
    outsideLink: 42,
    oddFile: 43,
    noArchive: 44,
    oddName: 46,
    ourName: 47,
    notAsListed: 48,
  },
  release: { gone: 62, notShared: 63 },
  /** What a supervisor says of a slot's process. `missing`: the host is not set up for it. `stuck`: it is still there. */
  process: { already: 41, missing: 42, stuck: 43 },
  /** A release that cannot be started in its slot. */
  startable: { noScript: 51, otherRelease: 52 },
  /** A migration that ended before its end, or that reached its limit; and a detached one that left no result, or was not begun. */
  migration: { cutShort: 94, timedOut: 95, lost: 98, busy: 99 },
  /** Their output is what the command that failed has said. */
  setup: { refused: 71, takenBack: 72, notBack: 73, busy: 74, gone: 75 },
  /** What keeps a router from switching. `stale`: the running process knows another route than the host. `refused`: it did not take the new one. */
  router: { missing: 80, down: 81, invalid: 82, notReloaded: 83, guarded: 84, stale: 85, refused: 86 },
} as const
