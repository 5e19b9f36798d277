# Tab behind `task` and `npx task`, in fish. To have it in each new shell:
#     npx task completion fish > ~/.config/fish/conf.d/switchyard.fish
# or only in this one:
#     npx task completion fish | source

# The program of this folder or of one above it, else what was typed. Another program of the name `task` is never run.
function __switchyard_program
    set -l at $PWD
    while true
        for one in "$at/node_modules/.bin/task" "$at/bin/task.mjs"
            if test -f $one -a -x $one; and command grep -qs switchyard $one
                echo $one
                return
            end
        end
        test -n "$at"; or break
        set at (string replace -r '/[^/]*$' '' -- $at)
    end
    set -l one (command -s -- $argv[1])
    test -n "$one"; and command grep -qs switchyard $one; and echo $one
end

# Whether the cursor is behind `task`, and a program is there to ask.
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
        # Names of files only where the program knows no better.
        __fish_complete_path (commandline -ct)
    end
end

complete -c task -n '__switchyard_here task' -f -a '(__switchyard_offer task)'
complete -c npx -n '__switchyard_here npx' -f -a '(__switchyard_offer npx)'
