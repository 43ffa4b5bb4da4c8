package clever_test

import (
	"slices"
	"strings"
	"time"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
)

// trials are all kinds of faults with what the client must make of them, by
// the table of error codes: what did not arrive whole is clever_unavailable,
// what arrived and cannot be used clever_bad_response, and a list that has no
// end or no order snapshot_incomplete.
func trials() []trial {
	return slices.Concat(statusTrials(), limitTrials(), wireTrials(), bodyTrials(), shapeTrials(), recordTrials(), nextTrials(), districtTrials())
}

func statusTrials() []trial {
	own := map[string]want{"tokens": badForGood} // a refusal of our application is not one of a district
	status := func(code int, page want, others map[string]want) trial {
		return trial{fault: clevertest.Fault{Kind: "status", Variant: "json", Status: code, Text: planted}, page: page, others: others}
	}
	return []trial{
		status(400, badForGood, nil), status(401, revoked, own), status(402, badForGood, nil), status(403, badForGood, nil),
		status(404, notShared, own), status(408, badForGood, nil), status(413, badForGood, nil), status(418, badForGood, nil),
		status(429, limited(unsaid, unsaid), nil),
		status(500, unavailable, nil), status(501, unavailable, nil), status(502, unavailable, nil), status(503, unavailable, nil), status(599, unavailable, nil), status(999, unavailable, nil),
		status(204, bad, nil), status(206, bad, nil), status(304, bad, nil),
		{fault: clevertest.Fault{Kind: "status", Status: 302, Headers: map[string][]string{"Location": {"https://clever.example.net/" + planted}}}, page: bad},
		{fault: clevertest.Fault{Kind: "status", Status: 200}, page: bad},
		{fault: clevertest.Fault{Kind: "status", Variant: "html", Status: 200, Text: planted}, page: bad},
		{fault: clevertest.Fault{Kind: "status", Variant: "json", Status: 200, Text: planted}, page: bad},
		{fault: clevertest.Fault{Kind: "status", Variant: "empty", Status: 503}, page: unavailable},
		{fault: clevertest.Fault{Kind: "status", Variant: "html", Status: 404, Text: planted}, page: notShared, others: own},
		{fault: clevertest.Fault{Kind: "status", Variant: "html", Status: 502, Text: planted, Framing: "close"}, page: unavailable},
	}
}

// limitTrials are storms of 429. A wait is never longer than 90 seconds, since
// a window has 60.
func limitTrials() []trial {
	const minute = time.Minute
	window := limited(minute-5*time.Second, minute)
	limit := func(f clevertest.Fault, page want) trial {
		f.Kind = "rate_limit"
		return trial{fault: f, page: page}
	}
	return []trial{
		limit(clevertest.Fault{Variant: "window"}, window), limit(clevertest.Fault{Buckets: "repeated"}, window), limit(clevertest.Fault{Buckets: "list"}, window),
		limit(clevertest.Fault{Variant: "past"}, limited(time.Second, time.Second)), limit(clevertest.Fault{Variant: "far"}, limited(90*time.Second, 90*time.Second)),
		limit(clevertest.Fault{Variant: "absent"}, limited(unsaid, unsaid)),
		limit(clevertest.Fault{Headers: map[string][]string{"Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}}}, limited(90*time.Second, 90*time.Second)),
		limit(clevertest.Fault{Headers: map[string][]string{"Date": {"yesterday"}}}, window), limit(clevertest.Fault{Headers: map[string][]string{"Date": {}}}, window),
	}
}

// wireTrials are answers that come slowly, in part, or not at all.
func wireTrials() []trial {
	unframed := clevertest.Fault{Kind: "framing", Framing: "close"}
	return []trial{
		{fault: clevertest.Fault{Kind: "headers", Headers: map[string][]string{"Content-Type": {"text/html"}, "Date": {"never"}, "Etag": {}}}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "headers", Headers: map[string][]string{"Content-Type": {}}}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "headers", Headers: map[string][]string{"X-Ratelimit-Limit": {"many"}, "X-Ratelimit-Remaining": {"-1"}, "X-Ratelimit-Reset": {planted}}}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "headers", Headers: map[string][]string{"X-Large": {strings.Repeat(planted, 10_000)}}}, page: unavailable},
		{fault: unframed, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "framing", Framing: "chunked"}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "framing", Framing: "length"}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "slow_start", Delay: time.Millisecond}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "slow_start", Delay: 10 * time.Minute}, page: unavailable, change: impatient},
		{fault: clevertest.Fault{Kind: "hold"}, page: unavailable, change: impatient},
		{fault: clevertest.Fault{Kind: "hold"}, page: unavailable, change: func(c *clever.Config) { c.RequestTimeout = 50 * time.Millisecond }},
		{fault: clevertest.Fault{Kind: "drip", Bytes: 200, Pause: time.Millisecond}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "drip", Bytes: 20, Pause: 10 * time.Minute}, page: unavailable, change: restless},
		{fault: clevertest.Fault{Kind: "drip", Bytes: 1, Pause: 10 * time.Millisecond}, page: unavailable, change: func(c *clever.Config) { c.RequestTimeout = 50 * time.Millisecond }},
		{fault: clevertest.Fault{Kind: "stall"}, page: unavailable, handed: 2, change: restless},
		{fault: clevertest.Fault{Kind: "stall", Framing: "chunked"}, page: unavailable, handed: 2, change: restless},
		{fault: clevertest.Fault{Kind: "stall", Delay: time.Millisecond, Framing: "close"}, page: unavailable, handed: 2},
		{fault: clevertest.Fault{Kind: "cut", Variant: "before"}, page: unavailable},
		{fault: clevertest.Fault{Kind: "cut", Variant: "before", Reset: true}, page: unavailable},
		{fault: clevertest.Fault{Kind: "cut", Variant: "in_headers"}, page: unavailable},
		{fault: clevertest.Fault{Kind: "cut", Variant: "after_headers"}, page: unavailable},
		{fault: clevertest.Fault{Kind: "cut", Variant: "body"}, page: unavailable, handed: 2},
		{fault: clevertest.Fault{Kind: "cut", Framing: "chunked"}, page: unavailable, handed: 2},
		{fault: clevertest.Fault{Kind: "cut", Framing: "close"}, page: unavailable, handed: 2},
		{fault: clevertest.Fault{Kind: "cut", Bytes: 1 << 20}, page: unavailable, handed: 5},
		{fault: clevertest.Fault{Kind: "cut", Bytes: 15, Reset: true}, page: unavailable},
	}
}

