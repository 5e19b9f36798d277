#!/bin/bash -eu
# The first lines of a script that the deploying user runs as the user of the application. The environment becomes that of a unit of systemd. Nobody but root
# can signal sudo, and nobody but the application what it has started: so the script ends itself, with its process group, when the shell that called sudo is
# gone.
#
# Variables that must be set
#   outer  the pid of that shell
#   user   the user of the application
unset SWITCHYARD_RUN SUDO_COMMAND SUDO_USER SUDO_UID SUDO_GID SUDO_HOME MAIL
HOME=$(getent passwd "$user" | cut -d : -f 6) USER=$user LOGNAME=$user
export HOME USER LOGNAME
# Not a child of a command that replaces this shell, which might wonder about one.
(
  (
    [ -d "/proc/$outer" ] || exit
    while [ -d "/proc/$$" ]; do
      [ -d "/proc/$outer" ] || kill -TERM 0
      sleep 1
    done
  ) < /dev/null > /dev/null 2>&1 &
)
