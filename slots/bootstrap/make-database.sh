#!/bin/bash -eu
# Creates a role and a database of the same name in PostgreSQL. Does nothing that was done already.
#
# Parameters
#   database  the name
export LC_ALL=C
cd /
runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -v name="$database" << 'SQL'
select format('create role %I login', :'name') where not exists (select from pg_roles where rolname = :'name') \gexec
select format('create database %I owner %I', :'name', :'name') where not exists (select from pg_database where datname = :'name') \gexec
SQL
