/**
 * The exit codes of our scripts, by script. A program gets the codes that it uses as parameters; its caller compares with the same names. Codes up to 39
 * are left to the commands in a script, and codes from 124 on to `timeout` and to signals.
 */
export const EXIT = {
  /** `damaged`: what arrived differs from what was sent. `cutOff`: the sender ended too early. `linked`: a link is in the place of a folder. */
  transfer: { damaged: 65, cutOff: 66, linked: 67 },
  /** Another run holds the lock; `unasked`: it could not be read who does. Reserved for the guard, because any script that writes can exit with them. */
  fence: { refused: 97, unasked: 96 },
  lock: { notOurs: 76 },
  port: { taken: 61 },
  health: { unfit: 62 },
  /** `damaged`: differs from the manifest. `cutOff`: the input ended too early. `more`: a file of an older release differs from its manifest. */
  receive: { notSetUp: 40, damaged: 50, diskFull: 51, cutOff: 52, more: 53, notWritable: 54 },
  /** Why `unpack`, `receive` or this machine rejects an artifact. */
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
  /** Why a shared path cannot be linked. `unclear`: it is neither there nor in the release. `notFile`: a folder is in the place of a file. */
  shared: { unclear: 55, notFile: 56 },
  /** State of a slot's process. `already`: it runs. `missing`: the host is not set up for it. `stuck`: it does not stop. `ended`: it does not run. */
  process: { already: 41, missing: 42, stuck: 43, ended: 44 },
  /** Why a release cannot be started in its slot. `forbidden`: the user of the application may not read a file. */
  startable: { noScript: 51, otherRelease: 52, forbidden: 53 },
  /** `cutShort`: a migration was ended. `timedOut`: it reached its limit. `lost`: a detached one left no result. `busy`: an earlier one still runs. */
  migration: { cutShort: 94, timedOut: 95, lost: 98, busy: 99 },
  /** Why a static site cannot be served. `down`: its server does not run. `unreadable`: the server's user may not read a file. */
  files: { down: 56, noFolder: 57, unreadable: 58 },
  /** Why an engine has no image. */
  image: { imageRefused: 45, registryFailed: 55 },
  /** The output of the script is that of the command that failed. */
  setup: { refused: 71, takenBack: 72, notBack: 73, busy: 74, gone: 75 },
  /** `locked`: another program holds apt's lock. `invalid`: sshd rejects its configuration. `ignored`: sshd does not use the new file. */
  bootstrap: { locked: 45, diskFull: 51, noPackage: 52, failed: 53, invalid: 54, ignored: 55, refused: 56 },
  /**
   * Why a router cannot switch. `stale`: the running process has another route than the file on the host. `refused`: it rejected the new one. `outdated`:
   * its files were installed by a version that could do less.
   */
  router: { missing: 80, down: 81, invalid: 82, notReloaded: 83, guarded: 84, stale: 85, refused: 86, outdated: 87 },
} as const
