#!/bin/bash -eu
# Looks at the databases of a host. Runs as root and changes nothing.
#
# Parameters
#   database  the name of a role and of its database; may be empty
#   redis     not empty if Redis is wanted
#
# Output: the sections `@@ postgres` (`role`, `password`, `database` for what is there; `listens ADDRESSES`) and `@@ redis` (the addresses).
export LC_ALL=C
# The account postgres may not be in the home folder of root.
cd /
echo '@@ postgres'
if [ -n "$database" ] && command -v psql > /dev/null; then
  runuser -u postgres -- psql -XAtq -v name="$database" 2>/dev/null << 'SQL' || :
select 'role' from pg_roles where rolname = :'name';
select 'password' from pg_authid where rolname = :'name' and rolpassword is not null;
select 'database' from pg_database where datname = :'name';
select 'listens ' || setting from pg_settings where name = 'listen_addresses';
SQL
fi
echo '@@ redis'
if [ -n "$redis" ] && command -v redis-cli > /dev/null; then redis-cli config get bind 2>/dev/null | tail -n 1 || :; fi
