# cachex in fish: cachex_memoize, cachex_forget and cx, see cachex help init. Two of these in one shell are harmless.
#
# Of each memoised function the lists hold what it was when it was memoised, at the index that its wrapper has. It runs in another
# fish, whose text is what the key is made of: the definitions, and the call. What is not to be in the key comes by the
# environment: these functions here, and what is memoised. Values of variables do, too, and are in the key by their digest.
#
# Capturing output is what costs most here, so a look into the memory does it once.

function __cachex_begin
    set -g __cachex_count 0
    set -g __cachex_hinted
    set -g __cachex_names # the lists
    set -g __cachex_texts
    set -g __cachex_wrappers
    set -g __cachex_flags
    set -g __cachex_uses
    set -g __cachex_vars
    set -g __cachex_lives
    __cachex_clear
    set -g __cachex_memory
    set -g __cachex_fish (status fish-path)
    set -g __cachex_uptime
    test -r /proc/uptime; and set __cachex_uptime yes
    builtin -n | string match -q path; and set __cachex_memory yes
end

function __cachex_clear
    set -g __cachex_keys # what is in the memory
    set -g __cachex_bodies
    set -g __cachex_begins # by the time since the system was started or, where that cannot be read, since fish was made
    set -g __cachex_ends
    set -g __cachex_index '' # a text of all keys, each with its place
    set -g __cachex_merged   # those that are only for callers whose two streams are one end here, and else at once
    set -g __cachex_seen # what was called once
    set -g __cachex_never # what is not for the memory
end

# cachex_memoize NAME [FLAGS] [--uses F,G] [--vars A,B] [--memory D]
function cachex_memoize
    set -l name $argv[1]
    if test -z "$name"; or string match -q -- '-*' $name
        __cachex_fault "cachex_memoize: no function given" "write cachex_memoize NAME [FLAGS] [--uses F,G] [--vars A,B] [--memory D]"
        return 125
    else if not functions -q -- $name
        __cachex_fault "cachex_memoize: $name is no function of this shell" "define it first; programs are cached by cx $name"
        return 125
    else if string match -qr '[^\w.:+@%/-]' -- $name
        __cachex_fault "cachex_memoize: a function with such a name cannot be memoised" "name it with letters, digits and - _ . :"
        return 125
    end
    set -e argv[1]
    set -l flags
    set -l uses
    set -l vars
    set -l life 2s
    set -l look
    set -l words 0
    __cachex_parse cachex_memoize $argv; or return
    if test $words -lt (count $argv)
        __cachex_fault "cachex_memoize: unexpected word \"$argv[$(math $words + 1)]\"" "behind the name there are only flags: cachex help init"
        return 125
    end
    set -l at (__cachex_find $name)
    set -l text
    if test -n "$at"
        set text $__cachex_texts[$at]
    else
        set text (functions --no-details -- $name | string collect)
    end
    set -g __cachex_count (math $__cachex_count + 1)
    set -a __cachex_names $name
    set -a __cachex_texts "$text"
    set -a __cachex_flags "$flags"
    set -a __cachex_uses "$uses"
    set -a __cachex_vars "$vars"
    set -a __cachex_lives "$life"
    set -l i $__cachex_count
    if test -n "$__cachex_memory" -a -n "$life"
        # The keys hold words only together with what ends them, which no word may hold itself.
        set -l clock "path mtime -R -- \$__cachex_fish | read -l __cx_now"
        test -n "$__cachex_uptime"; and set clock "read -l __cx_now __cx_rest </proc/uptime"
        eval "function $name
    set -l __cx_words \\x1f\$argv$look
    set -l __cx_key \"$i \$PWD \$__cx_words\"
    if string match -qr \"\\x1d(?<__cx_at>\d+)\\x1d\\Q\$__cx_key\\E\\x1d\" -- \$__cachex_index
        $clock
        if begin
                test \"\$__cx_now\" -ge \$__cachex_begins[\$__cx_at] -a \"\$__cx_now\" -lt \$__cachex_ends[\$__cx_at]
                or test -t 1 -a -t 2 -a \"\$__cx_now\" -ge \$__cachex_begins[\$__cx_at] -a \"\$__cx_now\" -lt \$__cachex_merged[\$__cx_at]
            end
            and not string match -qr '(?s).[\x1d-\x1f]|\\\\\\\\E' -- \$__cx_words \$PWD
            printf %s \"\$__cachex_bodies[\$__cx_at]\"
            return
        end
    end
    string match -qr '(?s).[\x1d-\x1f]|\\\\\\\\E' -- \$__cx_words \$PWD
    and set __cx_key ''
    __cachex_call $i \$__cx_key \$argv
