/** A console beside the running application, with the functions of the store: `await list()`. */
import { start } from 'node:repl'
import * as store from './store.js'

Object.assign(start({ prompt: 'files> ' }).context, store)
