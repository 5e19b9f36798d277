// Preloaded into a program with --import: writes the peak memory of its process in KiB, and its processor time in milliseconds, to the file that PEAK_FILE names.
import { writeFileSync } from 'node:fs'

process.on('exit', () => {
  const file = process.env.PEAK_FILE
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
  if (file !== undefined) writeFileSync(file, `${maxRSS} ${(userCPUTime + systemCPUTime) / 1000}`)
})
