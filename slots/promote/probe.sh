#!/bin/bash -eu
# Sends requests to a site continuously while a promote switches its traffic.
#
# Parameters
#   dir           its working folder, which it creates and removes; `watched.sh` and two short scripts communicate with it there
#   longest       timeout in seconds
#   find_trouble  prints why this host cannot measure a promote, or nothing
#   start_all     calls `start KIND ROUNDS URLS OPTION...` for each kind: `URLS`, lines for curl's --config, are requested `ROUNDS` times
#
# Reads: `end` ends it, and so does the end of input.
# Creates: `dir/probing` once each kind has a response, or after 2 s; `dir.unable` if the host cannot measure. Ends when `dir/end` exists.
# Prints: `unable WHY`; or the results, gzipped and in base64, and then `over`. The results are a section `moments` with the timestamps from `dir/moments`; for
# each kind a section `said KIND`, curl's output with timestamps in microseconds, and a section `bodies KIND`, in base64.
curls=()
unable() { printf 'unable %s\n' "$1"; : > "$dir".unable || :; exit 0; }
trouble=$(find_trouble)
if [ -n "$trouble" ]; then unable "${trouble//$'\n'/, }"; fi
export LC_ALL=C TZ=UTC0
mkdir -m 0700 -- "$dir" || unable "$dir cannot be created"
trap 'trap "" HUP INT TERM PIPE; kill "${curls[@]}" 2>/dev/null || :; rm -rf -- "$dir"' EXIT
# Repeats the requests of one kind, in one curl process. Each line of its output gets the time at which it was read, and the time at which the request began.
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
# Up to two seconds for the first response of each kind.
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
