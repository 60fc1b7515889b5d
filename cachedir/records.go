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

// forgetRecords removes all records. What cannot be removed is left: nothing is decided by it.
func (d *cleaner) forgetRecords() {
	b, err := d.openUsage()
	if err == nil {
		defer b.close()
	}
	for _, records := range recordFolders {
		for i := range 256 {
			_ = d.v1.List(records+"/"+shard(byte(i)), func(name string) bool {
				id, perr := hashing.ParseKey(name)
				if perr != nil || id[0] != byte(i) {
					return true
				}
				if fi, serr := d.v1.Stat(recordName(records, id)); serr == nil && err == nil {
					d.dropRecord(b, candidate{key: id, records: records, bytes: onDisk(fi.Size)})
				} else {
					_ = d.v1.Remove(recordName(records, id))
				}
				return true
			})
		}
	}
}
