package runner

import "errors"

// delivery is the user's side of a stream: where it goes, and what stands before that.
type delivery struct {
	*output
	filter Filter // nil: nothing does
	left   []byte // what has passed the filter, and is to be written
}

// write takes some of b. errFull says to wait first. What a filter makes of it is left, see settle.
func (d *delivery) write(b []byte) (int, error) {
	if d.filter == nil {
		return d.output.write(b)
	}
	if err := d.drain(); err != nil {
		return 0, err
	}
	d.left = d.filter.Append(d.left[:0], b)
	return len(b), nil
}

// drain writes what is left, as far as there is room.
func (d *delivery) drain() error {
	for len(d.left) > 0 {
		n, err := d.output.write(d.left)
		d.left = d.left[n:]
		if err != nil {
			return err
		}
	}
	return nil
}

// writeAll writes b, and waits for room where it must.
func (d *delivery) writeAll(b []byte) error {
	for len(b) > 0 {
		n, err := d.write(b)
		b = b[n:]
		if errors.Is(err, errFull) {
			err = d.wait()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end writes what the filter has kept back.
func (d *delivery) end() error {
	if d.filter != nil {
		d.left = d.filter.End(d.left)
	}
	return d.settle()
}

// settle writes what is left, and waits for room where it must.
func (d *delivery) settle() error {
	for {
		err := d.drain()
		if errors.Is(err, errFull) {
			err = d.wait()
		} else if err == nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
