#!/usr/bin/env bash
# The promote of the shell script that this program replaces: move the link to the site file, reload, look once.
#   SSH_CONFIG=file promote.sh host slot
set -euo pipefail
host=$1 slot=$2
there() { ssh -F "$SSH_CONFIG" "$host" "$@"; }

there sudo ln -sf "/etc/nginx/sites-available/$slot" /etc/nginx/sites-enabled/life
there sudo systemctl reload nginx
echo "Promoted live to $(there curl -s http://127.0.0.1/deployment_id)"
