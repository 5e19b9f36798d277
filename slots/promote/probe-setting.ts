/** The setting of a promote's probes in a Taskfile. */
import { atLeast, count, fields, list, number, optional, path } from '../../runner/taskfile/shape.ts'

export interface ProbeSetting {
  /**
   * The paths to request.
   *
   * @default the health path
   */
  readonly paths?: readonly string[]
  /**
   * Paths of WebSockets, each asked for once before and once after the switch, with the Origin of the site. A path that the previous slot accepted and the new
   * one refuses sends the traffic back; one at which neither slot accepts a WebSocket is a warning.
   *
   * @example ['/live/websocket?vsn=2.0.0']
   * @default none
   */
  readonly sockets?: readonly string[]
  /**
   * Requests per second of each kind: on new connections, on a keep-alive connection, and for the router's own state.
   *
   * @default 40
   */
  readonly rate?: number
  /**
   * Failures after the switch (5xx responses, and requests without a response) up to which the traffic does not go back.
   *
   * @default 0
   */
  readonly tolerate?: number
  /**
   * Minimum time for which the site is watched after the switch, in milliseconds. It is extended until each kind has a response from after the switch.
   *
   * @default 250, or 500 if a switch closes keep-alive connections
   */
  readonly watch?: number
}

export const probeRules = fields<ProbeSetting>({
  paths: optional(list(path)),
  sockets: optional(list(path)),
  rate: optional(number('a number of requests a second, from 1 to 1000', value => value >= 1 && value <= 1000)),
  tolerate: optional(count(0)),
  watch: optional(atLeast(0, 'milliseconds')),
})

export interface Probing extends Required<Omit<ProbeSetting, 'watch'>>, Pick<ProbeSetting, 'watch'> {
  /**
   * Paths whose responses name the live slot: one for each router, if there are several.
   *
   * @default ['/deployment_id']
   */
  readonly routes?: readonly string[]
  /** Where the paths lead to, such as to nodes: each of `paths` and of `routes` is there once for each of them, in this order. */
  readonly places?: readonly string[]
}

export const probingOf = (setting: ProbeSetting, healthPath: string): Probing => ({
  paths: [healthPath],
  sockets: [],
  rate: 40,
  tolerate: 0,
  ...setting,
})
