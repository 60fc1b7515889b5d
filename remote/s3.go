package remote

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// s3://bucket/prefix: the protocol of Amazon S3 as AWS, MinIO, Ceph, R2, versitygw and others speak it. Options in the
// query: endpoint=http://127.0.0.1:9000 for a server that is not AWS, path-style=1 or 0 where the guess is wrong (a
// server's own name: path style; AWS: the bucket in the host name), region=, ca=FILE.
//
// Below the prefix are three folders: values/, leases/ and counts/. Slashes of a name are underscores there, which no
// name has: so one name may be the beginning of another also where a server keeps objects as files, and what lies
// deeper belongs to another prefix. Values have no end on such a server, whatever life they were stored with: Get does
// not see them after it, and a lifecycle rule of the bucket for PREFIX/values/ removes them. It must leave counts/
// alone: a count that begins again could come to a number that somebody remembers.
//
// Whether a life is over is judged by the server's own clock: an answer's Date less the object's Last-Modified. Both
// are cut to seconds, so one more second must have passed.

const (
	maxObject    = 5 << 30 // bytes; more would need several requests, and is nothing to keep in a cache
	maxSmall     = 4 << 10 // bytes of a lease or a count
	maxListing   = 4 << 20 // bytes of a listing of 1000 names
	metaLife     = "X-Amz-Meta-Cachex-Life"
	metaFence    = "X-Amz-Meta-Cachex-Fence"
	metaLease    = "X-Amz-Meta-Cachex-Lease"
	valuesFolder = "values/"
)

// errCondition is a conditional write that was refused: somebody else wrote before. It never leaves this package.
var errCondition = errors.New("the object has changed")

var bucketName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
})

// s3 is a Tier, a Leaser and a Counter.
type s3 struct {
	web     *web
	base    *url.URL // scheme and host, path to the bucket
	root    string   // leads all keys; ends in a slash
	region  string
	keys    credentials
	maxSize int64
	memory  s3Memory
}

// newS3 makes the tier; nothing is sent yet. Without any credentials every call is ErrDenied.
func newS3(cfg Config) (Tier, error) {
	s := &s3{region: awsRegion(cfg), keys: awsKeys(cfg), maxSize: cfg.limit(maxObject)}
	var err error
	if s.base, err = s3Base(cfg, s.region); err != nil {
		return nil, err
	}
	s.root = strings.Join([]string{strings.Trim(cfg.URL.Path, "/"), cfg.lead(), ""}, "/")
	s.root = strings.TrimLeft(s.root, "/")
	s.web, err = newWeb(cfg, cfg.place()+" ("+s.base.Host+")", false)
	return s, err
}

// checkS3 finds what is wrong with the URL.
func checkS3(cfg Config) error {
	_, err := s3Base(cfg, awsRegion(cfg))
	return err
}

// s3Base is the URL of the bucket.
func s3Base(cfg Config, region string) (*url.URL, error) {
	bucket := cfg.URL.Host
	if !bucketName().MatchString(bucket) {
		return nil, fmt.Errorf("no bucket name of 3 to 63 of a-z, 0-9, dot and hyphen, as in s3://bucket: %q", bucket)
	}
	options := cfg.URL.Query()
	endpoint := s3Endpoint(cfg)
	byPath := endpoint != ""
	if endpoint == "" {
		endpoint = awsEndpoint(region)
		byPath = strings.Contains(bucket, ".") // no certificate has a name of this many parts
	}
	base, err := url.Parse(endpoint)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil {
		return nil, errors.New("endpoint of s3 is no URL like https://host:port")
	}
	switch style := options.Get("path-style"); style {
	case "":
	case "0", "1":
		byPath = style == "1"
	default:
		return nil, fmt.Errorf("path-style=%s: neither 0 nor 1", style)
	}
	base = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}
	if byPath {
		base.Path += "/" + bucket
	} else {
		base.Host = bucket + "." + base.Host
	}
	return base, nil
}

// s3Endpoint is the server that was named; empty: the one of the region.
func s3Endpoint(cfg Config) string {
	if endpoint := cfg.URL.Query().Get("endpoint"); endpoint != "" || cfg.Lookup == nil {
		return endpoint
	}
	return cfg.either("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
}

func awsEndpoint(region string) string {
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain = "amazonaws.com.cn"
	}
	return "https://s3." + region + "." + domain
}

func (s *s3) Close() error { return s.web.close() }

// Get opens a value. A key that may not list the bucket is answered with 403 for a value that is not there, and that is
// ErrDenied: AWS says so, and nobody can tell the two apart.
func (s *s3) Get(ctx context.Context, name string) (*Value, error) {
	if err := contract.CheckName(name); err != nil {
		return nil, err
	}
	resp, err := s.send(ctx, s3Call{method: http.MethodGet, key: objectKey(valuesFolder, name)})
	s.memory.sawValue(name, resp, err)
	if err != nil {
		return nil, err
	}
	if life, isSet := lifeOf(resp); isSet && over(resp.Header, life) {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %w: its life is over", s.web.place, ErrAbsent)
	}
	return s.web.value(resp, s.maxSize)
}

