/** Indents each line that is not empty by this many tabs. */
export const indented = (text: string, by: number): string => text.replace(/^(?=.)/gm, '\t'.repeat(by))
