package clevertest_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// damage is a fault and what must be seen of it, beside what would be without.
type damage struct {
	fault clevertest.Fault
	want  func(got, genuine seen) bool
}

// damages are all faults that a single answer shows.
func damages() []damage {
	half := func(got, genuine seen) bool {
		return got.status == 200 && bytes.Equal(got.body, genuine.body[:len(genuine.body)/2])
	}
	status := func(code int, body string) func(got, genuine seen) bool {
		return func(got, _ seen) bool {
			return got.err == nil && got.status == code && strings.Contains(string(got.body), body) && (body != "" || len(got.body) == 0)
		}
	}
	same := func(got, genuine seen) bool { return got.err == nil && bytes.Equal(got.body, genuine.body) }
	reset := func(test func(at time.Duration) bool, buckets int) func(got, genuine seen) bool {
		return func(got, _ seen) bool {
			lines := got.header["X-Ratelimit-Reset"]
			values := strings.Split(strings.Join(lines, ","), ",")
			n, err := strconv.ParseInt(values[0], 10, 64)
			return got.status == 429 && len(got.body) == 0 && len(values) == buckets && err == nil && test(time.Until(time.Unix(n, 0))) &&
				strings.HasPrefix(got.header.Get("X-Ratelimit-Remaining"), "0")
		}
	}
	soon := func(at time.Duration) bool { return at > 0 && at <= time.Minute }
	return slices.Concat([]damage{
		{clevertest.Fault{Kind: "status", Status: 503}, status(503, "")},
		{clevertest.Fault{Kind: "status", Variant: "json", Status: 418, Text: `a "message"`}, status(418, `{"message":"a \"message\""}`)},
		{clevertest.Fault{Kind: "status", Variant: "html", Status: 200, Text: "<upkeep>"}, func(got, _ seen) bool {
			return got.status == 200 && strings.HasPrefix(got.header.Get("Content-Type"), "text/html") && bytes.Contains(got.body, []byte("&lt;upkeep&gt;"))
		}},
		{clevertest.Fault{Kind: "status", Variant: "empty", Status: 999, Headers: map[string][]string{"retry-after": {"7"}}}, func(got, _ seen) bool {
			return got.status == 999 && got.header.Get("Retry-After") == "7"
		}},
		{clevertest.Fault{Kind: "rate_limit"}, reset(soon, 1)},
		{clevertest.Fault{Kind: "rate_limit", Variant: "window", Delay: 5 * time.Minute, Buckets: "one"}, reset(func(at time.Duration) bool { return at > time.Minute && at <= 5*time.Minute }, 1)},
		{clevertest.Fault{Kind: "rate_limit", Variant: "past"}, reset(func(at time.Duration) bool { return at < 0 }, 1)},
		{clevertest.Fault{Kind: "rate_limit", Variant: "far"}, reset(func(at time.Duration) bool { return at > 100*time.Hour }, 1)},
		{clevertest.Fault{Kind: "rate_limit", Variant: "absent"}, func(got, _ seen) bool {
			return got.status == 429 && got.header["X-Ratelimit-Reset"] == nil && got.header.Get("X-Ratelimit-Remaining") == "0"
		}},
		{clevertest.Fault{Kind: "rate_limit", Buckets: "repeated"}, func(got, genuine seen) bool {
			return reset(soon, 2)(got, genuine) && len(got.header["X-Ratelimit-Bucket"]) == 2
		}},
		{clevertest.Fault{Kind: "rate_limit", Buckets: "list"}, func(got, genuine seen) bool {
			return reset(soon, 2)(got, genuine) && slices.Equal(got.header["X-Ratelimit-Bucket"], []string{"bearer, all"})
		}},
		{clevertest.Fault{Kind: "headers", Headers: map[string][]string{"Content-Type": {"text/html"}, "Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}, "Etag": {}}}, func(got, genuine seen) bool {
			return same(got, genuine) && got.header.Get("Content-Type") == "text/html" && got.header.Get("Date") == "Thu, 01 Jan 1970 00:00:00 GMT" && got.header["Etag"] == nil
		}},
		{clevertest.Fault{Kind: "framing", Framing: "length"}, func(got, genuine seen) bool {
			return same(got, genuine) && got.length == int64(len(genuine.body))
		}},
		{clevertest.Fault{Kind: "framing", Framing: "chunked"}, func(got, genuine seen) bool {
			return same(got, genuine) && slices.Equal(got.framing, []string{"chunked"})
		}},
		{clevertest.Fault{Kind: "framing", Framing: "close"}, func(got, genuine seen) bool {
			return same(got, genuine) && got.length == -1 && got.framing == nil
		}},

		{clevertest.Fault{Kind: "slow_start", Delay: time.Millisecond}, same},
		{clevertest.Fault{Kind: "drip", Bytes: 1000, Pause: time.Millisecond}, func(got, genuine seen) bool {
			return same(got, genuine) && got.length == int64(len(genuine.body))
		}},
		{clevertest.Fault{Kind: "drip", Bytes: 1000, Pause: time.Millisecond, Framing: "chunked"}, same},
		{clevertest.Fault{Kind: "stall", Delay: time.Millisecond}, func(got, genuine seen) bool { return half(got, genuine) && got.isCut() }},
		{clevertest.Fault{Kind: "stall", Delay: time.Millisecond, Bytes: 7, Framing: "chunked"}, func(got, genuine seen) bool {
			return got.isCut() && bytes.Equal(got.body, genuine.body[:7])
		}},
		{clevertest.Fault{Kind: "cut", Variant: "before"}, func(got, _ seen) bool { return got.status == 0 && got.isCut() }},
		{clevertest.Fault{Kind: "cut", Variant: "before", Reset: true}, func(got, _ seen) bool { return got.status == 0 && got.isReset() }},
		{clevertest.Fault{Kind: "cut", Variant: "in_headers"}, func(got, _ seen) bool { return got.status == 0 && got.isCut() }},
		{clevertest.Fault{Kind: "cut", Variant: "after_headers"}, func(got, _ seen) bool {
			return got.status == 200 && got.isCut() && len(got.body) == 0 && got.length > 0
		}},
		{clevertest.Fault{Kind: "cut"}, func(got, genuine seen) bool { return half(got, genuine) && got.isCut() && got.length > 0 }},
		{clevertest.Fault{Kind: "cut", Bytes: 100, Framing: "chunked"}, func(got, genuine seen) bool {
			return got.isCut() && bytes.Equal(got.body, genuine.body[:100]) && slices.Equal(got.framing, []string{"chunked"})
		}},
		{clevertest.Fault{Kind: "cut", Framing: "close"}, func(got, genuine seen) bool { return half(got, genuine) && got.err == nil && got.length == -1 }},
		{clevertest.Fault{Kind: "cut", Variant: "body", Reset: true}, func(got, genuine seen) bool {
			return got.isReset() && bytes.HasPrefix(genuine.body, got.body)
		}},

		{clevertest.Fault{Kind: "truncated"}, func(got, genuine seen) bool { return half(got, genuine) && got.err == nil }},
		{clevertest.Fault{Kind: "truncated", Bytes: 1 << 20, Framing: "chunked"}, func(got, genuine seen) bool {
			return got.err == nil && bytes.Equal(got.body, genuine.body[:len(genuine.body)-1])
		}},
		{clevertest.Fault{Kind: "empty_body"}, func(got, _ seen) bool { return got.status == 200 && got.err == nil && len(got.body) == 0 }},
		{clevertest.Fault{Kind: "trailing", Text: "\n<!-- -->"}, func(got, genuine seen) bool {
			return got.err == nil && string(got.body) == string(genuine.body)+"\n<!-- -->"
		}},
		{clevertest.Fault{Kind: "giant_body", Bytes: 3 << 20}, func(got, genuine seen) bool {
			return len(got.body) == 3<<20 && got.whole() && slices.Equal(got.ids(), genuine.ids())
		}},
		{clevertest.Fault{Kind: "giant_record", Bytes: 300_000, Skip: 2, Framing: "chunked"}, func(got, genuine seen) bool {
			text, _ := got.record(2)["garbage"].(string)
			return got.whole() && len(text) > 290_000 && slices.Equal(got.ids(), genuine.ids())
		}},
	}, shapeDamages(), recordDamages(), nextDamages())
}

// shapeDamages are JSON of another shape.
func shapeDamages() []damage {
	shape := func(variant string, want func(got, genuine seen) bool) damage {
		return damage{clevertest.Fault{Kind: "shape", Variant: variant}, func(got, genuine seen) bool {
			return got.status == 200 && got.err == nil && want(got, genuine)
		}}
	}
	data := func(want any) func(got, genuine seen) bool {
		return func(got, genuine seen) bool {
			return cmp.Equal(want, got.doc()["data"]) && cmp.Equal(genuine.doc()["links"], got.doc()["links"])
		}
	}
	links := func(want any) func(got, genuine seen) bool {
		return func(got, genuine seen) bool {
			return cmp.Equal(genuine.ids(), got.ids()) && cmp.Equal(want, got.doc()["links"])
		}
	}
	is := func(text string) func(got, genuine seen) bool {
		return func(got, _ seen) bool { return string(got.body) == text }
	}
	return []damage{
		shape("no_data", func(got, genuine seen) bool { _, has := got.doc()["data"]; return got.doc() != nil && !has }),
		shape("data_null", data(nil)), shape("data_object", data(map[string]any{})), shape("data_array", data([]any{})),
		shape("data_number", data(7.)), shape("data_string", data("records")),
		shape("data_twice", func(got, genuine seen) bool {
			return bytes.Count(got.body, []byte(`"data":[`)) == 2 && slices.Equal(got.ids(), genuine.ids())
		}),
		shape("items_number", data([]any{1., 2., 3.})), shape("items_array", data([]any{[]any{}, []any{}})),
		shape("links_number", links(7.)), shape("links_object", links(map[string]any{"next": "/v3.1/users"})),
		shape("next_number", links([]any{map[string]any{"rel": "next", "uri": 7.}})),
		shape("count_string", func(got, genuine seen) bool {
			return got.doc()["count"] == "many" && slices.Equal(got.ids(), genuine.ids())
		}),
		shape("resources", is(`{"resources":[]}`)), shape("object", is(`{}`)), shape("array", is(`[]`)), shape("number", is(`7`)),
		shape("string", is(`"records"`)), shape("null", is(`null`)), shape("no_json", is(`records`)),
	}
}

// recordDamages are pages of which the second and the third record are wrong.
func recordDamages() []damage {
	records := func(variant string, want func(got, genuine seen) bool) damage {
		return damage{clevertest.Fault{Kind: "records", Variant: variant, Records: 2, Skip: 1}, func(got, genuine seen) bool {
			n := len(got.items())
			return got.whole() && cmp.Equal(genuine.next(), got.next()) && want(got, genuine) &&
				cmp.Equal(genuine.items()[0], got.items()[0]) && cmp.Equal(genuine.items()[3:], got.items()[n-2:])
		}}
	}
	id := func(want any) func(got, genuine seen) bool {
		return func(got, genuine seen) bool {
			return cmp.Equal(want, got.record(1)["id"]) && cmp.Equal(want, got.record(2)["id"]) && cmp.Equal(genuine.record(2)["name"], got.record(2)["name"])
		}
	}
	data := func(want any) func(got, genuine seen) bool {
		return func(got, _ seen) bool {
			item, _ := got.items()[2].(map[string]any)
			return cmp.Equal(want, item["data"]) && item["uri"] != nil
		}
	}
	item := func(want any) func(got, genuine seen) bool {
		return func(got, _ seen) bool { return cmp.Equal(want, got.items()[1]) && cmp.Equal(want, got.items()[2]) }
	}
	return []damage{
		records("wrong_type", func(got, genuine seen) bool {
			r := got.record(1)
			return r["email"] == 7. && r["name"] == "garbage" && r["roles"] == "garbage" && slices.Equal(got.ids(), genuine.ids())
		}),
		{clevertest.Fault{Kind: "records", Field: "roles.student.grade"}, func(got, genuine seen) bool {
			grade := got.record(0)["roles"].(map[string]any)["student"].(map[string]any)["grade"]
			return got.whole() && grade == 7. && cmp.Equal(genuine.record(0)["name"], got.record(0)["name"]) && cmp.Equal(genuine.items()[1:], got.items()[1:])
		}},
		records("no_id", func(got, genuine seen) bool { _, has := got.record(1)["id"]; return !has }),
		records("number_id", id(1234567890.)), records("null_id", id(nil)), records("object_id", id(map[string]any{"$oid": "5f0000000000000000000a03"})),
		records("empty_id", id("")), records("odd_id", id("5f00\x00\n<b>")),
		records("null", data(nil)), records("number", data(7.)), records("array", data([]any{})), records("empty", data(map[string]any{})),
		records("null_item", item(nil)), records("number_item", item(7.)),
		records("unwrapped", func(got, genuine seen) bool { return cmp.Equal(any(genuine.record(1)), got.items()[1]) }),
		records("duplicate", func(got, genuine seen) bool {
			w := genuine.ids()
			return slices.Equal(got.ids(), []string{w[0], w[1], w[1], w[2], w[2], w[3], w[4]})
		}),
		records("out_of_order", func(got, genuine seen) bool {
			w := genuine.ids()
			return slices.Equal(got.ids(), []string{w[0], w[2], w[1], w[3], w[4]})
		}),
		{clevertest.Fault{Kind: "records", Variant: "deep", Depth: 50_000}, func(got, _ seen) bool {
			return got.err == nil && bytes.Contains(got.body, []byte(`"garbage":`+strings.Repeat("[", 50_000)+strings.Repeat("]", 50_000)))
		}},
	}
}

// nextDamages are next links that lead to where they should not.
func nextDamages() []damage {
	next := func(variant string, want func(link string, genuine seen) bool) damage {
		return damage{clevertest.Fault{Kind: "next", Variant: variant}, func(got, genuine seen) bool {
			link, _ := got.next().(string)
			return got.whole() && slices.Equal(got.ids(), genuine.ids()) && want(link, genuine)
		}}
	}
	self := func(genuine seen) string {
		return genuine.doc()["links"].([]any)[0].(map[string]any)["uri"].(string)
	}
	cursor := func(link string) string {
		_, after, _ := strings.Cut(link, "starting_after=")
		return after
	}
	custom := damage{clevertest.Fault{Kind: "next", Variant: "custom", Text: "//[::1"}, func(got, _ seen) bool { return got.next() == "//[::1" }}
	return []damage{
		next("", func(link string, genuine seen) bool { return link == self(genuine) }),
		next("self", func(link string, genuine seen) bool { return link == self(genuine) }),
		next("backwards", func(link string, genuine seen) bool { return cursor(link) < genuine.ids()[0] }),
		next("other_host", func(link string, genuine seen) bool {
			return link == "https://clever.example.net"+genuine.next().(string)
		}),
		next("other_list", func(link string, genuine seen) bool {
			return link == strings.Replace(genuine.next().(string), "/users", "/courses", 1)
		}),
		next("no_cursor", func(link string, _ seen) bool { return link == "/v3.1/users?limit=100" }),
		next("unusable", func(link string, _ seen) bool { return link == "%zz" }),
		{clevertest.Fault{Kind: "next", Variant: "empty"}, func(got, _ seen) bool { return got.next() == "" }},
		{clevertest.Fault{Kind: "next", Variant: "number"}, func(got, _ seen) bool { return got.next() == 7. }},
		{clevertest.Fault{Kind: "next", Variant: "missing"}, func(got, genuine seen) bool {
			return got.next() == nil && slices.Equal(got.ids(), genuine.ids())
		}},
		custom,
		{clevertest.Fault{Kind: "next", Variant: "endless"}, func(got, genuine seen) bool {
			link, _ := got.next().(string)
			return got.whole() && len(got.items()) == 0 && cursor(link) > cursor(self(genuine))
		}},
		{clevertest.Fault{Kind: "next", Variant: "repeat"}, func(got, genuine seen) bool {
			return got.ids()[4] == cursor(self(genuine)) && got.next() == genuine.next()
		}},
	}
}