end"
    else
        eval "function $name
    __cachex_call $i '' \$argv
end"
    end
    set -a __cachex_wrappers (functions --no-details -- $name | string collect)
    if test -z "$__cachex_memory" -a -n "$life" -a -z "$__cachex_hinted"
        set -g __cachex_hinted yes
        echo "cachex: fish $version has no memory for results, 3.6 has: each call asks the cache directory; --memory 0 says so" >&2
    end
    return 0
end

# cachex_forget NAME: the function is again what it was.
function cachex_forget
    set -l at (__cachex_find $argv[1])
    if test -z "$at"
        set -l name $argv[1]
        test -n "$name"; or set name nothing
        __cachex_fault "cachex_forget: $name is not memoised" "write cachex_forget NAME, of a function that cachex_memoize was told of"
        return 125
    end
    eval $__cachex_texts[$at]
end

# cx [FLAGS] COMMAND [ARG...]: cachex run for programs, functions and what else the shell knows.
function cx
    set -l flags
    set -l uses
    set -l vars
    set -l life 2s
    set -l look
    set -l words 0
    __cachex_parse cx $argv; or return
    test $words -gt 0; and set -e argv[1..$words]
    set -l name $argv[1]
    if test -z "$name"
        __cachex_fault "cx: no command given" "write cx [FLAGS] COMMAND [ARG...]"
        return 125
    end
    if functions -q -- $name
        set -l at (__cachex_find $name)
        if test -n "$at"
            set flags "$__cachex_flags[$at]$flags"
            set uses "$__cachex_uses[$at]$uses"
            set vars "$__cachex_vars[$at]$vars"
        end
        set -e argv[1]
        __cachex_run $name "$flags" "$name,$uses" "$vars" __cachex_original $argv
    else if not command -q -- $name; and builtin -q -- $name
        set -e argv[1]
        __cachex_run $name "$flags" "$uses" "$vars" $name $argv
    else
        set -l flagged
        eval "set flagged $flags"
        command $__cachex_exe run $flagged -- $argv
    end
end

function __cachex_fault
    printf 'cachex: %s\ncachex: hint: %s\n' $argv[1] $argv[2] >&2
end

# __cachex_find NAME: prints the index of a memoised function, if it is still that.
function __cachex_find
    functions -q -- $argv[1]; or return
    set -l now (functions --no-details -- $argv[1] | string collect)
    for i in (seq $__cachex_count -1 1)
        if test $__cachex_names[$i] = $argv[1]
            test "$__cachex_wrappers[$i]" = "$now"; and echo $i
            return
        end
    end
end

# __cachex_parse WHO WORD...: what the flags among the words say, up to the first that is none, in variables of the caller.
function __cachex_parse --no-scope-shadowing
    set -l __cx_who $argv[1]
    set -l __cx_rest $argv[2..]
    set look ' \x1el$LANG \x1ea$LC_ALL \x1et$TZ \x1ep"$PATH"' # which most depends on
    while set -q __cx_rest[1]
        set -l __cx_flag $__cx_rest[1]
        set -l __cx_value
        set -l __cx_two
        set -l __cx_given $__cx_flag
        switch $__cx_flag
            case --
                set words (math $words + 1)
                break
            case --uses --vars --memory @FLAGS@
                if not set -q __cx_rest[2]
                    __cachex_fault "$__cx_who: $__cx_flag: no value given" "see cachex help init, and cachex run --help for the flags"
                    return 125
                end
                set __cx_value $__cx_rest[2]
                set __cx_two yes
                set __cx_given $__cx_rest[1..2]
            case '--*=*'
                set __cx_flag (string split -m 1 = -- $__cx_rest[1])[1]
                set __cx_value (string split -m 1 = -- $__cx_rest[1])[2]
            case '-?*'
            case '*'
                break
        end
        switch $__cx_flag
            case --uses
                set uses "$uses"(string trim -r -c , -- $__cx_value),
            case --vars --env
                for __cx_one in (string split -n , -- $__cx_value)
                    if string match -qr '^[A-Za-z_][A-Za-z0-9_]*$' -- $__cx_one
                        set look "$look \\x1e$__cx_one \\x1f\$$__cx_one"
                        test $__cx_flag = --vars; and set vars "$vars$__cx_one,"
                    else if test $__cx_flag = --vars
                        __cachex_fault "$__cx_who: --vars: \"$__cx_one\" is no name of a variable" "write --vars A,B"
                        return 125
                    else
                        set life
                    end
                end
                if test $__cx_flag = --env
                    set flags "$flags "(string join ' ' -- (string escape -- $__cx_given))
                end
            case --memory
                test -n "$life"; and set life $__cx_value
            case --key --shell --with-shell --memory-fd '-c*'
                __cachex_fault "$__cx_who: $__cx_flag does not go with a function" "leave it out: the function and its arguments are the key"
                return 125
            case --stdin --replay --status-fd --explain --warm '-*v*'
                string match -qr -- '^(--(stdin|replay|status-fd|explain|warm)|-[^-]*v.*)$' $__cx_flag; and set life
                set flags "$flags "(string join ' ' -- (string escape -- $__cx_given))
            case '*'
                set flags "$flags "(string join ' ' -- (string escape -- $__cx_given))
        end
        if test -n "$__cx_two"
            set words (math $words + 1)
            set -e __cx_rest[1]
        end
        set words (math $words + 1)
        set -e __cx_rest[1]
    end
    test "$uses" = ,; and set uses
    string match -qr '^0[a-z]*$' -- "$life"; and set life
    return 0
