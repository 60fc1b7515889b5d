package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConverses(t *testing.T) {
	for _, line := range []string{
		"bash", "/bin/sh", "bash -l", "bash -o vi", "zsh -i", "sh -", "bash --rcfile x", "bash -x +e", "bash -s x",
		"sh --", "fish", "python3", "python3.12", "python3 -u", "python3 -W error", "python3 -i m.py", "python3 -",
		"node", "node -r x", "node --require x", "perl", "ruby", "php -a", "lua", "irb", "R",
		"docker run -it alpine", "docker run -i -t alpine", "podman exec -ti c sh",
		"docker run --interactive --tty a", "kubectl exec -it p -- sh", "kubectl exec --stdin --tty p -- sh",
		"docker run -dit a", "kubectl run p -i --tty=true --image a", "sudo docker exec -it c sh",
		"env -i X=1 bash", "timeout 5 python3", "sh -c bash",
	} {
		require.True(t, Converses(strings.Fields(line)), line)
	}
	for _, line := range []string{
		"bash x.sh", "bash -c true", "sh -ec true", "bash -lc true", "bash -o pipefail -c true", "bash --version",
		"sh -- x", "bash -x x.sh", "python3 m.py", "python3 -m http", "python3 -um http", "python3 -V",
		"python3 -X dev m.py", "node x.js", "node -p 1", "node --eval 1", "node --version", "node -v",
		"perl -ne print", "ruby -e 1", "php x.php", "kubectl exec p -- sh -it", "docker run -t alpine",
		"docker run --rm alpine ls", "docker inspect -format x", "kubectl get pods", "docker run -i a", "ls", "cat",
		"make -it", "nice -n 5 sh x.sh", "sudo ls", "env", "sh -c date",
	} {
		require.False(t, Converses(strings.Fields(line)), line)
	}
	require.False(t, Converses(nil))
	require.True(t, Converses([]string{"sh", "-c", "exec docker run -it alpine"}))
	require.False(t, Converses([]string{"sh", "-c", "cat x | bash"}), "stdin of that shell is a pipe")
}
