# Tab behind `task` and `npx task`, in zsh. To have it in each new shell:
#     npx task completion zsh >> ~/.zshrc
# or only in this one:
#     source <(npx task completion zsh)

# The program of this folder or of one above it, else what was typed. Another program of the name `task` is never run.
_switchyard_program() {
  local at=$PWD one
  while :; do
    for one in "$at/node_modules/.bin/task" "$at/bin/task.mjs"; do
      if [[ -f $one && -x $one ]] && command grep -qs switchyard "$one"; then
        print -rn -- "$one"
        return
      fi
    done
    [[ -n $at ]] || break
    at=${at%/*}
  done
  one=$(whence -p -- "$1") && command grep -qs switchyard "$one" && print -rn -- "$one"
}

# $1: the program, $2: which word is the first behind `task`.
_switchyard_offer() {
  local line word
  local -a typed found
  typed=("${(@Q)words[$2,CURRENT]}")
  typed[-1]=${(Q)PREFIX}
  for line in "${(@f)$("$1" completion -- "${typed[@]}" 2>/dev/null </dev/null)}"; do
    word=${line%%$'\t'*}
    [[ -n $word ]] || continue
    word=${word//\\/\\\\}
    found+=("${word//:/\\:}:${line#*$'\t'}")
  done
  if (( $#found )); then
    _describe task found
  else
    # Names of files only where the program knows no better.
    compset -P '--[^=]##='
    _default
  fi
}

_switchyard() {
  local program first=2 before=${_switchyard_before[$service]-}
  [[ $service == npx ]] && first=3
  if (( CURRENT >= first )) && [[ $first == 2 || ${words[2]} == task ]] &&
    program=$(_switchyard_program "${(Q)words[first-1]}"); then
    _switchyard_offer "$program" "$first"
  else
    ${before:-_default} "$@"
  fi
}

(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
typeset -gA _switchyard_before
() {
  local one
  for one in task npx; do
    # What was completed before goes on wherever this has nothing to do.
    [[ ${_comps[$one]-} == _switchyard ]] || _switchyard_before[$one]=${_comps[$one]-}
    compdef _switchyard $one
  done
}
