/** The programs of an application that a test deploys. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** @param programs the text of each by its name in `app/bin` */
export async function writeApp(folder: string, programs: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(folder, 'app/bin'), { recursive: true })
  for (const [name, text] of Object.entries(programs)) {
    const path = join(folder, 'app/bin', name)
    await writeFile(path, text)
    await chmod(path, 0o755)
  }
}
