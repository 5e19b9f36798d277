import { describe, it } from 'vitest'
import { fields, number, optional, text } from '../../runner/taskfile/shape.ts'

interface One {
  readonly name: string
  readonly size?: number
}
type Both = { readonly site: string } & ({ readonly mode?: 'a'; readonly only?: string } | { readonly mode: 'b' })

const size = number('a size', () => true)

describe('the option rules of a factory', () => {
  it('must cover each option exactly', () => {
    fields<One>({ name: text, size: optional(size) })
    // @ts-expect-error `size` has no rule
    fields<One>({ name: text })
    // @ts-expect-error `sise` is not an option
    fields<One>({ name: text, size: optional(size), sise: optional(size) })
  })

  it('must match the type of the option and whether it is optional', () => {
    // @ts-expect-error a number is not a text
    fields<One>({ name: size, size: optional(size) })
    // @ts-expect-error `name` is required
    fields<One>({ name: optional(text), size: optional(size) })
    // @ts-expect-error `size` is optional
    fields<One>({ name: text, size })
  })

  it('must cover every member of a union', () => {
    // @ts-expect-error `only` has no rule
    fields<Both>({ site: text, mode: optional(text as never) })
  })
})
