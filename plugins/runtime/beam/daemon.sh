#!/bin/bash -eu
# Functions for the processes that a release's own script started in a slot. They are identified by an environment variable, so a stale pid file cannot
# point to a foreign process.
#
# Parameters
#   mark  the variable and its value, NAME=VALUE

# Prints the pids of all processes of the slot. xargs may split the list into several `grep` commands; it exits with 123 if one of them found nothing or
# if a process has exited in the meantime.
ours() {
  { printf '%s\0' /proc/[0-9]*/environ | xargs -0 grep -slzxF -- "$mark" || [ $? = 123 ]; } | cut -d/ -f3
}
# Prints the pids of the Erlang VM.
vms() { for pid in $(ours); do case "$(readlink "/proc/$pid/exe")" in */beam.smp) echo "$pid" ;; esac; done; }
# `within SECONDS CONDITION`: waits until the condition is true; fails on timeout.
within() {
  end=$(( $(date +%s) + $1 ))
  until eval "$2"; do
    if [ "$(date +%s)" -ge $end ]; then return 1; fi
    sleep 0.1
  done
}
