#!/usr/bin/env bash
# Prepares a host for deploy.sh and promote.sh. Runs on the host as root.
set -euo pipefail
site() {
  cat > "/etc/nginx/sites-available/$1" <<SITE
server {
    listen 80 default_server;
    location = /deployment_id { default_type text/plain; return 200 $1; }
    location / { proxy_pass http://127.0.0.1:$2; }
}
SITE
}
site blue 4000
site green 5000
rm -f /etc/nginx/sites-enabled/default
ln -sf /etc/nginx/sites-available/blue /etc/nginx/sites-enabled/life
systemctl reload nginx
