import { writeFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

/**
 * Writes what `.ci/run` counts, into the file that the environment variable REPORT names: `{ passed, bad }`, where `bad` has a sentence for each test that
 * failed, each file that did not run, each error that no test caught, and each test that was skipped without a reason. Vitest's own JSON says nothing of
 * the reason of `skip(reason)`.
 */
export default class {
  onTestRunEnd(modules, errors) {
    let passed = 0
    const bad = errors.map(error => `no test caught: ${error.message}`)
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      for (const test of tests) {
        const { state, note, errors } = test.result()
        if (state === 'passed') passed += 1
        // A test that is skipped while it is collected says why in its name: "... (skipped: the reason)".
        else if (state !== 'skipped') bad.push(`${state}: ${test.fullName}: ${reasonOf(errors)}`)
        else if (note === undefined && !/\(skipped: .+\)/.test(test.fullName))
          bad.push(`skipped without a reason: ${test.fullName}`)
      }
      if (module.state() === 'failed' && tests.every(test => test.result().state !== 'failed'))
        bad.push(`did not run: ${module.moduleId}`)
    }
    writeFileSync(process.env.REPORT, JSON.stringify({ passed, bad }))
  }
}

/** What a test said when it failed, on one line: the end of a log may be all that is left of it. */
function reasonOf([error] = []) {
  const text = `${error?.message ?? 'no error'} ${error?.diff ?? ''}`
  const place = error?.stacks?.[0]
  const line = stripVTControlCharacters(text).replace(/\s+/g, ' ').trim()
  return `${line.slice(0, 500)}${place ? ` (line ${place.line})` : ''}`
}
