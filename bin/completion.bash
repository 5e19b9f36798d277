# Completion of `task` and `npx task` for bash. To install it:
#     npx task completion bash >> ~/.bashrc
# To load it in this shell only:
#     source <(npx task completion bash)

# Prints the program to run: that of this folder or of a parent folder, else the typed one. Never another program named `task`.
_switchyard_program() {
  local at=$PWD file
  while :; do
    for file in "$at/node_modules/.bin/task" "$at/bin/task.mjs"; do
      if [[ -f $file && -x $file ]] && command grep -qs switchyard "$file"; then
        printf %s "$file"
        return
      fi
    done
    [[ $at ]] || break
    at=${at%/*}
  done
  file=$(type -P -- "$1") && command grep -qs switchyard "$file" && printf %s "$file"
}

# $1: the program, $2: the index of the first word after `task`, $3: the text that bash replaces.
_switchyard_offer() {
  local breaks='^[=:]+$' words=() count=0 head='' found='' i piece word
  # Bash splits `--slot=green` into three words.
  for ((i = $2; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]//[\\\"\']/}
    if ((i > $2)) && [[ $piece =~ $breaks || ${COMP_WORDS[i - 1]} =~ $breaks ]]; then
      head=${words[count - 1]}
      words[count - 1]+=$piece
    else
      head=
      words[count++]=$piece
    fi
  done
  if [[ $piece =~ $breaks ]]; then head=${words[count - 1]}; fi
  words[count - 1]=$head$3
  while IFS=$'\t' read -r word _; do
    found=yes
    [[ $word == "$head$3"* ]] || continue
    printf -v word %q "${word#"$head"}"
    COMPREPLY+=("$word")
  done < <("$1" completion -- "${words[@]}" 2>/dev/null </dev/null)
  # Fall back to file names if there are no candidates. Bash 3 has no compopt.
  if [[ $found ]]; then
    compopt +o default +o bashdefault +o nospace 2>/dev/null
  else
    compopt -o default -o bashdefault 2>/dev/null
  fi
  return 0
}

_switchyard() {
  local first=1 program before
  COMPREPLY=()
  if [[ ${1##*/} == npx ]]; then
    first=2
    before=${_switchyard_before_npx-}
  else
    before=${_switchyard_before_task-}
  fi
  if ((COMP_CWORD >= first)) && [[ $first == 1 || ${COMP_WORDS[1]} == task ]] &&
    program=$(_switchyard_program "${COMP_WORDS[first - 1]}"); then
    _switchyard_offer "$program" "$first" "$2"
  elif [[ $before ]]; then
    "$before" "$@"
  fi
}

# Calls an earlier completion function for everything that is not `task`. Keeps an earlier completion of another kind.
_switchyard_register() {
  local spec before
  spec=$(complete -p "$1" 2>/dev/null)
  case $spec in
    '') complete -o bashdefault -o default -F _switchyard "$1" ;;
    *' -F _switchyard '*) ;;
    *' -F '*)
      before=${spec#* -F }
      before=${before%% *}
      printf -v "_switchyard_before_$1" %s "$before"
      eval "${spec/-F $before /-F _switchyard }"
      ;;
  esac
}
_switchyard_register task
_switchyard_register npx
