# Completion of `task` and `npx task` for zsh. To install it:
#     npx task completion zsh >> ~/.zshrc
# To load it in this shell only:
#     source <(npx task completion zsh)

# Prints the program to run: that of this folder or of a parent folder, else the typed one. Never another program named `task`.
_switchyard_program() {
  local at=$PWD file
  while :; do
    for file in "$at/node_modules/.bin/task" "$at/bin/task.mjs"; do
      if [[ -f $file && -x $file ]] && command grep -qs switchyard "$file"; then
        print -rn -- "$file"
        return
      fi
    done
    [[ -n $at ]] || break
    at=${at%/*}
  done
  file=$(whence -p -- "$1") && command grep -qs switchyard "$file" && print -rn -- "$file"
}

# $1: the program, $2: the index of the first word after `task`.
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
    # Fall back to file names if there are no candidates.
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
  local name
  for name in task npx; do
    # Keep the earlier completion for everything that is not `task`.
    [[ ${_comps[$name]-} == _switchyard ]] || _switchyard_before[$name]=${_comps[$name]-}
    compdef _switchyard $name
  done
}
