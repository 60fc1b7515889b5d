package remote

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/remote/contract"
)

// A directory that several machines share, NFS in mind: no locks, no hard links, nothing appended or changed in place.
// A value is <dir>/<prefix>/<ab>/<name>.cachex, where ab spreads names over 256 directories and slashes in the name are
// underscores. It is written beside itself and renamed, so a reader has the old file or the new one.
//
// A header of 32 bytes holds the size and the end of the life, as the writer's clock has it: mtimes are the server's,
// and copying changes them. What has ended is removed by who finds it.
//
// The directory must exist: where nothing is mounted there is no place to fill. No call waits for a mount that hangs
// when it is begun; a read or write that hangs in the middle cannot be ended, which is what soft mounts are for.

const (
	fileMagic   = "cachex f"
	fileHeader  = 32
	fileEnding  = ".cachex"
	fileComing  = ".tmp-" // begins the name of a file that is being written; a token follows
	fileStretch = 1 << 20 // bytes copied between two looks at the context
	fileMost    = 1 << 50 // bytes
)

type fileTier struct {
	place    string
	base     string // must exist
	root     string // is made
	patience time.Duration
	max      int64
}

func checkFile(c Config) error {
	switch {
	case c.URL.User != nil:
		return errors.New("a directory takes no user and password")
	case c.URL.Host != "" && c.URL.Host != "localhost":
		return fmt.Errorf("host %q: write file:///dir for a directory that is mounted here", c.URL.Host)
	case strings.Trim(c.URL.Path, "/") == "":
		return errors.New("no directory, as in file:///shared/dir")
	}
	return nil
}

func openFile(c Config) (Tier, error) {
	base := filepath.Clean(localPath(c.URL.Path))
	if !filepath.IsAbs(base) {
		return nil, fmt.Errorf("directory %q is not absolute", base)
	}
	return &fileTier{
		place: "file://" + c.URL.EscapedPath(), base: base, root: filepath.Join(base, filepath.FromSlash(c.lead())),
		patience: c.patience(), max: c.limit(fileMost),
	}, nil
}

// path is where a name is kept.
func (t *fileTier) path(name string) string {
	flat := strings.ReplaceAll(name, "/", "_") + fileEnding
	return filepath.Join(t.root, fanOf(flat), flat)
}

func fanOf(flat string) string {
	sum := sha256.Sum256([]byte(flat))
	return hex.EncodeToString(sum[:1])
}

func (t *fileTier) Get(ctx context.Context, name string) (*Value, error) {
	if err := contract.CheckName(name); err != nil {
		return nil, err
	}
	var v *Value
	err := beside(ctx, t.patience, func(ctx context.Context) (err error) {
		got, err := t.open(t.path(name))
		if err == nil && ctx.Err() != nil {
			got.Close() // nobody waits for it any more
			return ctx.Err()
		}
		v = got
		return err
	})
	if err != nil {
		return nil, t.fault(ctx, err)
	}
	v.ReadCloser = &fileValue{tier: t, ctx: ctx, from: v.ReadCloser, left: v.Size}
	return v, nil
}

func (t *fileTier) open(path string) (*Value, error) {
	f, err := t.openPlain(path)
	if err != nil {
		return nil, err
	}
	size, ends, err := readFileHeader(f)
	switch {
	case err != nil:
	case size > t.max:
		err = tooLarge(t.place, size, t.max)
	case !ends.IsZero() && !time.Now().Before(ends):
		t.remove(f, path)
		err = ErrAbsent
	default:
		return &Value{ReadCloser: f, Size: size}, nil
	}
	f.Close()
	return nil, err
}

// openPlain opens a file of ours: no link, no pipe, nothing that blocks.
func (t *fileTier) openPlain(path string) (*os.File, error) {
	if err := t.checkFan(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|plainOnly, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrAbsent
	}
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, errNotPlain)
	}
	return f, nil
}

var errNotPlain = fmt.Errorf("%w: something else than a file is in the place of a value", ErrServer)

