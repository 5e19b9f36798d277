# Completion of `task` and `npx task` for fish. To install it:
#     npx task completion fish > ~/.config/fish/conf.d/switchyard.fish
# To load it in this shell only:
#     npx task completion fish | source

# Prints the program to run: that of this folder or of a parent folder, else the typed one. Never another program named `task`.
function __switchyard_program
    set -l at $PWD
    while true
        for file in "$at/node_modules/.bin/task" "$at/bin/task.mjs"
            if test -f $file -a -x $file; and command grep -qs switchyard $file
                echo $file
                return
            end
        end
        test -n "$at"; or break
        set at (string replace -r '/[^/]*$' '' -- $at)
    end
    set -l file (command -s -- $argv[1])
    test -n "$file"; and command grep -qs switchyard $file; and echo $file
end

# Succeeds if the cursor is after `task` and there is a program to run.
function __switchyard_here
    set -l words (commandline -opc)
    if test "$argv[1]" = npx
        test "$words[2]" = task; or return
        set -e words[1]
    end
    set -g __switchyard_found (__switchyard_program $words[1])
end

function __switchyard_offer
    set -l words (commandline -opc)
    test "$argv[1]" = npx; and set -e words[1]
    set -l found ($__switchyard_found completion -- $words[2..-1] (commandline -ct) 2>/dev/null </dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        # Fall back to file names if there are no candidates.
        __fish_complete_path (commandline -ct)
    end
end

complete -c task -n '__switchyard_here task' -f -a '(__switchyard_offer task)'
complete -c npx -n '__switchyard_here npx' -f -a '(__switchyard_offer npx)'