// lifeOf is the life that an object was stored with.
func lifeOf(resp *http.Response) (time.Duration, bool) {
	ms, err := strconv.ParseInt(resp.Header.Get(metaLife), 10, 64)
	return time.Duration(ms) * time.Millisecond, err == nil && ms > 0
}

// over tells whether at least life has passed since the object was written. Where the server does not say, it has not.
func over(head http.Header, life time.Duration) bool { return left(head, life) <= 0 }

// left is what is left of life, which began when the object was written. Times are cut to seconds here, hence one more.
func left(head http.Header, life time.Duration) time.Duration {
	now, err := http.ParseTime(head.Get("Date"))
	if err != nil {
		return contract.Endless
	}
	written, err := http.ParseTime(head.Get("Last-Modified"))
	if err != nil {
		return contract.Endless
	}
	return life + time.Second - now.Sub(written)
}

// Put stores a value with its life beside it.
func (s *s3) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, life time.Duration) error {
	return s.put(ctx, name, body, size, lifeHeader(life))
}

func lifeHeader(life time.Duration) http.Header {
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	if life > 0 {
		header.Set(metaLife, strconv.FormatInt(max(life.Milliseconds(), 1), 10))
	}
	return header
}

func (s *s3) put(ctx context.Context, name string, body io.ReadSeeker, size int64, header http.Header) error {
	if err := contract.CheckName(name); err != nil {
		return err
	}
	if size > s.maxSize {
		return tooLarge(s.web.place, size, s.maxSize)
	}
	up := &upload{from: body, size: size}
	return s.write(ctx, s3Call{method: http.MethodPut, key: objectKey(valuesFolder, name), header: header, body: up})
}

// objectKey is where a name lies below the tier's root.
func objectKey(folder, name string) string { return folder + strings.ReplaceAll(name, "/", "_") }

// Delete removes a value.
func (s *s3) Delete(ctx context.Context, name string) error {
	if err := contract.CheckName(name); err != nil {
		return err
	}
	err := s.write(ctx, s3Call{method: http.MethodDelete, key: objectKey(valuesFolder, name)})
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}

// Clear removes values, a thousand at a time. Leases and counts stay: a fence or a generation that began again could
// meet its own past.
func (s *s3) Clear(ctx context.Context) (int, error) {
	total, after := 0, ""
	for {
		keys, next, err := s.list(ctx, after)
		if err != nil {
			return total, err
		}
		if len(keys) > 0 {
			n, err := s.deleteAll(ctx, keys)
			total += n
			if err != nil {
				return total, err
			}
		}
		if next == "" {
			return total, nil
		}
		after = next
	}
}

// s3Listing is an answer to ListObjectsV2.
type s3Listing struct {
	XMLName  xml.Name `xml:"ListBucketResult"`
	Contents []struct{ Key string }
	Next     string `xml:"NextContinuationToken"`
	Encoding string `xml:"EncodingType"`
}

// list is a page of keys of values; next is empty after the last one.
func (s *s3) list(ctx context.Context, after string) (keys []string, next string, err error) {
	folder := s.root + valuesFolder
	query := url.Values{"list-type": {"2"}, "prefix": {folder}, "delimiter": {"/"}, "encoding-type": {"url"}}
	if after != "" {
		query.Set("continuation-token", after)
	}
	var page s3Listing
	if err := s.ask(ctx, s3Call{method: http.MethodGet, query: query}, &page); err != nil {
		return nil, "", err
	}
	if page.Next != "" && page.Next == after {
		return nil, "", fmt.Errorf("%s: %w: a listing without end", s.web.place, ErrServer)
	}
	return page.keys(folder), page.Next, nil
}

// keys are those below a folder: whatever a server lists, nothing else is removed.
func (l s3Listing) keys(folder string) []string {
	var keys []string
	for _, object := range l.Contents {
		key := object.Key
		if l.Encoding == "url" {
			plain, err := url.QueryUnescape(key)
			if err != nil {
				continue
			}
			key = plain
		}
		if name, is := strings.CutPrefix(key, folder); is && name != "" && !strings.Contains(name, "/") {
			keys = append(keys, key)
		}
	}
	return keys
}

type s3Key struct{ Key string }

// deleteAll removes objects by their whole keys, and returns how many are gone.
func (s *s3) deleteAll(ctx context.Context, keys []string) (int, error) {
	request := struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool
		Object  []s3Key
	}{Quiet: true}
	for _, key := range keys {
		request.Object = append(request.Object, s3Key{key})
	}
	text, err := xml.Marshal(request)
	if err != nil {
		return 0, err
	}
	sum := md5.Sum(text) // the protocol demands one, and older servers know no other
	call := s3Call{
		method: http.MethodPost, query: url.Values{"delete": {""}},
		header: http.Header{
			"Content-Md5": {base64.StdEncoding.EncodeToString(sum[:])}, "Content-Type": {"application/xml"},
		},
		body: &upload{from: bytes.NewReader(text), size: int64(len(text))},
	}
	var answer struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Error   []struct{ Code string }
	}
	if err := s.ask(ctx, call, &answer); err != nil {
		return 0, err
	}
	gone := max(len(keys)-len(answer.Error), 0)
	if len(answer.Error) > 0 {
		kind := ErrServer
		if answer.Error[0].Code == "AccessDenied" {
			kind = ErrDenied
		}
		return gone, fmt.Errorf("%s: %w: %s", s.web.place, kind, errorCode(answer.Error[0].Code))
	}
	return gone, nil
}

