// Preloaded into a program with --import: writes the peak memory of its process, in KiB, to the file that PEAK_FILE names.
import { writeFileSync } from 'node:fs'

process.on('exit', () => {
  const file = process.env.PEAK_FILE
  if (file !== undefined) writeFileSync(file, String(process.resourceUsage().maxRSS))
})
