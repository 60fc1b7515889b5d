package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConverses(t *testing.T) {
	for line, want := range map[string]bool{
		"bash": true, "/bin/sh": true, "bash -l": true, "bash -o vi": true, "zsh -i": true, "sh -": true, "bash --rcfile x": true, "bash -x +e": true,
		"bash x.sh": false, "bash -c true": false, "sh -ec true": false, "bash -lc true": false, "bash -o pipefail -c true": false, "bash --version": false,
		"bash -s x": true, "sh -- x": false, "sh --": true, "bash -x x.sh": false, "fish": true,
		"python3": true, "python3.12": true, "python3 -u": true, "python3 -W error": true, "python3 -i m.py": true, "python3 -": true,
		"python3 m.py": false, "python3 -m http": false, "python3 -um http": false, "python3 -V": false, "python3 -X dev m.py": false,
		"node": true, "node -r x": true, "node --require x": true, "node x.js": false, "node -p 1": false, "node --eval 1": false, "node --version": false, "node -v": false,
		"perl": true, "perl -ne print": false, "ruby": true, "ruby -e 1": false, "php -a": true, "php x.php": false, "lua": true, "irb": true, "R": true,
		"docker run -it alpine": true, "docker run -i -t alpine": true, "podman exec -ti c sh": true, "docker run --interactive --tty a": true,
		"kubectl exec -it p -- sh": true, "kubectl exec --stdin --tty p -- sh": true, "kubectl exec p -- sh -it": false, "docker run -dit a": true,
		"docker run -t alpine": false, "docker run --rm alpine ls": false, "docker inspect -format x": false, "kubectl get pods": false,
		"kubectl run p -i --tty=true --image a": true, "docker run -i a": false,
		"ls": false, "cat": false, "make -it": false,
		"sudo docker exec -it c sh": true, "env -i X=1 bash": true, "timeout 5 python3": true, "nice -n 5 sh x.sh": false, "sudo ls": false,
		"env": false, "sh -c bash": true, "sh -c date": false,
	} {
		require.Equal(t, want, Converses(strings.Fields(line)), line)
	}
	require.False(t, Converses(nil))
	require.True(t, Converses([]string{"sh", "-c", "exec docker run -it alpine"}))
	require.False(t, Converses([]string{"sh", "-c", "cat x | bash"}), "stdin of that shell is a pipe")
}
