package outputs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// A list is kept in these bytes, little endian: a version (1), the number of files (4), and for each its kind (1), its
// mode (2), its name with its length, when it was modified (8); of a regular file its size (8), the digest (32), and
// its parts, each as offset and length (8 + 8), with their number; of a link its text. Names rise.

const (
	listVersion = 1
	mostName    = 16 << 10 // bytes of a name, and of the text of a link
)

// ErrDamaged is what is no list, or no record.
var ErrDamaged = errors.New("damaged")

// Encode returns the bytes of a list.
func Encode(files []File) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte{listVersion}, uint32(len(files)))
	for i := range files {
		f := &files[i]
		b = le.AppendUint16(append(b, byte(f.Kind)), uint16(f.Perm))
		b = le.AppendUint64(appendText(b, f.Name), uint64(f.ModTime))
		switch f.Kind {
		case Regular:
			b = append(le.AppendUint64(b, uint64(f.Size)), f.Sum[:]...)
			b = le.AppendUint32(b, uint32(len(f.Data)))
			for _, e := range f.Data {
				b = le.AppendUint64(le.AppendUint64(b, uint64(e.Off)), uint64(e.Len))
			}
		case Link:
			b = appendText(b, f.Target)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// Decode reads a list of files of which so many bytes of contents are kept. Nothing is believed of it: names that lead
// out of the working directory, or through one another, are damage.
func Decode(b []byte, contents int64) ([]File, error) {
	d := decoder{b: b}
	if d.u8() != listVersion {
		return nil, fmt.Errorf("%w: no list of outputs", ErrDamaged)
	}
	var files []File
	kinds := map[string]Kind{}
	at, last := int64(0), ""
	for n := d.u32(); n > 0 && !d.bad; n-- {
		f := d.file()
		f.at = at
		at += f.stored()
		if d.bad || !isLocal(f.Name) || f.Name <= last || f.Kind == Link && leadsOut(f.Name, f.Target) || at < 0 {
			d.bad = true
			break
		}
		kinds[f.Name], last = f.Kind, f.Name
		files = append(files, f)
	}
	if d.bad || len(d.b) > 0 || at != contents || crosses(kinds) {
		return nil, fmt.Errorf("%w: list of outputs", ErrDamaged)
	}
	return files, nil
}

// crosses reports whether a file of a list lies below another one that is no directory.
func crosses(kinds map[string]Kind) bool {
	for name := range kinds {
		for dir := path.Dir(name); dir != path.Dir(dir); dir = path.Dir(dir) {
			if kind, there := kinds[dir]; there && kind != Directory {
				return true
			}
		}
	}
	return false
}

// decoder takes fields off a slice; bad says that one was not there or cannot be.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int64) []byte {
	if n < 0 || n > int64(len(d.b)) {
		d.b, d.bad = nil, true
		return make([]byte, 8)
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) u8() byte    { return d.take(1)[0] }
func (d *decoder) u16() uint16 { return binary.LittleEndian.Uint16(d.take(2)) }
func (d *decoder) u32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) i64() int64  { return int64(binary.LittleEndian.Uint64(d.take(8))) }

func (d *decoder) text() string {
	n := d.u32()
	d.bad = d.bad || n > mostName
	if d.bad {
		return ""
	}
	return string(d.take(int64(n)))
}

func (d *decoder) file() (f File) {
	f.Kind, f.Perm = Kind(d.u8()), fs.FileMode(d.u16())
	f.Name, f.ModTime = d.text(), d.i64()
	switch f.Kind {
	case Regular:
		f.Size = d.i64()
		copy(f.Sum[:], d.take(32))
		f.Data = d.extents(f.Size)
	case Directory:
	case Link:
		f.Target = d.text()
		d.bad = d.bad || f.Target == "" || f.Perm != 0
	default:
		d.bad = true
	}
	d.bad = d.bad || f.Perm&^fs.ModePerm != 0
	return f
}

// extents are parts of a file of a size, one behind another.
func (d *decoder) extents(size int64) (data []Extent) {
	end := int64(0)
	for n := d.u32(); n > 0 && !d.bad; n-- {
		e := Extent{d.i64(), d.i64()}
		if d.bad || e.Off < end || e.Len <= 0 || e.Len > size || e.Off > size-e.Len {
			d.bad = true
			return nil
		}
		end = e.Off + e.Len
		data = append(data, e)
	}
	d.bad = d.bad || size < 0
	return data
}
