/** How HAProxy balances over the members of a slot: its hosts behind a balancer, or its tasks in a swarm. */

/** The safe methods of HTTP: the application may have handled a request that is sent again. */
const REPEATABLE = 'GET HEAD OPTIONS'

/** Lines of a backend, indented. Its servers are the members, without `tcp-ut`. */
export const MEMBER_RULES = `    balance roundrobin
    option http-server-close
    http-reuse never
    # Another server takes over if a connection fails, when nothing of the request was sent. A request that only reads is also sent again if the connection
    # ends without an answer, as when the application stops.
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless { method ${REPEATABLE} }
    # A machine that is gone ends no connection, so the kernel asks: after 5 s without a sign of life the requests that wait for it go to another server, and
    # its WebSockets are closed. Not \`tcp-ut\`, which would also cut off an upload to an application that reads it slowly.
    option srvtcpka
    srvtcpka-idle 2s
    srvtcpka-intvl 1s
    srvtcpka-cnt 3
`
