# frozen_string_literal: true

environment 'production'
bind "unix://#{ENV.fetch('SOCKET')}"
# Each worker is a process: on SIGTERM it finishes its requests, and the slot is down when the last one has ended.
workers 2
threads 8, 8
preload_app!
# Seconds that a worker may take for that: longer than the slowest request, shorter than the service's stopLimit.
worker_shutdown_timeout 30
# The exit code is 0 after a stop, so that systemd does not report a failure.
raise_exception_on_sigterm false
