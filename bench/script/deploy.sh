#!/usr/bin/env bash
# The deploy of the shell script that this program replaces, rewritten without its bugs, as a baseline for the bench. The build is left out for every
# tool. Both sleeps are long enough that each loop polls only once, so that the bench measures the network and not poll timing.
#   SSH_CONFIG=file deploy.sh host life.tar.gz version
set -euo pipefail
host=$1 tarball=$2 version=$3
remote() { ssh -F "$SSH_CONFIG" "$host" "$@"; }

live=$(remote curl -s http://127.0.0.1/deployment_id)
if [ "$live" = blue ]; then idle=green port=5000; else idle=blue port=4000; fi
node="RELEASE_DISTRIBUTION=sname RELEASE_NODE=$idle"

scp -q -F "$SSH_CONFIG" "$tarball" "$host:life.tar.gz"
remote mkdir -p "$idle-$version"
remote tar -xzf life.tar.gz -C "$idle-$version"
old=$(remote "readlink $idle || true")
if [ -n "$old" ]; then
  remote "$node $old/bin/life stop" || true
  sleep 3
  while remote "$node $old/bin/life pid" > /dev/null 2>&1; do sleep 1; done
fi
remote ln -sfn "$idle-$version" "$idle"
remote "PORT=$port $node $idle/bin/life daemon"
sleep 3
until remote curl -fs -o /dev/null "http://127.0.0.1:$port/health"; do sleep 1; done
echo "$idle"
