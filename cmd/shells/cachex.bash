
# Behind the flags of cachex the command that is to be cached is completed as if it stood alone.
__cachex() {
    local cur prev words cword n i j=0 piece
    __cachex_words || return
    n=$(__cachex_wrapped "${words[@]:1:cword}")
    if [ -z "$n" ]; then
        __start_cachex
        return
    fi
    for ((i = 0; i <= n; i++)); do # words are whole, where those of bash end at each = and :
        piece=
        while [[ $piece != "${words[i]}" ]] && ((j < COMP_CWORD)); do piece+=${COMP_WORDS[j++]}; done
    done
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$j"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$j"
    elif ((j == COMP_CWORD)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[j]}")
    fi
}

# __cachex_words gets the words of the command line; without the package bash-completion, as bash has them.
__cachex_words() {
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n "=:" words cword
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    fi
}

if [[ $(type -t compopt) = "builtin" ]]; then
    complete -o default -F __cachex cachex
else
    complete -o default -o nospace -F __cachex cachex
fi
