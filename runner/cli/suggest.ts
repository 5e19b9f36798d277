/** The name for a "did you mean": at most a third of its letters differ, or it is the only name that starts with the typed text. */
export function nearest(typed: string, names: Iterable<string>): string | undefined {
  const all = [...names]
  let best: { name: string; distance: number } | undefined
  for (const name of all) {
    const distance = edits(typed.toLowerCase(), name.toLowerCase())
    if (distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name, distance }
  }
  if (!best) return undefined
  const allowed = Math.max(1, Math.ceil(Math.max(typed.length, best.name.length) / 3))
  if (best.distance <= allowed && best.distance < best.name.length) return best.name
  const [match, other] = all.filter(name => typed !== '' && name.toLowerCase().startsWith(typed.toLowerCase()))
  return other === undefined ? match : undefined
}

/** Optimal string alignment distance: insertions, deletions, substitutions, and swaps of two neighbours. */
function edits(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      if (swapped) least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[to.length] ?? 0
}