end

# __cachex_call INDEX KEY ARG...: a call of a memoised function. The second of the same fetches what is for the memory.
function __cachex_call
    set -l i $argv[1]
    set -l key $argv[2]
    set -e argv[1..2]
    if test -z "$key"; or set -q CACHEX_CONTROL; or contains -- $key $__cachex_never
        set key
    end
    set -l name $__cachex_names[$i]
    set -l uses $name,$__cachex_uses[$i]
    if test -n "$key"; and contains -- $key $__cachex_seen
        set -l fetch --memory $__cachex_lives[$i] --memory-fd 1 --quiet
        set -l began
        set -l rest
        if test -n "$__cachex_uptime"
            read began rest </proc/uptime
        else
            path mtime -R -- $__cachex_fish | read began
        end
        set -l record (__cachex_run $name "$__cachex_flags[$i] $fetch" $uses "$__cachex_vars[$i]" __cachex_original $argv 2>&1 </dev/null)
        set -l code $status
        set record (string join \n -- $record | string collect --no-trim-newlines)
        set -l __cx_begin
        set -l __cx_end
        set -l __cx_merged
        set -l __cx_body
        if test $code = 0
            and string match -qr '(?s)\Acachex-memory-1 (?<__cx_begin>\d+) (?<__cx_end>\d+) (?<__cx_merged>[01])\n(?<__cx_body>.*)\.\n?\z' -- $record
            __cachex_remember $key $began (math $__cx_end - $__cx_begin) $__cx_merged "$__cx_body"
            printf %s "$__cx_body"
            return
        else if test $code != 125
            set -a __cachex_never $key
        end
    end
    __cachex_run $name "$__cachex_flags[$i]" $uses "$__cachex_vars[$i]" __cachex_original $argv
    set -l code $status
    if test -n "$key" -a $code = 0
        test (count $__cachex_seen $__cachex_never) -lt 512; or __cachex_clear
        contains -- $key $__cachex_seen; or set -a __cachex_seen $key
    end
    return $code
end

# __cachex_remember KEY BEGIN LIFE MERGED BODY: what may be given again (cmd/call/memory.go) for LIFE microseconds since BEGIN.
function __cachex_remember
    if set -q __cachex_keys[256]
        set -l seen $__cachex_seen
        __cachex_clear
        set __cachex_seen $seen
    end
    set -l at (contains -i -- $argv[1] $__cachex_keys)
    if test -z "$at"
        set at (math (count $__cachex_keys) + 1)
        set __cachex_index "$__cachex_index"\x1d$at\x1d$argv[1]\x1d
    end
    set __cachex_keys[$at] $argv[1]
    set __cachex_begins[$at] $argv[2]
    set -l over (math "$argv[2] + $argv[3] / 1000000")
    set __cachex_ends[$at] 0
    set __cachex_merged[$at] 0
    test $argv[4] = 1; and set __cachex_merged[$at] $over; or set __cachex_ends[$at] $over
    set __cachex_bodies[$at] "$argv[5]"
end

