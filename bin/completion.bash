# Tab behind `task` and `npx task`, in bash. To have it in each new shell:
#     npx task completion bash >> ~/.bashrc
# or only in this one:
#     source <(npx task completion bash)

# The program of this folder or of one above it, else what was typed. Another program of the name `task` is never run.
_switchyard_program() {
  local at=$PWD one
  while :; do
    for one in "$at/node_modules/.bin/task" "$at/bin/task.mjs"; do
      if [[ -f $one && -x $one ]] && command grep -qs switchyard "$one"; then
        printf %s "$one"
        return
      fi
    done
    [[ $at ]] || break
    at=${at%/*}
  done
  one=$(type -P -- "$1") && command grep -qs switchyard "$one" && printf %s "$one"
}

# $1: the program, $2: which word is the first behind `task`, $3: what bash is going to replace.
_switchyard_offer() {
  local breaks='^[=:]+$' words=() count=0 head='' found='' i piece word
  # Bash cuts `--slot=green` into three words.
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
  # Names of files only where the program knows no better. Bash 3 has no compopt.
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

# What a function completed before goes on wherever this has nothing to do; what is completed otherwise stays as it is.
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
