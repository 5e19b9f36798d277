import { containerProcesses } from '../support/container-processes.ts'

containerProcesses('docker')
