# cachex in bash: cachex_memoize, cachex_forget and cx, see cachex help init. Two of these in one shell are harmless.
#
# Whatever options the caller has are in force here, so every word is quoted and every failure caught; `builtin` and the names
# keep out of the way of what he has defined. Variables with __cx_ are local, and shared by the functions that call each other.
# In quotes there are texts for that shell.
# shellcheck disable=SC2016
#
# Of each memoised function the arrays hold what it was when it was memoised, at the index that its wrapper has. It runs in
# another bash, whose text is what the key is made of: the options that matter, the definitions, and the call. What is not to
# be in the key comes by the environment: these functions here, and what is memoised. Values of variables do, too, and are in
# the key by their digest.
#
# The memory has a number for each of its keys, and at that number the rest in arrays. 0 is what is not there. A key begins with the
# number of the surroundings: what every call depends on is long, so it is compared with what it was at the last call, in whole;
# and as a pattern, which need not be quoted anew each time.

function __cachex_begin {
    __cachex_count=0 __cachex_hinted=
    __cachex_names=() __cachex_texts=() __cachex_wrappers=()
    __cachex_flags=() __cachex_uses=() __cachex_vars=() # quoted; each name with a comma behind it
    __cachex_lives=() __cachex_looks=()                 # of the memory: how long, empty: never; what else is in its key
    __cachex_memory='' __cachex_process=${BASHPID-} __cachex_places=0 __cachex_where='' __cachex_around='' __cachex_pattern=''
    __cachex_here='$PWD?$SHELLOPTS?$BASHOPTS?${LANG+=$LANG}?${LC_ALL+=$LC_ALL}?${TZ+=$TZ}?${PATH+=$PATH}'
    __cachex_here=${__cachex_here//\?/$'\37'} # which no value in a key may hold
    if ((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4)); then
        __cachex_memory=yes
        \builtin unset -v __cachex_numbers
        \builtin declare -gA __cachex_numbers
        __cachex_clear
    fi
}

function __cachex_clear {
    __cachex_kept=0 __cachex_numbers=() __cachex_bodies=() __cachex_begins=(0) __cachex_ends=(0) __cachex_merged=(0)
    if [[ $__cachex_around ]]; then __cachex_numbers[$__cachex_around]=$__cachex_where; fi
}

# cachex_memoize NAME [FLAGS] [--uses F,G] [--vars A,B] [--memory D]
function cachex_memoize {
    \builtin local __cx_name="${1-}" __cx_flags __cx_uses __cx_vars __cx_life __cx_look __cx_words __cx_i __cx_text
    if [[ -z $__cx_name || $__cx_name == -* ]]; then
        __cachex_fault "cachex_memoize: no function given" "write cachex_memoize NAME [FLAGS] [--uses F,G] [--vars A,B] [--memory D]"
        \builtin return 125
    elif ! \builtin declare -F -- "$__cx_name" >/dev/null; then
        __cachex_fault "cachex_memoize: $__cx_name is no function of this shell" "define it first; programs and aliases are cached by cx $__cx_name"
        \builtin return 125
    elif [[ $__cx_name == *[[:space:]\'\"\$\`\\\;\&\|\<\>\(\)\{\}\*\?\[\]\!\#\~]* ]]; then
        __cachex_fault "cachex_memoize: a function with such a name cannot be memoised" "name it with letters, digits and - _ . :"
        \builtin return 125
    fi
    \builtin shift
    __cachex_parse cachex_memoize "$@" || \builtin return
    if ((__cx_words < $#)); then
        \builtin shift "$__cx_words"
        __cachex_fault "cachex_memoize: unexpected word \"$1\"" "behind the name there are only flags: cachex help init"
        \builtin return 125
    fi
    if __cachex_find "$__cx_name"; then
        __cx_text=${__cachex_texts[__cx_i]}
    else
        __cx_text=$(\builtin declare -f -- "$__cx_name")
    fi
    __cx_i=$__cachex_count
    __cachex_count=$((__cachex_count + 1))
    __cachex_names[__cx_i]=$__cx_name
    __cachex_texts[__cx_i]=$__cx_text
    __cachex_flags[__cx_i]=$__cx_flags
    __cachex_uses[__cx_i]=$__cx_uses
    __cachex_vars[__cx_i]=$__cx_vars
    __cachex_lives[__cx_i]=$__cx_life
    __cachex_looks[__cx_i]=$__cx_look
    __cachex_define "$(__cachex_wrapper)"
    __cachex_wrappers[__cx_i]=$(\builtin declare -f -- "$__cx_name")
    if [[ -z $__cachex_memory && $__cx_life && -z $__cachex_hinted ]]; then
        __cachex_hinted=yes
        \builtin printf 'cachex: bash %s has no memory for results, 4.4 has: each call asks the cache directory; --memory 0 says so\n' "$BASH_VERSION" >&2
    fi
    \builtin return 0
}

# cachex_forget NAME: the function is again what it was.
function cachex_forget {
    \builtin local __cx_i
    if ! __cachex_find "${1-}"; then
        __cachex_fault "cachex_forget: ${1:-nothing} is not memoised" "write cachex_forget NAME, of a function that cachex_memoize was told of"
        \builtin return 125
    fi
    __cachex_define "${__cachex_texts[__cx_i]}"
}

# cx [FLAGS] COMMAND [ARG...]: cachex run for programs, functions, aliases and what else the shell knows.
function cx {
    \builtin local __cx_flags __cx_uses __cx_vars __cx_life __cx_look __cx_words __cx_i __cx_name __cx_alias __cx_aliases='' __cx_e __cx_key=
    __cachex_errexit
    __cachex_parse cx "$@" || \builtin return
    \builtin shift "$__cx_words"
    if [[ -z ${1-} ]]; then
        __cachex_fault "cx: no command given" "write cx [FLAGS] COMMAND [ARG...]"
        \builtin return 125
    fi
    __cx_name=$1
    while \builtin alias "$__cx_name" >/dev/null 2>&1; do # one may begin with another, or with its own name
        __cx_alias=$(\builtin alias "$__cx_name")$'\n'
        [[ $__cx_aliases != *"$__cx_alias"* ]] || \builtin break
        __cx_aliases+=$__cx_alias
        \builtin eval "__cx_name=${__cx_alias#*=}"
        __cx_name=${__cx_name%%[[:space:]]*}
    done
    if \builtin declare -F -- "$__cx_name" >/dev/null; then
        if __cachex_find "$__cx_name"; then
            __cx_flags=${__cachex_flags[__cx_i]}$__cx_flags
            __cx_uses=${__cachex_uses[__cx_i]}$__cx_uses
            __cx_vars=${__cachex_vars[__cx_i]}$__cx_vars
        fi
        __cx_uses=$__cx_name,$__cx_uses
    elif [[ -z $__cx_aliases ]] && { \builtin type -P -- "$1" >/dev/null || ! \builtin type -- "$1" >/dev/null 2>&1; }; then
        \builtin eval "\"\$__cachex_exe\" run$__cx_flags -- \"\$@\""
        \builtin return
    fi
    __cx_name=$1
    \builtin shift
    __cachex_run "$@"
}

function __cachex_fault {
    \builtin printf 'cachex: %s\ncachex: hint: %s\n' "$1" "$2" >&2
}

# __cachex_find NAME: the index of a memoised function, if it is still that, in __cx_i.
function __cachex_find {
    \builtin local __cx_now
    __cx_now=$(\builtin declare -f -- "$1") || \builtin return
    for ((__cx_i = __cachex_count - 1; __cx_i >= 0; __cx_i--)); do
        if [[ ${__cachex_names[__cx_i]} == "$1" ]]; then
            [[ ${__cachex_wrappers[__cx_i]} == "$__cx_now" ]]
            \builtin return
        fi
    done
    \builtin return 1
}

# __cachex_define TEXT: makes functions, and expands no alias in them.
function __cachex_define {
    if \builtin shopt -q expand_aliases; then
        \builtin shopt -u expand_aliases
        \builtin eval "$1"
        \builtin shopt -s expand_aliases
    else
        \builtin eval "$1"
    fi
}

# __cachex_parse WHO WORD...: what the flags among the words say, up to the first that is none.
function __cachex_parse {
    \builtin local __cx_who="$1" __cx_flag __cx_value __cx_one __cx_two
    __cx_flags='' __cx_uses='' __cx_vars='' __cx_life=2s __cx_look='' __cx_words=0
    \builtin shift
    while (($#)); do
        __cx_flag=${1%%=*} __cx_value=${1#*=} __cx_two=
        case $1 in
        --) __cx_words=$((__cx_words + 1)) && \builtin break ;;
        --uses | --vars | --memory | @FLAGS@)
            if (($# < 2)); then
                __cachex_fault "$__cx_who: $1: no value given" "see cachex help init, and cachex run --help for the flags"
                \builtin return 125
            fi
            __cx_value=$2 __cx_two=yes ;;
        -?*) ;;
        *) \builtin break ;;
        esac
        case $__cx_flag in
        --uses | --vars)
            while [[ $__cx_value ]]; do
                __cx_one=${__cx_value%%,*}
                __cx_value=${__cx_value#"$__cx_one"}
                __cx_value=${__cx_value#,}
                if [[ $__cx_flag == --uses ]]; then
                    __cx_uses+=$__cx_one,
                elif ! __cachex_look "$__cx_one"; then
                    __cachex_fault "$__cx_who: --vars: \"$__cx_one\" is no name of a variable" "write --vars A,B"
                    \builtin return 125
                else
                    __cx_vars+=$__cx_one,
                fi
            done ;;
        --memory) if [[ $__cx_life ]]; then __cx_life=$__cx_value; fi ;;
        --key | --shell | --with-shell | --memory-fd | -c*)
            __cachex_fault "$__cx_who: $__cx_flag does not go with a function" "leave it out: the function and its arguments are the key"
            \builtin return 125 ;;
        *)
            case $__cx_flag in
            --env) # their values are looked at here, too
                while [[ $__cx_value ]]; do
                    __cx_one=${__cx_value%%,*}
                    __cx_value=${__cx_value#"$__cx_one"}
                    __cx_value=${__cx_value#,}
                    __cachex_look "$__cx_one" || __cx_life=
                done ;;
            --stdin | --replay | --status-fd | --explain | --warm | -*v*) __cx_life= ;;
            esac
            \builtin printf -v __cx_one ' %q' "$1"
            __cx_flags+=$__cx_one
            if [[ $__cx_two ]]; then
                \builtin printf -v __cx_one ' %q' "$2"
                __cx_flags+=$__cx_one
            fi ;;
        esac
        if [[ $__cx_two ]]; then
            __cx_words=$((__cx_words + 1))
            \builtin shift
        fi
        __cx_words=$((__cx_words + 1))
        \builtin shift
    done
    if [[ $__cx_life =~ ^0[a-z]*$ ]]; then __cx_life=; fi
}

# __cachex_wrapper: what stands in the place of a memoised function. The memory is looked at here, as each call of a function
# costs as much as that; but under errexit, whose keys are others, and for what only serves a caller whose two streams are one.
function __cachex_wrapper {
    if [[ -z $__cachex_memory || -z $__cx_life ]] || ((BASH_VERSINFO[0] < 5)); then
        \builtin printf 'function %s {\n    __cachex_call %s "$@"\n}' "$__cx_name" "$__cx_i"
        \builtin return
    fi
    \builtin printf 'function %s {
    if [[ %s == $__cachex_pattern ]] &&
        __cachex_at=${__cachex_numbers["$__cachex_where %s  ${@@Q}%s"]-0} &&
        ((EPOCHSECONDS < __cachex_ends[__cachex_at] && EPOCHSECONDS >= __cachex_begins[__cachex_at])); then
        \\builtin printf %%s "${__cachex_bodies[__cachex_at]}"
    else
        __cachex_call %s "$@"
    fi
}' "$__cx_name" "$__cachex_here" "$__cx_i" "$__cx_look" "$__cx_i"
}

# __cachex_look NAME: a variable is in the key of the memory from now on.
function __cachex_look {
    [[ $1 =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || \builtin return
    __cx_look+=" \${$1+$1}\${$1[*]@A}"
}

# __cachex_errexit: __cx_e is whether a failure here would end the shell. bash tells that only to a trap for ERR, and not to
# functions that inherit another one.
function __cachex_errexit {
    __cx_e=
    if [[ $- == *e* ]]; then
        __cx_e=yes
        if [[ $- != *E* ]]; then
            __cx_e=
            \builtin set +e
            \builtin trap '__cx_e=yes' ERR
            \builtin false
            \builtin trap - ERR
            \builtin set -e
        fi
    fi
}

# __cachex_call INDEX ARG...: a call of a memoised function.
function __cachex_call {
    \builtin local __cx_i="$1" __cx_e='' __cx_key='' __cx_name="${__cachex_names[$1]}" __cx_aliases=''
    \builtin local __cx_n __cx_flags="${__cachex_flags[$1]}" __cx_uses="${__cachex_names[$1]},${__cachex_uses[$1]}" __cx_vars="${__cachex_vars[$1]}"
    \builtin shift
    __cachex_errexit
    if [[ $__cachex_memory && ${__cachex_lives[__cx_i]} && -z ${CACHEX_CONTROL-} ]]; then
        __cachex_arrive
        \builtin eval "__cx_key=\"$__cachex_where $__cx_i $__cx_e${-//[!e]/} \${@@Q}${__cachex_looks[__cx_i]}\""
        __cx_n=${__cachex_numbers[$__cx_key]-0}
        if __cachex_recall; then
            \builtin printf %s "${__cachex_bodies[__cx_n]}"
            \builtin return
        fi
        if [[ $__cachex_process != "$BASHPID" ]]; then # in a subshell only what comes twice is worth it
            __cachex_process=$BASHPID __cx_key=
        elif [[ ! -e /dev/fd/1 || -z $__cachex_where ]]; then
            __cx_key=
        fi
    fi
    __cachex_run "$@"
}

# __cachex_arrive: the number of the surroundings, which is never used twice; empty for those that cannot be told from others.
function __cachex_arrive {
    \builtin local __cx_now __cx_marks
    \builtin eval "__cx_now=\"$__cachex_here\""
    \builtin test "$__cx_now" != "$__cachex_around" || \builtin return 0 # under nocasematch, too
    __cx_marks=${__cx_now//[!$'\37']/}
    if ((${#__cx_marks} != 6)); then
        __cachex_around='' __cachex_where='' __cachex_pattern=''
        \builtin return
    fi
    __cachex_where=${__cachex_numbers[$__cx_now]-}
    if [[ -z $__cachex_where ]]; then
        if ((__cachex_kept >= 256)); then __cachex_clear; fi
        __cachex_kept=$((__cachex_kept + 1)) __cachex_places=$((__cachex_places + 1))
        __cachex_where=$__cachex_places
        __cachex_numbers[$__cx_now]=$__cachex_where
    fi
    __cachex_around=$__cx_now __cachex_pattern=$__cx_now
    for __cx_now in "\\" '*' '?' '[' ']' '(' ')' '|' '!' '+' '@'; do
        __cachex_pattern=${__cachex_pattern//"$__cx_now"/"\\$__cx_now"}
    done
    if [[ :$BASHOPTS: == *:nocasematch:* ]]; then __cachex_pattern=''; fi
}

# __cachex_recall: the memory has the result of this call. What was recorded with both streams in one is for such callers.
function __cachex_recall {
    \builtin local __cx_now="${EPOCHSECONDS-}" __cx_end="${__cachex_ends[__cx_n]}"
    if ((__cachex_merged[__cx_n])) && [[ /dev/fd/1 -ef /dev/fd/2 ]]; then
        __cx_end=${__cachex_merged[__cx_n]}
    fi
    ((__cx_end)) || \builtin return
    if [[ -z $__cx_now ]]; then \builtin printf -v __cx_now '%(%s)T' -1; fi # bash 4.4
    ((__cx_now < __cx_end && __cx_now >= __cachex_begins[__cx_n]))
}

# __cachex_remember RECORD: cachex says what may be given again (cmd/call/memory.go). A second that has begun counts as over.
function __cachex_remember {
    \builtin local __cx_record="$1" __cx_begin __cx_end __cx_merged
    [[ $__cx_record == "cachex-memory-1 "*. ]] || \builtin return 0
    __cx_record=${__cx_record#* }
    __cx_begin=${__cx_record%% *} __cx_record=${__cx_record#* }
    __cx_end=${__cx_record%% *} __cx_record=${__cx_record#* }
    __cx_merged=${__cx_record%%$'\n'*} __cx_record=${__cx_record#*$'\n'}
    __cx_n=${__cachex_numbers[$__cx_key]-0}
    if ((__cx_n == 0)); then
        if ((__cachex_kept >= 256)); then __cachex_clear; fi
        __cx_n=$((__cachex_kept + 1))
        __cachex_kept=$__cx_n
        __cachex_numbers[$__cx_key]=$__cx_n
    fi
    __cachex_bodies[__cx_n]=${__cx_record%.}
    __cachex_begins[__cx_n]=$((__cx_begin / 1000000))
    __cachex_ends[__cx_n]=$((__cx_merged ? 0 : __cx_end / 1000000))
    __cachex_merged[__cx_n]=$((__cx_merged ? __cx_end / 1000000 : 0))
}

# __cachex_run ARG...: runs a function, or what else there is under its name, in another shell through cachex.
function __cachex_run {
    \builtin local __cx_text __cx_defs __cx_decls __cx_values='' __cx_code=0 __cx_record __cx_in __cx_out
    \builtin local -a __cx_command
    __cachex_compose || \builtin return
    \builtin eval "__cx_command=(run$__cx_flags)"
    if [[ $__cx_values ]]; then __cx_command+=(--env __cachex_values); fi
    if ! __cachex_fits "$__cx_text" "$__cx_decls" "$__cx_values" "$@"; then
        ( __cachex_define "$__cx_defs"; \builtin eval "$__cx_aliases $__cx_name \"\$@\"" ) </dev/null
        \builtin return
    fi
    __cx_command+=(-- "$BASH" --norc -c "$__cx_text" "$__cx_name()" "$@")
    if [[ -z $__cx_key ]]; then
        __cachex_source=$__cachex_source __cachex_decls=$__cx_decls __cachex_values=$__cx_values BASH_ENV='' \
            "$__cachex_exe" "${__cx_command[@]}" || __cx_code=$?
    else
        {
            __cx_record=$(
                \exec {__cx_in}>&1 >&"$__cx_out" {__cx_out}>&-
                \builtin unset -v "__cx_command[0]"
                __cachex_source=$__cachex_source __cachex_decls=$__cx_decls __cachex_values=$__cx_values BASH_ENV='' \
                    \exec "$__cachex_exe" run --memory "${__cachex_lives[__cx_i]}" --memory-fd "$__cx_in" "${__cx_command[@]}"
            ) || __cx_code=$?
        } {__cx_out}>&1
        \exec {__cx_out}>&-
        if ((__cx_code == 0)); then __cachex_remember "$__cx_record"; fi
    fi
    if ((__cx_code == 127)) && [[ -z $__cachex_hinted ]]; then
        __cachex_hinted=yes
        \builtin printf 'cachex: hint: a function of this shell that %s calls must be named: --uses F,G\n' "$__cx_name" >&2
    fi
    \builtin return "$__cx_code"
}

# __cachex_compose: the text of the other shell, what it is told besides, and the values of variables.
function __cachex_compose {
    \builtin local __cx_left="$__cx_uses" __cx_seen=, __cx_vleft __cx_one __cx_i __cx_o
    \builtin local -a __cx_plain __cx_held
    __cx_plain=() __cx_held=()
    if [[ -z ${__cachex_source-} ]]; then
        __cachex_source=$(\builtin declare -f __cachex_begin __cachex_clear cachex_memoize cachex_forget cx __cachex_fault __cachex_find \
            __cachex_define __cachex_parse __cachex_wrapper __cachex_look __cachex_errexit __cachex_call __cachex_arrive \
            __cachex_recall __cachex_remember __cachex_run __cachex_compose __cachex_options __cachex_fits __cachex_short __cachex_enter __cachex_again)
    fi
    \builtin printf -v __cx_decls '__cachex_exe=%q\n' "$__cachex_exe"
    if [[ ${BASH_ENV-} ]]; then
        \builtin printf -v __cx_o 'export BASH_ENV=%q\n' "$BASH_ENV"
        __cx_decls+=$__cx_o
    fi
    __cx_defs='' __cx_vleft=$__cx_vars
    while [[ $__cx_left ]]; do # what they use is used, too
        __cx_one=${__cx_left%%,*} __cx_left=${__cx_left#*,}
        [[ $__cx_seen != *",$__cx_one,"* ]] || \builtin continue
        __cx_seen+=$__cx_one,
        if ! \builtin declare -F -- "$__cx_one" >/dev/null; then
            __cachex_fault "$__cx_name: --uses: $__cx_one is no function of this shell" "define it, or leave it out"
            \builtin return 125
        elif ! __cachex_find "$__cx_one"; then
            __cx_plain+=("$__cx_one")
            \builtin continue
        fi
        __cx_defs+=${__cachex_texts[__cx_i]}$'\n'
        \builtin printf -v __cx_o 'cachex_memoize %q --memory 0 --uses %q --vars %q%s\n' \
            "$__cx_one" "${__cachex_uses[__cx_i]}" "${__cachex_vars[__cx_i]}" "${__cachex_flags[__cx_i]}"
        __cx_decls+=$__cx_o
        __cx_left+=${__cachex_uses[__cx_i]}
        __cx_vleft+=${__cachex_vars[__cx_i]}
    done
    if ((${#__cx_plain[@]})); then
        __cx_defs+=$(\builtin declare -f -- "${__cx_plain[@]}")$'\n'
    fi
    __cx_seen=,
    while [[ $__cx_vleft ]]; do
        __cx_one=${__cx_vleft%%,*} __cx_vleft=${__cx_vleft#*,}
        if [[ $__cx_seen != *",$__cx_one,"* ]]; then
            __cx_seen+=$__cx_one,
            __cx_held+=("$__cx_one")
        fi
    done
    if ((${#__cx_held[@]})); then # `:` stands for those that are not set
        __cx_values=:$'\n'$(\builtin declare -p "${__cx_held[@]}" 2>/dev/null) || __cx_values+=$'\n'
    fi
    __cx_text='eval "$__cachex_source"'$'\n'
    if [[ $__cx_values ]]; then __cx_text+='eval "$__cachex_values"; unset -v __cachex_values'$'\n'; fi
    __cachex_options
    __cx_text+="$__cx_name \"\$@\""
}

# __cachex_options: adds to the text the options that change what a function does, those for the parser before what it parses, and
# the definitions.
function __cachex_options {
    \builtin local __cx_o __cx_on='' __cx_set=''
    for __cx_o in assoc_expand_once cdable_vars compat31 compat32 compat40 compat41 compat42 compat43 compat44 dotglob execfail \
        extglob failglob globstar inherit_errexit lastpipe localvar_inherit localvar_unset nocaseglob nocasematch nullglob xpg_echo; do
        if [[ :${BASHOPTS-}: == *":$__cx_o:"* ]]; then __cx_on+=" $__cx_o"; fi
    done
    if [[ $__cx_on ]]; then __cx_text+="shopt -s$__cx_on"$'\n'; fi
    __cx_text+=$__cx_defs
    __cx_text+='__cachex_enter "${0%\(\)}"'$'\n'
    if [[ $__cx_aliases ]]; then __cx_text+="shopt -s expand_aliases"$'\n'$__cx_aliases; fi
    for __cx_o in allexport keyword noclobber noglob nounset physical pipefail posix; do
        if [[ :$SHELLOPTS: == *":$__cx_o:"* ]]; then __cx_set+=" -o $__cx_o"; fi
    done
    if [[ :$SHELLOPTS: != *:braceexpand:* ]]; then __cx_set+=" +o braceexpand"; fi
    if [[ $__cx_e ]]; then __cx_set+=" -o errexit"; fi
    if [[ $__cx_set ]]; then __cx_text+="set$__cx_set"$'\n'; fi
}

# __cachex_fits WORD...: cachex is there, and a program can be given all this: of one word Linux takes 128 KiB.
function __cachex_fits {
    if [[ ! -x $__cachex_exe ]]; then
        if [[ $__cachex_hinted != gone ]]; then
            \builtin printf 'cachex: %s: not cached: %s is not there any more\n' "$__cx_name" "$__cachex_exe" >&2
        fi
        __cachex_hinted=gone
        \builtin return 1
    fi
    \builtin local __cx_all=0
    while (($#)); do
        __cx_all=$((__cx_all + ${#1} + 1))
        if ((${#1} > 20000)) && ! __cachex_short "$1" || ((__cx_all > 300000)); then
            \builtin printf 'cachex: %s: not cached: its text, variables and arguments are more than a program can be given\n' "$__cx_name" >&2
            \builtin return 1
        fi
        \builtin shift
    done
}

# __cachex_short WORD: it has less than 128 KiB.
function __cachex_short {
    \builtin local LC_ALL=C
    ((${#1} < 131000))
}

# __cachex_enter NAME: in the other shell, what was memoised is so again; but a function that was called is itself, once.
function __cachex_enter {
    \builtin local __cx_i
    __cachex_begin
    \builtin export -n __cachex_source __cachex_decls
    \builtin unset -v BASH_ENV
    \builtin eval "$__cachex_decls"
    if __cachex_find "$1"; then
        __cachex_define "function $1 { __cachex_again $__cx_i
${__cachex_texts[__cx_i]#*\(\) }
}"
    fi
}

function __cachex_again {
    __cachex_define "${__cachex_wrappers[$1]}"
}

# Behind cx the command that is to be cached is completed as if it stood alone.
function __cachex_complete {
    \builtin local j=1
    while ((j < COMP_CWORD)); do
        case ${COMP_WORDS[j]} in
        --uses | --vars | --memory | @FLAGS@)
            if [[ ${COMP_WORDS[j + 1]} == "=" ]]; then ((j++)); fi # bash ends words there
            ((j += 2)) ;;
        -*) ((j++)) ;;
        *) \builtin break ;;
        esac
    done
    if ((j > COMP_CWORD)); then
        \builtin return
    elif \builtin declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$j"
    elif \builtin declare -F _command_offset >/dev/null; then
        _command_offset "$j"
    elif ((j == COMP_CWORD)); then
        \builtin mapfile -t COMPREPLY < <(\builtin compgen -c -- "${COMP_WORDS[j]}")
    fi
}
\builtin complete -o default -F __cachex_complete cx 2>/dev/null || :

__cachex_exe=@CACHEX@
if [[ -z ${__cachex_count-} ]]; then __cachex_begin; fi