// checkFan tells an absent value from an absent mount, and refuses a directory that is a link.
func (t *fileTier) checkFan(dir string) error {
	st, err := os.Lstat(dir)
	if err == nil && !st.IsDir() {
		return errNotPlain
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if st, err = os.Stat(t.base); err == nil && st.IsDir() {
		return ErrAbsent
	}
	return fmt.Errorf("%w: no such directory", ErrUnreachable)
}

// remove unlinks a value whose life has ended, unless there is another one by now. (One that comes in this very moment
// is lost: a miss.)
func (t *fileTier) remove(f *os.File, path string) {
	old, err := f.Stat()
	now, err2 := os.Lstat(path)
	if err == nil && err2 == nil && os.SameFile(old, now) {
		os.Remove(path)
	}
}

// fileHead is magic, end in Unix milliseconds (0: none), size, xxhash of these.
func fileHead(size int64, ends time.Time) []byte {
	b := []byte(fileMagic)
	var at uint64
	if !ends.IsZero() {
		at = uint64(ends.UnixMilli())
	}
	b = binary.LittleEndian.AppendUint64(b, at)
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

func readFileHeader(f *os.File) (size int64, ends time.Time, err error) {
	st, err := f.Stat()
	if err != nil {
		return 0, ends, err
	}
	b := make([]byte, fileHeader)
	if _, err := io.ReadFull(f, b); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, ends, err
	}
	return decodeFileHead(b, st.Size()-fileHeader)
}

var errFileDamaged = fmt.Errorf("%w: the file is damaged", ErrServer)

// decodeFileHead checks a header against the number of bytes that follow it.
func decodeFileHead(b []byte, follow int64) (size int64, ends time.Time, err error) {
	if len(b) != fileHeader || string(b[:8]) != fileMagic ||
		xxhash.Sum64(b[:24]) != binary.LittleEndian.Uint64(b[24:]) {
		return 0, ends, errFileDamaged
	}
	at, n := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	if n > fileMost || at > 1<<62 || int64(n) != follow {
		return 0, ends, errFileDamaged
	}
	if at != 0 {
		ends = time.UnixMilli(int64(at))
	}
	return int64(n), ends, nil
}

// fileValue is a file being read.
type fileValue struct {
	tier *fileTier
	ctx  context.Context
	from io.ReadCloser
	left int64
}

func (v *fileValue) Read(p []byte) (int, error) {
	if err := v.ctx.Err(); err != nil {
		return 0, v.tier.fault(v.ctx, err)
	}
	if v.left == 0 {
		return 0, io.EOF
	}
	n, err := v.from.Read(p[:min(int64(len(p)), v.left)])
	if v.left -= int64(n); errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the file became shorter", ErrServer)
	}
	return n, v.tier.fault(v.ctx, err)
}

func (v *fileValue) Close() error { return v.from.Close() }

func (t *fileTier) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, life time.Duration) error {
	if err := beginPut(t.place, name, body, size, t.max); err != nil {
		return err
	}
	path := t.path(name)
	if err := beside(ctx, t.patience,
		func(context.Context) error { return t.makeFan(filepath.Dir(path)) }); err != nil {
		return t.fault(ctx, err)
	}
	return t.fault(ctx, t.write(ctx, path, body, size, life))
}

