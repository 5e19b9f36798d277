/** The output of an inspection: sections, each after a heading. */
const MARK = '@@ '

/** Returns a function that returns the lines of a section; none if it is missing. */
export function sectionsOf(text: string): (name: string) => readonly string[] {
  const sections = new Map<string, readonly string[]>(
    text
      .split(new RegExp(`^${MARK}`, 'm'))
      .slice(1)
      .map(part => part.trimEnd().split('\n'))
      .map(([name = '', ...lines]) => [name, lines]),
  )
  return name => sections.get(name) ?? []
}
