
# Behind the flags of cachex the command that is to be cached is completed as if it stood alone.
_cachex() {
    local n=$(__cachex_wrapped "${(@)words[2,CURRENT]}")
    if [[ -z $n ]]; then
        __cachex_own "$@"
        return
    fi
    shift $((n + 1)) words
    (( CURRENT -= n + 1 ))
    _normal
}

