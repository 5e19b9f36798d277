/** docs/every-day.md, on one host. */
import { everyDay } from '../support/every-day.ts'

everyDay(['web-1'], 'test/commands/every-day.test.ts', { all: true })
