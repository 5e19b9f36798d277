/** The part of Caddy's routes for the maintenance of a site. Caddy looks for one file on each request, and for the rest only during a maintenance. */
import { posix } from 'node:path'

/** The path that `router/maintenance` has in the site's file, as Caddy looks for it. */
export const maintenanceMarker = (router: string): string => `root ${posix.join(router, 'maintenance')}`

/** `own`: the address that our own requests go to, and so come from. `client`: the placeholder of a client's address. `except`: more lines of the matcher. */
export function maintenanceRoutes(router: string, own: string, client: string, except: string): string {
  const folder = posix.join(router, 'maintenance')
  const local = [...new Set(['127.0.0.0/8', '::1', ...(own === '' ? [] : [own])])].join(' ')
  return `	# Maintenance of the site: \`task maintenance on\` and \`off\` rename or remove the link ${folder}.
	@switchyard_maintenance {
		file {
			root ${folder}
			try_files /on
		}
		not path /deployment_id /.well-known/acme-challenge/*
${except}	}
	route @switchyard_maintenance {
		# The client's address up to its fourth part, as in the names in \`allow/\`: \`10.\`, \`10.1.\`, \`10.1.2.\`, \`10.1.2.3\`, \`2001:db8:\`.
		map ${client} {switchyard_allow1} {switchyard_allow2} {switchyard_allow3} {switchyard_allow4} {
			~^(\\w+[.:])(\\w+[.:])(\\w+[.:])(\\w+) \${1} \${1}\${2} \${1}\${2}\${3} \${1}\${2}\${3}\${4}
			~^(\\w+:)(\\w+:)(\\w+:): \${1} \${1}\${2} \${1}\${2}\${3} \${1}\${2}\${3}0
			~^(\\w+:)(\\w+:): \${1} \${1}\${2} \${1}\${2}0: \${1}\${2}0:0
			~^(\\w+:):(\\w+):\\w+:\\w+:\\w+:\\w+$ \${1} \${1}0: \${1}0:0: \${1}0:0:\${2}
			~^(\\w+:): \${1} \${1}0: \${1}0:0: \${1}0:0:0
			default none none none none
		}
		@switchyard_closed {
			# Requests of \`task\` come from this host itself. Those of a proxy on this host do as well, but name the client: they never pass.
			not {
				remote_ip ${local}
				header !X-Forwarded-For
			}
			not {
				file {
					root ${folder}/allow
					try_files {switchyard_allow1} {switchyard_allow2} {switchyard_allow3} {switchyard_allow4} ${client}
				}
				not remote_ip ${local}
			}
		}
		route @switchyard_closed {
			@switchyard_retry file {
				root ${folder}
				try_files /retry.*
			}
			map @switchyard_retry {http.matchers.file.relative} {switchyard_retry} {
				~^/?retry\\.(\\d+)$ \${1}
			}
			header @switchyard_retry Retry-After {switchyard_retry}
			header X-Maintenance on
			header Cache-Control no-store
			header Content-Type "text/html; charset=utf-8"
			# The page is a file: it is read whole, and by a GET.
			request_header -Range
			request_header -If-*
			@switchyard_other not method GET HEAD
			method @switchyard_other GET
			root * ${folder}
			rewrite * /page.html
			file_server {
				status 503
				pass_thru
			}
			# The maintenance has just ended.
			respond 503
		}
	}

`
}
