/** The source of this package, as the compiler sees it. */

import { join } from 'node:path'
import ts from 'typescript'
import { HOME } from '../../dev/paths.ts'

export interface Source {
  readonly checker: ts.TypeChecker
  file(path: string): ts.SourceFile
}

/** Parses these files and all that they import. Paths are relative to the root of the package. */
export function sourceOf(paths: readonly string[]): Source {
  const { config } = ts.readConfigFile(join(HOME, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: paths }, ts.sys, HOME)
  const program = ts.createProgram(
    paths.map(path => join(HOME, path)),
    options,
  )
  return {
    checker: program.getTypeChecker(),
    file(path) {
      const found = program.getSourceFile(join(HOME, path))
      if (!found) throw new Error(`${path} was not parsed`)
      return found
    },
  }
}

/** The initial value of a constant of a file. */
export function declaredIn(source: Source, path: string, name: string): ts.Expression | undefined {
  for (const statement of source.file(path).statements) {
    if (!ts.isVariableStatement(statement)) continue
    const found = statement.declarationList.declarations.find(declaration => declaration.name.getText() === name)
    if (found) return found.initializer
  }
  return undefined
}
