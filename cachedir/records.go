package cachedir

import "github.com/cachex-cli/cachex/hashing"

// Records are files that are no entries, and take room and are cleaned as those are. Each lies in its folder under its
// id, in one of 256 folders by the first byte of that.

const (
	recordsOfCommands = "commands"
	recordsOfFiles    = "manifests"
)

var recordFolders = [...]string{recordsOfCommands, recordsOfFiles}

func recordName(records string, id hashing.Key) string {
	return records + "/" + shard(id[0]) + "/" + id.String()
}
