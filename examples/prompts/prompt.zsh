# What git says of this directory, before the prompt.
setopt prompt_subst
function prompt_git() {
  local text
  text=$(cachex run -q --no-wait --ttl 5s -- git status --short --branch) || return 0
  print -rn -- "${${text%%$'\n'*}//\%/%%} "
}
PROMPT='$(prompt_git)%# '
