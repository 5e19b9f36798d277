import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: { index: 'index.ts', cli: 'runner/cli.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  dts: true,
  fixedExtension: false,
  clean: true,
  loader: { '.conf': 'text' },
})
