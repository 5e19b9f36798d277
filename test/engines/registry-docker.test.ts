import { containerRegistry } from '../support/container-registry.ts'

containerRegistry('docker')
