/** How long a suite waits for what it means: long, because the machine may be busy. The suites also run in projects whose configuration sets nothing. */
export const PATIENCE = { timeout: 120_000 }
