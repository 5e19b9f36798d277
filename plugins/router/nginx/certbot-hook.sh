#!/bin/bash -eu
# Installs the certificate of a site for nginx, which reads it on the next handshake: nothing is reloaded. Run as root, by certbot for each certificate that
# it got or renewed (with `RENEWED_LINEAGE`), or by `setup`. Does nothing for a certificate of another site, or while there is none.
#
# Parameters
#   nginx   path of the program
#   site    the name of the certificate
#   folder  the folder of the site's certificate for nginx
#
# Only root and the workers of nginx can read the key. Exits with 1 if the group of the workers cannot be found out.
lineage=${RENEWED_LINEAGE:-/etc/letsencrypt/live/$site}
if [ "${lineage##*/}" != "$site" ] || ! [ -d "$folder" ] || ! [ -e "$lineage/fullchain.pem" ]; then exit 0; fi
user=$("$nginx" -T 2> /dev/null | sed -n 's/^[[:space:]]*user[[:space:]]\{1,\}\([^;[:space:]]*\).*/\1/p' | head -n 1)
if [ -z "$user" ]; then user=$("$nginx" -V 2>&1 | tr ' ' '\n' | sed -n 's/^--user=//p'); fi
group=$(id -gn -- "${user:-nobody}")
umask 077
cat -- "$lineage/privkey.pem" "$lineage/fullchain.pem" > "$folder/.https.pem"
chgrp -- "$group" "$folder/.https.pem"
chmod 0640 "$folder/.https.pem"
cat -- "$lineage/fullchain.pem" > "$folder/.https.crt"
chmod 0644 "$folder/.https.crt"
mv -T -- "$folder/.https.crt" "$folder/https.crt"
mv -T -- "$folder/.https.pem" "$folder/https.pem"
