#!/usr/bin/env bash
# The promote of the shell script that this program replaces: point the link to the site file, reload, check once.
#   SSH_CONFIG=file promote.sh host slot
set -euo pipefail
host=$1 slot=$2
remote() { ssh -F "$SSH_CONFIG" "$host" "$@"; }

remote sudo ln -sf "/etc/nginx/sites-available/$slot" /etc/nginx/sites-enabled/life
remote sudo systemctl reload nginx
echo "Promoted live to $(remote curl -s http://127.0.0.1/deployment_id)"
