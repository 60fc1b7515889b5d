
# __cachex_wrapped WORD...: how many of the words of a command line, up to the one that is being completed, stand before the
# command that is to be cached; nothing where there is none, or a flag is being completed.
__cachex_wrapped() {
    local n=0 takes=
    while [ $# -gt 0 ]; do
        case $1 in
        -c* | --shell | --shell=*) return ;;
        --) if [ $# -gt 1 ] && [ -n "$takes" ]; then echo $((n + 1)); fi; return ;;
        @FLAGS@) shift; n=$((n + 1)) ;;
        -*) ;;
        *)
            if [ -n "$takes" ]; then echo $n; return; fi
            case $1 in @COMMANDS@) takes=1 ;; *) return ;; esac ;;
        esac
        if [ $# -gt 0 ]; then shift; fi
        n=$((n + 1))
    done
}
