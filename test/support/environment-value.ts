/** Any value that an environment variable of an application may have, with the characters that a shell or systemd could misread above all. */
import fc from 'fast-check'

const character = fc.oneof(
  fc.constantFrom(...'$#&\'"\\`\n\t\r !%~;*[]{}()<>|=\x01\x7f\x1b'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
)

export const environmentValue: fc.Arbitrary<string> = fc
  .array(character, { maxLength: 20 })
  .map(all => all.join('').replace(/[\0\p{Surrogate}\p{Noncharacter_Code_Point}]/gu, ''))