// makeFan makes the directories below the one that must be there.
func (t *fileTier) makeFan(dir string) error {
	err := t.checkFan(dir)
	if !errors.Is(err, ErrAbsent) {
		return err
	}
	rel, err := filepath.Rel(t.base, dir)
	if err != nil {
		return err
	}
	at := t.base
	for part := range strings.SplitSeq(rel, string(filepath.Separator)) {
		at = filepath.Join(at, part)
		if err := os.Mkdir(at, 0o700); err == nil {
			err = os.Chmod(at, 0o700) // whatever the umask
			if err != nil {
				return err
			}
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return t.checkFan(dir)
}

// write leaves the whole value, or what was there before.
func (t *fileTier) write(ctx context.Context, path string, body io.Reader, size int64, life time.Duration) error {
	token, err := newToken()
	if err != nil {
		return err
	}
	// Not named after the value, whose name may be as long as names may be.
	coming := filepath.Join(filepath.Dir(path), fileComing+token+fileEnding)
	f, err := os.OpenFile(coming, os.O_WRONLY|os.O_CREATE|os.O_EXCL|plainOnly, 0o600)
	if err != nil {
		return err
	}
	err = fillFile(ctx, f, body, size, life)
	if closed := f.Close(); err == nil {
		err = closed // NFS reports a full disk here
	}
	if err == nil {
		err = os.Rename(coming, path)
	}
	if err != nil {
		os.Remove(coming)
	}
	return err
}

func fillFile(ctx context.Context, f *os.File, body io.Reader, size int64, life time.Duration) error {
	if err := f.Chmod(0o600); err != nil { // whatever the umask
		return err
	}
	var ends time.Time
	if life > 0 {
		ends = time.Now().Add(life)
	}
	if _, err := f.Write(fileHead(size, ends)); err != nil {
		return err
	}
	buffer := make([]byte, min(size, fileStretch))
	for left := size; left > 0; left -= int64(len(buffer)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		buffer = buffer[:min(left, int64(len(buffer)))]
		if err := fillBody(body, buffer); err != nil {
			return err
		}
		if _, err := f.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}

func (t *fileTier) Delete(ctx context.Context, name string) error {
	if err := contract.CheckName(name); err != nil {
		return err
	}
	return t.fault(ctx, beside(ctx, t.patience, func(context.Context) error {
		path := t.path(name)
		err := t.checkFan(filepath.Dir(path))
		if err == nil {
			err = removePlain(path)
		}
		if errors.Is(err, ErrAbsent) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}))
}

// removePlain unlinks what is no directory.
func removePlain(path string) error {
	st, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return errNotPlain
	}
	return os.Remove(path)
}

// isValue tells whether a file in a directory has the name and the place of a value.
func isValue(fan, flat string) bool {
	name, ok := strings.CutSuffix(flat, fileEnding)
	return ok && contract.CheckName(strings.ReplaceAll(name, "_", "/")) == nil && fanOf(flat) == fan
}

// isUnborn tells whether a file has the name of one that is being written.
func isUnborn(flat string) bool {
	token, ok := strings.CutSuffix(flat, fileEnding)
	token, ok2 := strings.CutPrefix(token, fileComing)
	b, err := hex.DecodeString(token)
	return ok && ok2 && err == nil && len(b) == 16
}

// Clear looks into the 256 directories, and removes regular files whose name and place are those of a value.
func (t *fileTier) Clear(ctx context.Context) (int, error) {
	removed := 0
	for fan := range 256 {
		if err := ctx.Err(); err != nil {
			return removed, t.fault(ctx, err)
		}
		n, err := t.clearFan(fmt.Sprintf("%02x", fan))
		removed += n
		if err != nil && !errors.Is(err, ErrAbsent) {
			return removed, t.fault(ctx, err)
		}
	}
	return removed, nil
}

func (t *fileTier) clearFan(fan string) (removed int, err error) {
	dir := filepath.Join(t.root, fan)
	if err := t.checkFan(dir); err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		value := isValue(fan, e.Name())
		if !e.Type().IsRegular() || !value && !isUnborn(e.Name()) {
			continue
		}
		switch err := os.Remove(filepath.Join(dir, e.Name())); {
		case err == nil && value:
			removed++
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return removed, err
		}
	}
	return removed, nil
}

func (t *fileTier) Close() error { return nil }

// fault gives an error its kind and place.
func (t *fileTier) fault(ctx context.Context, err error) error {
	if err != nil && hasKind(err) && !strings.HasPrefix(err.Error(), t.place) {
		return fmt.Errorf("%s: %w", t.place, err)
	}
	return fault(ctx, t.place, err)
}