# __cachex_run NAME FLAGS USES VARS CALL ARG...: runs a function, or what else there is under its name, in another shell through
# cachex.
function __cachex_run
    set -l name $argv[1]
    set -l flags
    eval "set flags $argv[2]"
    set -l left (string split -n , -- $argv[3])
    set -l held (string split -n , -- $argv[4])
    set -l call $argv[5]
    set -e argv[1..5]
    if not set -q __cachex_source
        set -g __cachex_source (functions --no-details -- __cachex_begin __cachex_clear cachex_memoize cachex_forget cx __cachex_fault \
            __cachex_find __cachex_parse __cachex_call __cachex_remember __cachex_run __cachex_enter | string collect)
    end
    set -l decls "set -g __cachex_exe "(string escape -- $__cachex_exe)
    set -l text 'eval "$__cachex_source"' 'eval "$__cachex_values"; set -e __cachex_values' 'set -e argv[1]'
    set -l seen
    while set -q left[1] # what they use is used, too
        set -l one $left[1]
        set -e left[1]
        contains -- $one $seen; and continue
        set -a seen $one
        if not functions -q -- $one
            __cachex_fault "$name: --uses: $one is no function of this shell" "define it, or leave it out"
            return 125
        end
        set -l at (__cachex_find $one)
        if test -z "$at"
            set -a text (functions --no-details -- $one | string collect)
            continue
        end
        set -a text $__cachex_texts[$at]
        set -a decls "cachex_memoize $one --memory 0 --uses=$__cachex_uses[$at] --vars=$__cachex_vars[$at]$__cachex_flags[$at]"
        set -a left (string split -n , -- $__cachex_uses[$at])
        set -a held (string split -n , -- $__cachex_vars[$at])
    end
    set -l values
    for one in $held
        set -q $one; or continue
        set -l how -g
        set -qx $one; and set how -gx
        set -a values "set $how $one "(string join ' ' -- (string escape -- $$one))
    end
    if set -q held[1]
        set -a flags --env __cachex_values
    end
    set -a text "__cachex_enter "(string escape -- $name) "$call \$argv"
    set text (string join \n -- $text | string collect)
    set -l all "$text$decls$values$argv"
    if not test -x $__cachex_exe
        test "$__cachex_hinted" = gone; or echo "cachex: $name: not cached: $__cachex_exe is not there any more" >&2
        set -g __cachex_hinted gone
        set all
    else if test (string length -- "$all") -gt 30000
        echo "cachex: $name: not cached: its text, variables and arguments are more than a program is given here" >&2
        set all
    end
    if test -z "$all"
        set -l at (__cachex_find $name)
        if test -n "$at"
            set -l wrapper $__cachex_wrappers[$at]
            eval $__cachex_texts[$at]
            $name $argv </dev/null
            set -l code $status
            eval $wrapper
            return $code
        end
        $name $argv </dev/null
        return
    end
    set -lx __cachex_source $__cachex_source
    set -lx __cachex_decls (string join \n -- $decls | string collect)
    set -lx __cachex_values (string join \n -- : $values | string collect)
    command $__cachex_exe run $flags -- $__cachex_fish --no-config -c $text "$name()" $argv
    set -l code $status
    if test $code = 127 -a -z "$__cachex_hinted"
        set -g __cachex_hinted yes
        echo "cachex: hint: a function of this shell that $name calls must be named: --uses F,G" >&2
    end
    return $code
end

# __cachex_enter NAME: in the other shell, what was memoised is so again; but what was called is itself, under another name.
function __cachex_enter
    functions -q -- $argv[1]; and functions --copy -- $argv[1] __cachex_original
    __cachex_begin
    eval "$__cachex_decls"
    set -l source $__cachex_source
    set -e __cachex_decls
    set -e __cachex_source
    set -g __cachex_source $source
    set -gu __cachex_source $source
end

# Behind cx the command that is to be cached is completed as if it stood alone.
function __cachex_complete
    set -l words (commandline -opc) (commandline -ct)
    set -e words[1]
    while set -q words[2]
        switch $words[1]
            case --uses --vars --memory @FLAGS@
                set -e words[1]
            case '-*'
            case '*'
                break
        end
        set -e words[1]
    end
    set -l last $words[-1]
    set -e words[-1]
    set -q words[1]; and set words (string escape -- $words)
    complete -C "$words $last"
end
complete -c cx -f -a '(__cachex_complete)'

set -g __cachex_exe @CACHEX@
set -q __cachex_count; or __cachex_begin
