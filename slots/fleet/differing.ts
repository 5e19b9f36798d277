/** Which values of a table differ from those of most hosts. */

/**
 * Compares the rows of the same key, such as those of the slot `blue` on all hosts. In a column, the value that most of them have is the common one; if two
 * are as frequent, none is, and all of them differ.
 *
 * @param key the column of the key
 * @param compared the columns to compare
 * @returns whether the cell of a row differs
 */
export const differing =
  (rows: readonly (readonly string[])[], key: number, compared: readonly number[]) =>
  (row: number, column: number): boolean => {
    if (!compared.includes(column)) return false
    const values = rows.filter(other => other[key] === rows[row]?.[key]).map(other => other[column])
    return mostFrequent(values) !== rows[row]?.[column]
  }

/** The only most frequent value; undefined if there are two. */
function mostFrequent<T>(values: readonly T[]): T | undefined {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const most = Math.max(...counts.values())
  const [first, second] = [...counts].filter(([, count]) => count === most).map(([value]) => value)
  return second === undefined ? first : undefined
}
