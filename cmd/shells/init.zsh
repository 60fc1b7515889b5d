# cachex in zsh: cachex_memoize, cachex_forget and cx, see cachex help init. Two of these in one shell are harmless.
#
# Functions that have much to do begin with emulate -L zsh; the others mean the same under all options of the caller. The names of
# builtins stand behind a backslash, which keeps them from being aliases. Variables with __cx_ are local, and shared by the
# functions that call each other.
#
# Of each memoised function the arrays hold what it was when it was memoised, under the number that its wrapper has. It runs in
# another zsh, whose words are what the key is made of: the options that matter, and a text with the definitions and the call.
# What is not to be in the key comes by the environment: these functions here, and what is memoised. Values of variables do,
# too, and are in the key by their digest.

function __cachex_begin {
    \builtin emulate -L zsh
    \builtin typeset -g __cachex_count=0 __cachex_hinted= __cachex_kept=0 __cachex_memory= __cachex_process=$ZSH_SUBSHELL
    \builtin typeset -gA __cachex_names __cachex_texts __cachex_wrappers __cachex_flags __cachex_uses __cachex_vars
    \builtin typeset -gA __cachex_lives __cachex_looks __cachex_bodies __cachex_begins __cachex_ends __cachex_merged
    \builtin typeset -g __cachex_zsh=/proc/$$/exe
    \builtin typeset -g __cachex_places=0 __cachex_where= __cachex_around= __cachex_here __cachex_asked
    \builtin typeset -gA __cachex_numbers # of surroundings, which are long: a key begins with theirs
    __cachex_here='$PWD?$-?${LANG+=$LANG}?${LC_ALL+=$LC_ALL}?${TZ+=$TZ}?${PATH+=$PATH}'
    __cachex_here=${__cachex_here//\?/$'\37'} # which no value in a key may hold
    __cachex_zsh=${__cachex_zsh:A}
    if [[ ! -x $__cachex_zsh ]]; then __cachex_zsh=${commands[zsh]:-zsh}; fi
    if \builtin zmodload zsh/datetime 2>/dev/null; then __cachex_memory=yes; fi
}

# cachex_memoize NAME [FLAGS] [--uses F,G] [--vars A,B] [--memory D]
function cachex_memoize {
    \builtin emulate -L zsh
    \builtin local __cx_name=$1 __cx_flags __cx_uses __cx_vars __cx_life __cx_look __cx_words __cx_i __cx_text
    if [[ -z $__cx_name || $__cx_name == -* ]]; then
        __cachex_fault "cachex_memoize: no function given" "write cachex_memoize NAME [FLAGS] [--uses F,G] [--vars A,B] [--memory D]"
        \builtin return 125
    elif (( ! ${+functions[$__cx_name]} )); then
        __cachex_fault "cachex_memoize: $__cx_name is no function of this shell" "define it first; programs and aliases are cached by cx $__cx_name"
        \builtin return 125
    elif [[ $__cx_name == *[[:space:]\'\"\$\`\\\;\&\|\<\>\(\)\{\}\*\?\[\]\!\#\~\^=]* ]]; then
        __cachex_fault "cachex_memoize: a function with such a name cannot be memoised" "name it with letters, digits and - _ . :"
        \builtin return 125
    fi
    \builtin shift
    __cachex_parse cachex_memoize "$@" || \builtin return
    if (( __cx_words < $# )); then
        \builtin shift $__cx_words
        __cachex_fault "cachex_memoize: unexpected word \"$1\"" "behind the name there are only flags: cachex help init"
        \builtin return 125
    fi
    if __cachex_find "$__cx_name"; then
        __cx_text=$__cachex_texts[$__cx_i]
    else
        __cx_text=$(__cachex_definition "$__cx_name")
    fi
    __cx_i=$__cachex_count
    __cachex_count=$(( __cachex_count + 1 ))
    __cachex_names[$__cx_i]=$__cx_name
    __cachex_texts[$__cx_i]=$__cx_text
    __cachex_flags[$__cx_i]=$__cx_flags
    __cachex_uses[$__cx_i]=$__cx_uses
    __cachex_vars[$__cx_i]=$__cx_vars
    __cachex_lives[$__cx_i]=$__cx_life
    __cachex_looks[$__cx_i]=$__cx_look
    __cachex_define "$(__cachex_wrapper)"
    __cachex_wrappers[$__cx_i]=$functions[$__cx_name]
    if [[ -z $__cachex_memory && -n $__cx_life && -z $__cachex_hinted ]]; then
        __cachex_hinted=yes
        \builtin print -ru2 -- "cachex: this zsh has no module zsh/datetime, and so no memory for results: each call asks the cache directory; --memory 0 says so"
    fi
    \builtin return 0
}

# cachex_forget NAME: the function is again what it was. It is parsed under the options that the caller has.
function cachex_forget {
    \builtin local __cx_i
    if ! __cachex_find "${1-}"; then
        __cachex_fault "cachex_forget: ${1:-nothing} is not memoised" "write cachex_forget NAME, of a function that cachex_memoize was told of"
        \builtin return 125
    fi
    __cachex_define "${__cachex_texts[$__cx_i]}"
}

# cx [FLAGS] COMMAND [ARG...]: cachex run for programs, functions, aliases and what else the shell knows.
function cx {
    \builtin local __cx_e= __cx_i= __cx_key= __cx_aliases=
    __cachex_errexit
    __cachex_cx "$@"
}

function __cachex_cx {
    \builtin local -A __cx_options
    __cx_options=("${(@kv)options[@]}")
    \builtin emulate -L zsh
    \builtin local __cx_flags __cx_uses __cx_vars __cx_life __cx_look __cx_words __cx_name
    __cachex_parse cx "$@" || \builtin return
    \builtin shift $__cx_words
    if [[ -z $1 ]]; then
        __cachex_fault "cx: no command given" "write cx [FLAGS] COMMAND [ARG...]"
        \builtin return 125
    fi
    __cx_name=$1
    while (( ${+aliases[$__cx_name]} )) && [[ $__cx_aliases != *"aliases[$__cx_name]"* ]]; do # one may begin with another
        __cx_aliases+="aliases[$__cx_name]=${(q+)aliases[$__cx_name]}"$'\n'
        __cx_name=${aliases[$__cx_name]%%[[:space:]]*}
    done
    if (( ${+functions[$__cx_name]} )); then
        if __cachex_find "$__cx_name"; then
            __cx_flags=$__cachex_flags[$__cx_i]$__cx_flags
            __cx_uses=$__cachex_uses[$__cx_i]$__cx_uses
            __cx_vars=$__cachex_vars[$__cx_i]$__cx_vars
        fi
        __cx_uses=$__cx_name,$__cx_uses
    elif [[ -z $__cx_aliases ]] && { \builtin whence -p -- "$1" >/dev/null || ! \builtin whence -- "$1" >/dev/null }; then
        \builtin eval "\"\$__cachex_exe\" run$__cx_flags -- \"\$@\""
        \builtin return
    fi
    __cx_name=$1
    \builtin shift
    __cachex_run "$@"
}

function __cachex_fault {
    \builtin print -ru2 -- "cachex: $1"
    \builtin print -ru2 -- "cachex: hint: $2"
}

# __cachex_find NAME: the number of a memoised function, if it is still that, in __cx_i.
function __cachex_find {
    \builtin emulate -L zsh
    (( ${+functions[$1]} )) || \builtin return 1
    for (( __cx_i = __cachex_count - 1; __cx_i >= 0; __cx_i-- )); do
        if [[ $__cachex_names[$__cx_i] == "$1" ]]; then
            [[ $__cachex_wrappers[$__cx_i] == "$functions[$1]" ]]
            \builtin return
        fi
    done
    \builtin return 1
}

# __cachex_definition NAME...: prints definitions, of what is loaded when it is called, too.
function __cachex_definition {
    \builtin emulate -L zsh
    \builtin local __cx_f
    for __cx_f in "$@"; do
        if [[ $functions[$__cx_f] == "builtin autoload"* ]]; then \builtin autoload +X -- "$__cx_f"; fi
    done
    \builtin functions -- "$@"
}

# __cachex_define TEXT: makes functions, and expands no alias in them.
function __cachex_define {
    \builtin setopt localoptions noaliases
    \builtin eval "$1"
}

# __cachex_parse WHO WORD...: what the flags among the words say, up to the first that is none.
function __cachex_parse {
    \builtin local __cx_who=$1 __cx_flag __cx_value __cx_one __cx_two
    __cx_flags= __cx_uses= __cx_vars= __cx_life=2s __cx_look= __cx_words=0
    \builtin shift
    while (( $# )); do
        __cx_flag=${1%%=*} __cx_value=${1#*=} __cx_two=
        case $1 in
        --) __cx_words=$(( __cx_words + 1 )) && \builtin break ;;
        --uses | --vars | --memory | @FLAGS@)
            if (( $# < 2 )); then
                __cachex_fault "$__cx_who: $1: no value given" "see cachex help init, and cachex run --help for the flags"
                \builtin return 125
            fi
            __cx_value=$2 __cx_two=yes ;;
        -?*) ;;
        *) \builtin break ;;
        esac
        case $__cx_flag in
        --uses) __cx_uses+=${__cx_value%,}, ;;
        --vars)
            for __cx_one in "${(@s:,:)__cx_value}"; do
                if ! __cachex_look "$__cx_one"; then
                    if [[ -z $__cx_one ]]; then \builtin continue; fi
                    __cachex_fault "$__cx_who: --vars: \"$__cx_one\" is no name of a variable" "write --vars A,B"
                    \builtin return 125
                fi
                __cx_vars+=$__cx_one,
            done ;;
        --memory) if [[ -n $__cx_life ]]; then __cx_life=$__cx_value; fi ;;
        --key | --shell | --with-shell | --memory-fd | -c*)
            __cachex_fault "$__cx_who: $__cx_flag does not go with a function" "leave it out: the function and its arguments are the key"
            \builtin return 125 ;;
        *)
            case $__cx_flag in
            --env) # their values are looked at here, too
                for __cx_one in "${(@s:,:)__cx_value}"; do __cachex_look "$__cx_one" || __cx_life=; done ;;
            --stdin | --replay | --status-fd | --explain | --warm | -*v*) __cx_life= ;;
            esac
            __cx_flags+=" ${(q+)1}"
            if [[ -n $__cx_two ]]; then __cx_flags+=" ${(q+)2}"; fi ;;
        esac
        if [[ -n $__cx_two ]]; then
            __cx_words=$(( __cx_words + 1 ))
            \builtin shift
        fi
        __cx_words=$(( __cx_words + 1 ))
        \builtin shift
    done
    if [[ ${__cx_uses//,/} == '' ]]; then __cx_uses=; fi
    if [[ $__cx_life =~ '^0[a-z]*$' ]]; then __cx_life=; fi
}

# __cachex_look NAME: a variable is in the key of the memory from now on.
function __cachex_look {
    [[ $1 =~ '^[A-Za-z_][A-Za-z0-9_]*$' ]] || \builtin return 1
    __cx_look+=" \${$1+$1}\${(t)$1-}\${(j: :)\${(@qkv)$1[@]-}}"
}

# __cachex_wrapper: what stands in the place of a memoised function. The memory is looked at here, as each call of a function
# costs as much as that; but under errexit, whose keys are others, and for what only serves a caller whose two streams are one.
function __cachex_wrapper {
    if [[ -z $__cachex_memory || -z $__cx_life ]]; then
        \builtin print -r -- "function $__cx_name {
    __cachex_call $__cx_i \"\$@\"
}"
        \builtin return
    fi
    \builtin print -r -- "function $__cx_name {
    if [[ \"$__cachex_here\" == \"\$__cachex_around\" ]] &&
        __cachex_asked=\"\$__cachex_where $__cx_i  \${(j: :)\${(@q)@}}$__cx_look\" &&
        (( EPOCHREALTIME < \${__cachex_ends[\$__cachex_asked]:-0} && EPOCHREALTIME >= \${__cachex_begins[\$__cachex_asked]:-0} )); then
        \\builtin print -rn -- \"\${__cachex_bodies[\$__cachex_asked]}\"
    else
        __cachex_call $__cx_i \"\$@\"
    fi
}"
}

# __cachex_errexit: __cx_e is whether a failure here would end the shell. zsh tells that only to a trap.
function __cachex_errexit {
    __cx_e=
    if [[ -o errexit ]]; then
        function {
            \builtin setopt localoptions localtraps noerrexit
            \builtin trap '__cx_e=yes' ZERR
            \builtin false
            \builtin true
        }
    fi
}

# __cachex_call NUMBER ARG...: a call of a memoised function.
function __cachex_call {
    \builtin local __cx_e= __cx_aliases= __cx_key= __cx_now=
    \builtin eval "__cx_now=\"$__cachex_here\""
    __cachex_errexit
    __cachex_called "$@" || \builtin return # so that errexit finds the failure where the function stood
}

function __cachex_called {
    \builtin local __cx_set=$-
    \builtin local -A __cx_options
    __cx_options=("${(@kv)options[@]}")
    \builtin emulate -L zsh
    \builtin local __cx_i=$1 __cx_name=$__cachex_names[$1] __cx_flags=$__cachex_flags[$1]
    \builtin local __cx_uses=$__cachex_names[$1],$__cachex_uses[$1] __cx_vars=$__cachex_vars[$1]
    \builtin shift
    if [[ -n $__cachex_memory && -n $__cachex_lives[$__cx_i] && -z $CACHEX_CONTROL ]]; then
        __cachex_arrive
        \builtin eval "__cx_key=\"$__cachex_where $__cx_i $__cx_e${__cx_set//[^e]/} \${(j: :)\${(@q)@}}$__cachex_looks[$__cx_i]\""
        if __cachex_recall; then
            \builtin print -rn -- "$__cachex_bodies[$__cx_key]"
            \builtin return
        fi
        if [[ $__cachex_process != $ZSH_SUBSHELL ]]; then # in a subshell only what comes twice is worth it
            __cachex_process=$ZSH_SUBSHELL __cx_key=
        elif [[ ! -e /dev/fd/1 || -z $__cachex_where ]]; then
            __cx_key=
        fi
    else
        __cx_key=
    fi
    __cachex_run "$@" || \builtin return
}

# __cachex_arrive: the number of the surroundings, which is never used twice; empty for those that cannot be told from others.
function __cachex_arrive {
    [[ $__cx_now != "$__cachex_around" ]] || \builtin return 0
    if (( ${#${__cx_now//[^$'\37']/}} != 5 )); then
        __cachex_around= __cachex_where=
        \builtin return 0
    fi
    __cachex_where=${__cachex_numbers[$__cx_now]-}
    if [[ -z $__cachex_where ]]; then
        if (( __cachex_kept >= 256 )); then __cachex_clear; fi
        __cachex_kept=$(( __cachex_kept + 1 )) __cachex_places=$(( __cachex_places + 1 ))
        __cachex_where=$__cachex_places
        __cachex_numbers[$__cx_now]=$__cachex_where
    fi
    __cachex_around=$__cx_now
}

function __cachex_clear {
    __cachex_bodies=() __cachex_begins=() __cachex_ends=() __cachex_merged=() __cachex_numbers=() __cachex_kept=0
    if [[ -n $__cachex_around ]]; then __cachex_numbers[$__cachex_around]=$__cachex_where; fi
}

# __cachex_recall: the memory has the result of this call. What was recorded with both streams in one is for such callers.
function __cachex_recall {
    \builtin local __cx_end=${__cachex_ends[$__cx_key]-}
    if [[ -z $__cx_end && -n ${__cachex_merged[$__cx_key]-} && /dev/fd/1 -ef /dev/fd/2 ]]; then
        __cx_end=$__cachex_merged[$__cx_key]
    fi
    [[ -n $__cx_end ]] && (( EPOCHREALTIME < __cx_end && EPOCHREALTIME >= ${__cachex_begins[$__cx_key]} ))
}

# __cachex_remember RECORD: cachex says what may be given again (cmd/call/memory.go).
function __cachex_remember {
    \builtin local __cx_record=$1 __cx_begin __cx_end __cx_merged
    [[ $__cx_record == "cachex-memory-1 "*. ]] || \builtin return 0
    __cx_record=${__cx_record#* }
    __cx_begin=${__cx_record%% *} __cx_record=${__cx_record#* }
    __cx_end=${__cx_record%% *} __cx_record=${__cx_record#* }
    __cx_merged=${__cx_record%%$'\n'*} __cx_record=${__cx_record#*$'\n'}
    if [[ -z ${__cachex_begins[$__cx_key]-} ]]; then
        if (( __cachex_kept >= 256 )); then __cachex_clear; fi
        __cachex_kept=$(( __cachex_kept + 1 ))
    fi
    __cachex_bodies[$__cx_key]=${__cx_record%.}
    __cachex_begins[$__cx_key]=${__cx_begin%??????}.${__cx_begin: -6}
    __cachex_ends[$__cx_key]= __cachex_merged[$__cx_key]=
    if (( __cx_merged )); then
        __cachex_merged[$__cx_key]=${__cx_end%??????}.${__cx_end: -6}
    else
        __cachex_ends[$__cx_key]=${__cx_end%??????}.${__cx_end: -6}
    fi
}

# __cachex_run ARG...: runs a function, or what else there is under its name, in another shell through cachex.
function __cachex_run {
    \builtin local __cx_text __cx_defs __cx_decls __cx_values= __cx_code=0 __cx_record __cx_in __cx_out
    \builtin local -a __cx_command __cx_set
    __cachex_compose || \builtin return
    \builtin eval "__cx_command=($__cx_flags)"
    if [[ -n $__cx_values ]]; then __cx_command+=(--env __cachex_values); fi
    if ! __cachex_fits "$__cx_text" "$__cx_decls" "$__cx_values" "$@"; then
        ( __cachex_define "$__cx_defs"; \builtin eval "$__cx_aliases"; \builtin eval "$__cx_name \"\$@\"" ) </dev/null
        \builtin return
    fi
    __cx_command+=(-- "$__cachex_zsh" -f $__cx_set -c "$__cx_text" "$__cx_name()" "$@")
    \builtin local -x __cachex_source=$__cachex_source __cachex_decls=$__cx_decls __cachex_values=$__cx_values
    if [[ -z $__cx_key ]]; then
        "$__cachex_exe" run "${(@)__cx_command}" || __cx_code=$?
    else
        \exec {__cx_out}>&1
        __cx_record=$(
            \exec {__cx_in}>&1 >&$__cx_out {__cx_out}>&-
            \exec "$__cachex_exe" run --memory "$__cachex_lives[$__cx_i]" --memory-fd $__cx_in "${(@)__cx_command}"
        ) || __cx_code=$?
        \exec {__cx_out}>&-
        if (( __cx_code == 0 )); then __cachex_remember "$__cx_record"; fi
    fi
    if (( __cx_code == 127 )) && [[ -z $__cachex_hinted ]]; then
        __cachex_hinted=yes
        \builtin print -ru2 -- "cachex: hint: a function of this shell that $__cx_name calls must be named: --uses F,G"
    fi
    \builtin return $__cx_code
}

# __cachex_compose: the text of the other shell, its options, what it is told besides, and the values of variables.
function __cachex_compose {
    \builtin local __cx_one __cx_i
    \builtin local -a __cx_left __cx_seen __cx_plain __cx_held
    if [[ -z ${__cachex_source-} ]]; then
        \builtin typeset -g __cachex_source="$(\builtin functions -- __cachex_begin cachex_memoize cachex_forget cx __cachex_cx __cachex_fault \
            __cachex_find __cachex_definition __cachex_define __cachex_parse __cachex_wrapper __cachex_look __cachex_errexit __cachex_call __cachex_arrive __cachex_clear \
            __cachex_called __cachex_recall __cachex_remember __cachex_run __cachex_compose __cachex_options __cachex_fits __cachex_short \
            __cachex_enter __cachex_again)"
    fi
    __cx_decls="__cachex_exe=${(q+)__cachex_exe}"$'\n'
    __cx_defs=
    __cx_left=("${(@s:,:)__cx_uses}") __cx_held=("${(@s:,:)__cx_vars}")
    while (( $#__cx_left )); do # what they use is used, too
        __cx_one=$__cx_left[1]
        \builtin shift __cx_left
        if [[ -z $__cx_one ]] || (( ${__cx_seen[(Ie)$__cx_one]} )); then \builtin continue; fi
        __cx_seen+=("$__cx_one")
        if (( ! ${+functions[$__cx_one]} )); then
            __cachex_fault "$__cx_name: --uses: $__cx_one is no function of this shell" "define it, or leave it out"
            \builtin return 125
        elif ! __cachex_find "$__cx_one"; then
            __cx_plain+=("$__cx_one")
            \builtin continue
        fi
        __cx_defs+=$__cachex_texts[$__cx_i]$'\n'
        __cx_decls+="cachex_memoize $__cx_one --memory 0 --uses ${(q+)__cachex_uses[$__cx_i]} --vars ${(q+)__cachex_vars[$__cx_i]}$__cachex_flags[$__cx_i]"$'\n'
        __cx_left+=("${(@s:,:)__cachex_uses[$__cx_i]}")
        __cx_held+=("${(@s:,:)__cachex_vars[$__cx_i]}")
    done
    if (( $#__cx_plain )); then __cx_defs+=$(__cachex_definition "${(@)__cx_plain}")$'\n'; fi
    __cx_held=(${(u)__cx_held:#})
    if (( $#__cx_held )); then __cx_values=:$'\n'$(\builtin typeset -p -- "${(@)__cx_held}" 2>/dev/null); fi
    __cx_text='function { emulate -L zsh; eval "$__cachex_source"; }'$'\n'
    if [[ -n $__cx_values ]]; then __cx_text+='eval "$__cachex_values"; unset __cachex_values'$'\n'; fi
    __cx_text+=$__cx_defs
    __cx_text+='__cachex_enter "${0%\(\)}"'$'\n'$__cx_aliases
    __cachex_options
    if [[ -n $__cx_aliases ]]; then
        __cx_text+="eval '$__cx_name \"\$@\"'"
    else
        __cx_text+="$__cx_name \"\$@\""
    fi
    \builtin return 0
}

# __cachex_options: the options that change what a function does. The parser must know them before the text, all but those that
# would change what happens before the call.
function __cachex_options {
    \builtin local __cx_o
    \builtin emulate -LR zsh
    for __cx_o in "${(@ok)options}"; do
        case $__cx_o in
        interactive* | login | shinstdin | monitor | zle | *rcs | privileged | restricted | singlecommand | exec | hist* | *history* | prompt* | auto* | \
            bang* | *beep | list* | menu* | complete* | always* | notify | hup | check* | emacs | vi | flowcontrol | mail* | correct* | xtrace | verbose | \
            local* | alias* | transientrprompt | combiningchars | singlelinezle | overstrike | recexact | rm* | bgnice | longlistjobs | hash* | dvorak | \
            sun* | pathscript | inc* | extendedhistory | share* | chaselinks | cdsilent | pushd* | stdin | globalexport | nobeep | forcefloat_) ;;
        errexit) if [[ -n $__cx_e ]]; then __cx_text+=$'setopt errexit\n'; fi ;;
        errreturn | unset | warncreateglobal)
            if [[ $__cx_options[$__cx_o] != $options[$__cx_o] ]]; then
                if [[ $__cx_options[$__cx_o] == on ]]; then __cx_text+="setopt $__cx_o"$'\n'; else __cx_text+="unsetopt $__cx_o"$'\n'; fi
            fi ;;
        *)
            if [[ $__cx_options[$__cx_o] == $options[$__cx_o] ]]; then
                :
            elif [[ $__cx_options[$__cx_o] == on ]]; then
                __cx_set+=(-o "$__cx_o")
            else
                __cx_set+=(+o "$__cx_o")
            fi ;;
        esac
    done
}

# __cachex_fits WORD...: cachex is there, and a program can be given all this: of one word Linux takes 128 KiB.
function __cachex_fits {
    if [[ ! -x $__cachex_exe ]]; then
        if [[ $__cachex_hinted != gone ]]; then
            \builtin print -ru2 -- "cachex: $__cx_name: not cached: $__cachex_exe is not there any more"
        fi
        __cachex_hinted=gone
        \builtin return 1
    fi
    \builtin local __cx_all=0
    while (( $# )); do
        __cx_all=$(( __cx_all + $#1 + 1 ))
        if (( $#1 > 20000 )) && ! __cachex_short "$1" || (( __cx_all > 300000 )); then
            \builtin print -ru2 -- "cachex: $__cx_name: not cached: its text, variables and arguments are more than a program can be given"
            \builtin return 1
        fi
        \builtin shift
    done
}

# __cachex_short WORD: it has less than 128 KiB.
function __cachex_short {
    \builtin setopt localoptions nomultibyte
    (( $#1 < 131000 ))
}

# __cachex_enter NAME: in the other shell, what was memoised is so again; but a function that was called is itself, once.
function __cachex_enter {
    \builtin local __cx_i __cx_text
    \builtin typeset +x -g __cachex_source __cachex_decls __cachex_values
    __cachex_begin
    \builtin eval "$__cachex_decls"
    if [[ -z $__cachex_values ]]; then \builtin unset __cachex_values; fi
    if __cachex_find "$1"; then
        __cx_text=${__cachex_texts[$__cx_i]}
        __cachex_define "function $1 { __cachex_again $__cx_i
${__cx_text#*\(\) }
}"
    fi
}

function __cachex_again {
    functions[${__cachex_names[$1]}]=${__cachex_wrappers[$1]}
}

# Behind cx the command that is to be cached is completed as if it stood alone.
function __cachex_complete {
    \builtin local n=1
    while (( n + 1 < CURRENT )); do
        case $words[n+1] in
        --uses | --vars | --memory | @FLAGS@) (( n += 2 )) ;;
        -*) (( n += 1 )) ;;
        *) \builtin break ;;
        esac
    done
    if (( n >= CURRENT )); then \builtin return; fi
    \builtin shift $n words
    (( CURRENT -= n ))
    _normal
}

# __cachex_completes tells the completion system, when it is there.
function __cachex_completes {
    if (( ${+functions[compdef]} )); then
        compdef __cachex_complete cx
        precmd_functions=("${(@)precmd_functions:#__cachex_completes}")
    fi
}
if [[ -o interactive ]]; then
    if (( ${+functions[compdef]} )); then compdef __cachex_complete cx; else precmd_functions+=(__cachex_completes); fi
fi

__cachex_exe=@CACHEX@
if [[ -z ${__cachex_count-} ]]; then __cachex_begin; fi
