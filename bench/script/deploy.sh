#!/usr/bin/env bash
# The deploy of the shell script that this program replaces, in our own words and without its mistakes: the yardstick of
# the bench. The build is left out, as it is for all others. Both waits are long enough that each loop asks once, so that
# what is measured is the network and not the luck of a poll.
#   SSH_CONFIG=file deploy.sh host life.tar.gz version
set -euo pipefail
host=$1 tarball=$2 version=$3
there() { ssh -F "$SSH_CONFIG" "$host" "$@"; }

live=$(there curl -s http://127.0.0.1/deployment_id)
if [ "$live" = blue ]; then idle=green port=5000; else idle=blue port=4000; fi
node="RELEASE_DISTRIBUTION=sname RELEASE_NODE=$idle"

scp -q -F "$SSH_CONFIG" "$tarball" "$host:life.tar.gz"
there mkdir -p "$idle-$version"
there tar -xzf life.tar.gz -C "$idle-$version"
old=$(there "readlink $idle || true")
if [ -n "$old" ]; then
  there "$node $old/bin/life stop" || true
  sleep 3
  while there "$node $old/bin/life pid" > /dev/null 2>&1; do sleep 1; done
fi
there ln -sfn "$idle-$version" "$idle"
there "PORT=$port $node $idle/bin/life daemon"
sleep 3
until there curl -fs -o /dev/null "http://127.0.0.1:$port/health"; do sleep 1; done
echo "$idle"
