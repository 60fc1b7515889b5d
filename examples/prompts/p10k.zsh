# The context of kubectl: add `kube_context` to POWERLEVEL9K_RIGHT_PROMPT_ELEMENTS.
function prompt_kube_context() {
  local text
  text=$(cachex run -q --no-wait --ttl 10s --cwd none --env KUBECONFIG -- kubectl config current-context) || return 0
  p10k segment -f blue -t "${text//\%/%%}"
}
# Instant prompt may show it, too: it waits for nothing.
function instant_prompt_kube_context() { prompt_kube_context }
