/** docs/every-day.md, on two hosts. */
import { everyDay } from '../support/every-day.ts'

everyDay(['web-1', 'web-2'], 'test/fleet/every-day.test.ts', { all: false })
