import { containerTests } from '../support/container-runtime.ts'

containerTests('podman')
