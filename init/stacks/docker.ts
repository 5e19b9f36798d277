/** Any application with a Dockerfile: its image is the release, and Podman runs it on the host. */
import { call, type Stack } from '../stack.ts'

export const docker: Stack = {
  name: 'docker',
  title: 'an application with a Dockerfile',
  found: folder => (folder.has('Dockerfile') ? 'Dockerfile' : undefined),
  parts: () => ({
    imports: ['container', 'git', 'image'],
    build: call('git', { build: call('image', {}) }),
    runtime: call('container', {}),
    env: [],
    tasks: ['console'],
    notes: [
      'This machine needs Docker, which builds the image.',
      'The server has to listen on 127.0.0.1, on the port in the variable PORT.',
      'What the container writes is lost when it ends: list its folders in `shared` and in `volumes` of container().',
    ],
  }),
}