// bodyTrials are bodies that come whole and are none of Clever's.
func bodyTrials() []trial {
	return []trial{
		{fault: clevertest.Fault{Kind: "truncated"}, page: bad, handed: 2},
		{fault: clevertest.Fault{Kind: "truncated", Framing: "chunked", Bytes: 1 << 20}, page: bad, handed: 5},
		{fault: clevertest.Fault{Kind: "truncated", Framing: "close"}, page: unavailable, handed: 2}, // nothing proves that it is whole
		{fault: clevertest.Fault{Kind: "empty_body"}, page: bad},
		{fault: clevertest.Fault{Kind: "empty_body", Framing: "chunked"}, page: bad},
		{fault: clevertest.Fault{Kind: "empty_body", Framing: "close"}, page: unavailable},
		{fault: clevertest.Fault{Kind: "trailing", Text: " \n"}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "trailing", Text: planted}, page: bad, handed: 5},
		{fault: clevertest.Fault{Kind: "trailing", Text: `{"data":[]}`}, page: bad, handed: 5},
		{fault: clevertest.Fault{Kind: "giant_body", Bytes: 50_000}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "giant_body", Bytes: 500_000}, page: bad, handed: 5}, // space is held as a value is
		{fault: clevertest.Fault{Kind: "giant_body", Bytes: 2 << 20}, page: bad, handed: 5},
		{fault: clevertest.Fault{Kind: "giant_record", Bytes: 10_000}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "giant_record", Bytes: 200_000}, page: bad},
		{fault: clevertest.Fault{Kind: "gzip", Variant: "corrupt"}, page: bad, others: ungzipped},
		{fault: clevertest.Fault{Kind: "gzip", Variant: "checksum"}, page: bad, handed: 5, others: ungzipped},
		{fault: clevertest.Fault{Kind: "gzip", Variant: "truncated"}, page: unavailable, handed: 1, others: ungzipped},
		{fault: clevertest.Fault{Kind: "gzip", Variant: "plain"}, page: bad},
	}
}

// ungzipped: clever.com compresses nothing.
var ungzipped = map[string]want{"tokens": fine}

