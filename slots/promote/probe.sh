#!/bin/bash -eu
# Asks a site all the while that a promote moves its traffic.
#
# Parameters
#   dir           the folder that it works in, which it makes and removes; `watched.sh` and two short scripts meet it there
#   longest       seconds after which it ends in any case
#   find_trouble  prints why this host cannot measure a promote, or nothing
#   start_all     calls `start KIND ROUNDS URLS OPTION...` for each kind: how often its urls, lines for curl's --config, are asked
#
# Reads: `end`, and then it ends.
# Makes: `dir/probing` when each kind has an answer; `dir.unable` when it cannot be done. Ends when `dir/end` is there.
# Prints: `unable WHY`, or all that was seen, gzipped and in base64, and `over`: a section `moments` with what others wrote to `dir/moments`; for each
# kind a section `said KIND`, what curl said with a timestamp in microseconds, and a section `bodies KIND`, in base64.
curls=()
unable() { printf 'unable %s\n' "$1"; : > "$dir".unable || :; exit 0; }
trouble=$(find_trouble)
if [ -n "$trouble" ]; then unable "${trouble//$'\n'/, }"; fi
export LC_ALL=C TZ=UTC0
mkdir -m 0700 -- "$dir" || unable "$dir cannot be made"
trap 'kill "${curls[@]}" 2>/dev/null || :; rm -rf -- "$dir"' EXIT
# Asks the same again and again on a curl of its own. What that says of each request gets the time when it said so, and when the request began.
start() {
  local name=$1 rounds=$2 urls=$3 first=; shift 3
  for ((; rounds > 0; rounds--)); do printf '%s\n' "$urls"; done > "$dir/$name.urls"
  mkfifo "$dir/$name.pipe"; : > "$dir/$name.said"
  while IFS= read -r line; do
    case $line in
      '@ '*) printf '%s %s %s\n' "${EPOCHREALTIME//[!0-9]/}" "$line" "$first"; first= ;;
      ??:??:??.??????' * Connection died, '*) printf '%s *\n' "${EPOCHREALTIME//[!0-9]/}" ;;
      ??:??:??.??????' '*) if [ -z "$first" ]; then first="${EPOCHREALTIME//[!0-9]/} ${line%% *}"; fi ;;
    esac
  done < "$dir/$name.pipe" > "$dir/$name.said" &
  curl "$@" --config "$dir/$name.urls" > "$dir/$name.bodies" 2> "$dir/$name.pipe" < /dev/null &
  curls+=($!)
}
start_all
# Two seconds for the first answer of each kind.
for ((i = 0; i < 100; i++)); do
  if [ -s "$dir/fresh.said" ] && [ -s "$dir/kept.said" ] && [ -s "$dir/route.said" ]; then break; fi
  sleep 0.02
done
: > "$dir/probing"
end=$(( SECONDS + longest )) word=
until [ -e "$dir/end" ] || [ "$word" = end ] || [ $SECONDS -ge $end ]; do
  code=0; IFS= read -r -t 0.02 word || code=$?
  if [ $code -gt 0 ] && [ $code -le 128 ]; then break; fi
done
moments=$(cat "$dir/moments" 2>/dev/null || :)
kill "${curls[@]}" 2>/dev/null || :
wait
{
  printf 'moments\n%s\n' "$moments"
  for name in fresh kept route; do
    printf 'said %s\n' "$name"; cat "$dir/$name.said"
    printf 'bodies %s\n' "$name"; head -c 1000000 "$dir/$name.bodies" | base64 -w 0; echo
  done
} | gzip -c | base64 -w 0
printf '\nover\n'
