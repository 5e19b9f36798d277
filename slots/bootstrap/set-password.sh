#!/bin/bash -eu
# Gives a role of PostgreSQL a random password, if it has none, and logs in with it. The password is in no argument.
#
# Parameters
#   database  the name of the role and of its database
#
# Output: the password, 48 digits and letters.
# Exit codes: `refused` (EXIT.bootstrap): the role has a password already.
export LC_ALL=C
cd /
psql_as_postgres() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -v name="$database"; }
has=$(echo "select 1 from pg_authid where rolname = :'name' and rolpassword is not null" | psql_as_postgres)
if [ -n "$has" ]; then exit "$refused"; fi
password=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
# Not in the log of the server either, whatever that logs.
{
  echo "set log_statement = 'none'; set log_min_duration_statement = -1; set log_min_error_statement = 'panic';"
  printf "alter role :\"name\" password '%s';\n" "$password"
} | psql_as_postgres
echo 'select 1' | PGPASSWORD=$password psql -XAtq -h 127.0.0.1 -U "$database" -d "$database" > /dev/null
printf '%s\n' "$password"
