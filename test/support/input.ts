import type { Writable } from 'node:stream'

/** Gives a program its whole input. A program that ends without reading it is no error, which a busy machine would show as EPIPE. */
export function giveInput({ stdin }: { readonly stdin: Writable | null }, text = ''): void {
  stdin?.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  stdin?.end(text)
}
