#!/bin/bash -eu
# Compares two environment files in our format, and prints the names of variables that differ. Values are never printed.
#
# Variables that must be set beforehand
#   before  a file; if it does not exist, nothing is printed
#   after   a file, `-` for standard input
#
# Prints: `environment new NAME`, `environment changed NAME`, `environment gone NAME`, or `environment foreign` for a file that was edited by hand.
if [ -r "$before" ]; then LC_ALL=C awk '
FNR == 1 && open { foreign = 1; open = 0 }
# A line that is not in our format, as after an edit by hand, may be part of a value.
open { text = $0; value = value "\n" text }
!open {
  if (!match($0, /^[A-Za-z_][A-Za-z0-9_]*="/)) { foreign = 1; next }
  name = substr($0, 1, RLENGTH - 2); text = substr($0, RLENGTH + 1); value = text; open = 1
}
match(text, /\\*"$/) && RLENGTH % 2 == 1 {
  open = 0
  if (side == "new") { new[name] = value; news[++n] = name } else { old[name] = value; olds[++o] = name }
}
END {
  if (foreign || open) { print "environment foreign"; exit }
  for (i = 1; i <= n; i++) {
    if (!(news[i] in old)) print "environment new " news[i]
    else if (old[news[i]] "" != new[news[i]] "") print "environment changed " news[i]
  }
  for (i = 1; i <= o; i++) if (!(olds[i] in new)) print "environment gone " olds[i]
}' side=old "$before" side=new "$after"; fi
