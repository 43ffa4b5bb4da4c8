package clevertest

import (
	"encoding/json"
	"fmt"
)

// record returns the district's own record, with what a hook changed.
func (d *District) record() []byte {
	raw := d.source.district()
	if d.info == d.original {
		return raw
	}
	var keys map[string]any
	if err := json.Unmarshal(raw, &keys); err != nil {
		panic("clevertest: New accepted a district that is no object: " + err.Error())
	}
	for key, value := range map[string]string{
		"name": d.info.Name, "state": d.info.State, "error": d.info.Error, "last_sync": d.info.LastSync,
		"pause_start": d.info.PauseStart, "pause_end": d.info.PauseEnd,
	} {
		if _, had := keys[key]; had || value != "" {
			keys[key] = value
		}
	}
	changed, err := json.Marshal(keys)
	if err != nil {
		panic("clevertest: decoded JSON does not encode: " + err.Error())
	}
	return changed
}

// readDistrict reads what hooks may change out of a district's record.
func readDistrict(raw []byte) (DistrictState, error) {
	var info DistrictState
	if err := json.Unmarshal(raw, &info); err != nil {
		return info, fmt.Errorf("read district record: %w", err)
	}
	return info, nil
}

// districtName names the nth generated district.
func districtName(n int) string {
	places := [...]string{"Springfield", "Fairview", "Río Claro", "Lakeside", "Georgetown", "Ashland", "Clayton", "Dover", "Newport", "Salem"}
	if n < len(places) {
		return "#DEMO " + places[n] + " USD"
	}
	return fmt.Sprintf("#DEMO %s USD %d", places[n%len(places)], n/len(places)+1)
}

// districtRecord makes the record of a generated district.
func districtRecord(id, name string) []byte {
	text := field(nil, `{"name":`, name)
	return fmt.Appendf(text, `,"portal_url":"https://clever.com/in/%s","sis_type":"sftp","error":"","launch_date":"2026-08-01",`+
		`"district_contact":{"title":"","district":"%s","email":"it@example.org","name":{"first":"Ida","last":"Toll"},"id":"%s0001"},`+
		`"state":"running","last_sync":"2026-11-24T03:08:05.652Z","login_methods":["Clever Badges","Clever Passwords"],"id":"%s"}`,
		id, id, id[:20], id)
}