// s3Call is a request to be signed and sent.
type s3Call struct {
	method string
	key    string // below the tier's root; empty: the bucket itself
	query  url.Values
	header http.Header
	body   *upload // nil: none
}

// write sends a call of which only the success matters.
func (s *s3) write(ctx context.Context, call s3Call) error {
	_, err := s.writeTagged(ctx, call)
	return err
}

// writeTagged is write for who needs the ETag of what was written; empty: the server does not tell.
func (s *s3) writeTagged(ctx context.Context, call s3Call) (tag string, err error) {
	resp, err := s.send(ctx, call)
	if err != nil {
		return "", err
	}
	finish(resp)
	return resp.Header.Get("Etag"), nil
}

// ask sends a call and reads the answer, which is XML.
func (s *s3) ask(ctx context.Context, call s3Call, answer any) error {
	resp, err := s.send(ctx, call)
	if err != nil {
		return err
	}
	defer finish(resp)
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxListing))
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s: %w: the answer is no XML: %s", s.web.place, ErrServer, plainText(err.Error()))
	}
	return nil
}

// send signs a call and sends it. A status that is no success is an error, and what remains of the answer is its
// headers.
func (s *s3) send(ctx context.Context, call s3Call) (*http.Response, error) {
	if s.keys.id == "" {
		return nil, fmt.Errorf("%s: %w: no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, "+
			"and the shared file has none for this profile", s.web.place, ErrDenied)
	}
	req, err := s.request(call)
	if err != nil {
		return nil, err
	}
	resp, err := s.web.do(ctx, req, call.body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK || call.method == http.MethodDelete && resp.StatusCode == http.StatusNoContent {
		return resp, nil
	}
	defer finish(resp)
	return resp, s.refused(call, resp)
}

func (s *s3) request(call s3Call) (*http.Request, error) {
	path := s.base.Path + "/"
	if call.key != "" {
		path += s.root + call.key
	}
	req := &http.Request{
		Method: call.method,
		URL: &url.URL{
			Scheme: s.base.Scheme, Host: s.base.Host, Path: path, RawPath: awsEscape(path, true),
			RawQuery: awsQuery(call.query),
		},
		Header: call.header.Clone(),
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	payload, err := digest(call.body)
	if err != nil {
		return nil, &bodyError{err}
	}
	s.keys.sign(req, s.region, payload, time.Now())
	return req, nil
}

// digest is the SHA-256 of a body, which the signature covers; the body is read once more for it. The protocol would do
// without over TLS, but there are servers (versitygw 1.8.0) that then store what has arrived of an upload that was cut.
func digest(body *upload) (string, error) {
	sum := sha256.New()
	if body != nil && body.size > 0 {
		if _, err := body.from.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
		switch _, err := io.CopyN(sum, body.from, body.size); {
		case err == io.EOF:
			return "", io.ErrUnexpectedEOF
		case err != nil:
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// refused gives an answer that is no success its kind. A condition fails also where the object was removed meanwhile,
// and where another conditional write is under way.
func (s *s3) refused(call s3Call, resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxSmall))
	var answer struct{ Code string }
	_ = xml.Unmarshal(text, &answer) // an answer of something between us and the server has no code
	code := errorCode(answer.Code)
	conditional := call.header.Get("If-Match") != "" || call.header.Get("If-None-Match") != ""
	switch {
	case code == "NoSuchBucket":
		return fmt.Errorf("%s: %w: no such bucket", s.web.place, ErrServer)
	case code == "EntityTooLarge":
		return fmt.Errorf("%s: %w: status %d %s", s.web.place, ErrTooLarge, resp.StatusCode, code)
	case conditional && (resp.StatusCode == http.StatusPreconditionFailed || resp.StatusCode == http.StatusConflict ||
		resp.StatusCode == http.StatusNotFound):
		return errCondition
	case call.method == http.MethodPut && resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w: status 404 %s", s.web.place, ErrServer, code)
	}
	if region := errorCode(resp.Header.Get("X-Amz-Bucket-Region")); region != "" && region != s.region {
		code += ", the bucket is in region " + region
	}
	return s.web.refusal(resp, strings.TrimLeft(code, ", "))
}

// errorCode is a word of the server that is fit for a message; a text that is not one is dropped.
func errorCode(s string) string {
	if !codeWord().MatchString(s) {
		return ""
	}
	return s
}

var codeWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`) })
