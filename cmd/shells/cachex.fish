
# __cachex_wrapped prints the command that is to be cached, as far as it stands there; it fails where there is none, or a flag
# is being completed.
function __cachex_wrapped
    set -l words (commandline -opc) (commandline -ct)
    set -e words[1]
    set -l takes
    while set -q words[1]
        switch $words[1]
            case '-c*' --shell '--shell=*'
                return 1
            case --
                set -e words[1]
                test -n "$takes"; and set -q words[1]; and __cachex_line $words
                return
            case @FLAGS@
                set -e words[1]
            case '-*'
            case '*'
                if test -n "$takes"
                    __cachex_line $words
                    return
                end
                contains -- $words[1] @COMMANDS@; or return 1
                set takes 1
        end
        set -e words[1]
    end
    return 1
end

# __cachex_line makes words a line again, all but the last, which is being completed.
function __cachex_line
    set -l last $argv[-1]
    set -e argv[-1]
    set -q argv[1]; and set argv (string escape -- $argv)
    echo -- $argv $last
end

# Behind the flags of cachex the command that is to be cached is completed as if it stood alone.
complete -c cachex -n '__cachex_wrapped >/dev/null' -f -a '(complete -C (__cachex_wrapped))'
