#!/bin/bash -eu
# Functions for the processes that a release's own script started in a slot. They are known by a variable in their environment, so no pid file can name
# a stranger.
#
# Parameters
#   mark  that variable with its value
# Pids of all that was started in the slot. The list of processes is as long as it is, which one command may not take: 123 says that a `grep` of
# several found nothing, or that a process was gone by then.
ours() {
  { printf '%s\0' /proc/[0-9]*/environ | xargs -0 grep -slzxF -- "$mark" || [ $? = 123 ]; } | cut -d/ -f3
}
# Pids of the Erlang VM.
vms() { for pid in $(ours); do case "$(readlink "/proc/$pid/exe")" in */beam.smp) echo "$pid" ;; esac; done; }
# `within SECONDS CONDITION`: waits until it is true; fails when it does not become true.
within() {
  end=$(( $(date +%s) + $1 ))
  until eval "$2"; do
    if [ "$(date +%s)" -ge $end ]; then return 1; fi
    sleep 0.1
  done
}