func shapeTrials() []trial {
	shape := func(variant string, page want, handed, undecodable int, others map[string]want) trial {
		return trial{fault: clevertest.Fault{Kind: "shape", Variant: variant}, page: page, handed: handed, undecodable: undecodable, others: others}
	}
	all := []trial{
		// An empty list is one that shares nothing; with a next link it is no list.
		shape("data_array", incomplete, 0, 0, map[string]want{"district": notShared, "school": bad, "schools": fine, "tokens": fine}),
		// Records that are none cost themselves, where there is a list of them.
		shape("items_number", fine, 3, 3, map[string]want{"district": bad, "school": bad, "tokens": bad}),
		shape("items_array", fine, 2, 2, map[string]want{"district": bad, "school": bad, "tokens": bad}),
		shape("count_string", fine, 5, 0, nil),
		shape("data_twice", bad, 5, 0, nil), shape("links_number", bad, 5, 0, nil), shape("links_object", bad, 5, 0, nil), shape("next_number", bad, 5, 0, nil),
	}
	for _, variant := range []string{"", "no_data", "data_null", "data_object", "data_number", "data_string", "resources", "object", "array", "number", "string", "null", "no_json"} {
		all = append(all, shape(variant, bad, 0, 0, nil))
	}
	return all
}

func recordTrials() []trial {
	strict := map[string]want{"district": bad, "school": bad, "tokens": bad}
	records := func(variant string, page want, handed, undecodable int, others map[string]want) trial {
		return trial{fault: clevertest.Fault{Kind: "records", Variant: variant}, page: page, handed: handed, undecodable: undecodable, others: others}
	}
	var all []trial
	// The id of an item of the token list is nobody's.
	for _, variant := range []string{"no_id", "number_id", "null_id", "object_id", "empty_id", "odd_id"} {
		all = append(all, records(variant, fine, 5, 1, map[string]want{"district": bad, "school": bad, "tokens": fine}))
	}
	for _, variant := range []string{"", "wrong_type", "null", "number", "array", "empty", "null_item", "number_item"} {
		all = append(all, records(variant, fine, 5, 1, strict))
	}
	return append(all,
		records("unwrapped", fine, 5, 1, map[string]want{"district": bad, "school": fine, "tokens": fine}), // the last two have no wrapper
		trial{fault: clevertest.Fault{Kind: "records", Field: "email"}, page: fine, handed: 5},
		trial{fault: clevertest.Fault{Kind: "records", Field: "roles"}, page: fine, handed: 5, undecodable: 1},
		records("duplicate", incomplete, 1, 0, map[string]want{"district": fine, "school": fine, "tokens": fine}),
		records("out_of_order", incomplete, 1, 0, map[string]want{"district": fine, "school": fine, "tokens": fine}),
		trial{fault: clevertest.Fault{Kind: "records", Variant: "deep", Depth: 1000}, page: fine, handed: 5},
		records("deep", bad, 0, 0, nil),
	)
}

func nextTrials() []trial {
	// The other lists have one page, whose end no fault moves.
	short := map[string]want{"district": fine, "school": fine, "schools": fine, "tokens": fine}
	next := func(variant string, page want) trial {
		return trial{fault: clevertest.Fault{Kind: "next", Variant: variant}, page: page, handed: 5, others: short}
	}
	return []trial{
		next("", incomplete), next("self", incomplete), next("backwards", incomplete), next("other_host", incomplete), next("other_list", incomplete),
		next("no_cursor", incomplete), next("unusable", incomplete), next("empty", bad), next("number", bad),
		{fault: clevertest.Fault{Kind: "next", Variant: "custom", Text: "https://" + planted + ".example"}, page: incomplete, handed: 5, others: short},
		// Nothing tells a list that ends early from one that ends, see
		// TestFaults_SilentlyShort.
		next("missing", fine),
		{fault: clevertest.Fault{Kind: "next", Variant: "endless"}, page: incomplete, others: map[string]want{"district": bad, "school": fine, "tokens": bad}},
		{fault: clevertest.Fault{Kind: "next", Variant: "repeat"}, page: incomplete, others: short},
	}
}

func districtTrials() []trial {
	lost := map[string]want{"tokens": fine}
	return []trial{
		{fault: clevertest.Fault{Kind: "list_change", Variant: "vanish_ahead"}, page: fine, handed: 5, others: map[string]want{"school": fine}},
		{fault: clevertest.Fault{Kind: "list_change", Variant: "vanish_behind"}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "list_change", Variant: "appear_ahead"}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "list_change", Variant: "appear_behind"}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "last_sync"}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "state", Text: "pending"}, page: fine, handed: 5},
		{fault: clevertest.Fault{Kind: "rotate_token"}, page: revoked, others: lost},
		{fault: clevertest.Fault{Kind: "disconnect"}, page: revoked, others: lost},
		{fault: clevertest.Fault{Kind: "hide_school"}, page: fine, handed: 4, others: map[string]want{"school": notShared}},
		{fault: clevertest.Fault{Kind: "show_school"}, page: fine, handed: 5},
	}
}
