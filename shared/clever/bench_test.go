package clever

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cleversync/shared/roster"
)

const benchRecords = 2000

// benchUser is a student of 0.94 KB with the fields that Clever sends.
const benchUser = `{"data":{"created":"2021-03-02T22:24:53.347Z","district":"5a0c91b95c7cc000010d417c","email":"ana.ruiz%06d@students.example.org","last_modified":"2021-03-02T22:24:53.347Z","name":{"first":"Ana","last":"Ruiz-%06d","middle":"G"},"id":"5a25ffb0c1bc2a0036%06x","roles":{"student":{"credentials":{"district_username":"aruiz%06d"},"dob":"2/11/2007","ell_status":"N","enrollments":[],"ext":{"homeroom":"7B"},"frl_status":"Paid","gender":"F","gifted_status":"N","grade":"7","graduation_year":"2030","hispanic_ethnicity":"Y","home_language":"English","iep_status":"N","location":{"address":"1 Main Street","city":"Springfield","lat":"","lon":"","state":"NY","zip":"10459"},"preferred_name":{"first":"","middle":"","last":""},"race":"Caucasian","school":"5a25ff950a5f621109000005","schools":["5a25ff950a5f621109000005"],"section_504_status":"N","sis_id":"%09d","state_id":"231786324","student_number":"100095233","email":"ana.ruiz%06d@students.example.org"}}},"uri":"/v3.1/users/5a25ffb0c1bc2a0036%06x"}`

func benchPage(records int) []byte {
	var b strings.Builder
	b.WriteString(`{"data":[`)
	for i := range records {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, benchUser, i, i, i, i, i, i, i)
	}
	b.WriteString(`],"links":[{"rel":"self","uri":"/v3.1/users?limit=2000&role=student"}]}`)
	return []byte(b.String())
}

// bodyOf makes a body of bytes without a server.
func bodyOf(r io.Reader) *body {
	resp := &http.Response{Body: io.NopCloser(r), ContentLength: 1, ProtoMajor: 1}
	return newBody(resp, bounds{idle: 1 << 40, maxBody: 64 << 20, maxValue: 4 << 20}, func(error) {})
}

type wrappedUser struct {
	Data roster.SourceUser `json:"data"`
}

// BenchmarkDecode compares ways to decode a page of 2,000 users; what the
// client does is called "client". The numbers stand in decode.go.
func BenchmarkDecode(b *testing.B) {
	page := benchPage(benchRecords)
	for _, way := range []struct {
		name   string
		decode func(io.Reader) (int, error)
	}{
		{"client", decodeAsClient},
		{"one pass", decodeOnePass},
		{"v2 whole", decodeWhole},
		{"encoding json", decodeStandard},
		{"lenient", decodeSlowly},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := way.decode(bytes.NewReader(page)); n != benchRecords || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.N)*benchRecords/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(len(page))/benchRecords, "B/record")
		})
	}
}

func decodeAsClient(r io.Reader) (n int, err error) {
	_, err = readList(bodyOf(r), func(v jsontext.Value) error {
		if rec := decode[roster.SourceUser](v); !rec.Undecodable {
			n++
		}
		return nil
	})
	return n, err
}

// decodeOnePass decodes straight from the stream. A value of the wrong type
// then leaves no way back to the element's beginning.
func decodeOnePass(r io.Reader) (n int, err error) {
	b := bodyOf(r)
	_, err = readEnvelope(b, func(d *jsontext.Decoder) error {
		if err := open(d, '['); err != nil {
			return err
		}
		for peek(b, d) != ']' {
			var u wrappedUser
			if err := json.UnmarshalDecode(d, &u); err != nil {
				return err
			}
			n++
		}
		_, err := d.ReadToken()
		return err
	})
	return n, err
}

// decodeWhole holds the whole page.
func decodeWhole(r io.Reader) (int, error) {
	var page struct {
		Data []wrappedUser `json:"data"`
	}
	err := json.UnmarshalRead(r, &page, tolerant)
	return len(page.Data), err
}

// decodeStandard streams with the standard library's decoder.
func decodeStandard(r io.Reader) (n int, err error) {
	d := stdjson.NewDecoder(bodyOf(r))
	for range 3 { // { "data" [
		if _, err := d.Token(); err != nil {
			return n, err
		}
	}
	for d.More() {
		var u wrappedUser
		if err := d.Decode(&u); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// decodeSlowly takes the lenient path for every element.
func decodeSlowly(r io.Reader) (n int, err error) {
	_, err = readList(bodyOf(r), func(v jsontext.Value) error {
		if rec := decodeLeniently[roster.SourceUser](v); !rec.Undecodable {
			n++
		}
		return nil
	})
	return n, err
}
