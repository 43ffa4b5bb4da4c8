package clevertest

import (
	"encoding/json"
	"maps"
	"slices"
)

// decode reads one recorded record and appends it to its kind's records.
func (l *list) decode(k kind, raw []byte) error {
	switch k {
	case users:
		u, err := decodeUser(raw)
		l.users = append(l.users, u)
		return err
	case sections:
		s, err := decodeSection(raw)
		l.sections = append(l.sections, s)
		return err
	case schools:
		s, err := decodeSchool(raw)
		l.schools = append(l.schools, s)
		return err
	case courses:
		var c Course
		err := json.Unmarshal(raw, &c)
		l.courses = append(l.courses, c)
		return err
	default:
		t, err := decodeTerm(raw)
		l.terms = append(l.terms, t)
		return err
	}
}

// decodeUser reads a user, noting which optional keys it lacks, so that an
// edited record lacks them still.
func decodeUser(raw []byte) (User, error) {
	var w wireUser
	if err := json.Unmarshal(raw, &w); err != nil {
		return User{}, err
	}
	u := User{
		ID: w.ID, Created: w.Created, LastModified: w.LastModified, District: w.District, Email: w.Email,
		Name: Name{w.Name["first"], w.Name["middle"], w.Name["last"]},
		omit: noExt,
	}
	keys := slices.Collect(maps.Keys(w.Name))
	for key, flag := range map[string]omission{"first": noFirst, "middle": noMiddle, "last": noLast} {
		if !slices.Contains(keys, key) {
			u.omit |= flag
		}
	}
	if s := w.Roles.Student; s != nil {
		u.decodeStudent(s)
	}
	if t := w.Roles.Teacher; t != nil {
		u.Teacher = &Teacher{
			School: t.School, Schools: t.Schools, SisID: t.SisID, StateID: t.StateID, Number: t.Number,
			Username: u.credentials(t.Credentials), Title: t.Title, LegacyID: t.LegacyID,
		}
	}
	if s := w.Roles.Staff; s != nil {
		u.Staff = &Staff{
			Schools: s.Schools, StaffID: s.StaffID, Username: u.credentials(s.Credentials),
			Department: s.Department, Title: s.Title, LegacyID: s.LegacyID,
		}
	}
	if c := w.Roles.Contact; c != nil {
		u.Contact = &Contact{
			SisID: c.SisID, LegacyID: c.LegacyID, Phone: c.Phone, PhoneType: c.PhoneType, Relationships: c.Relationships,
		}
	}
	if a := w.Roles.Admin; a != nil {
		u.Admin = &Admin{Title: a.Title, LegacyID: a.LegacyID}
	}
	return u, nil
}

func (u *User) decodeStudent(s *wireStudent) {
	u.Student = &Student{
		School: s.School, Schools: s.Schools, SisID: s.SisID, StateID: s.StateID, Number: s.Number,
		Username: u.credentials(s.Credentials), Grade: s.Grade, GraduationYear: s.GraduationYear,
		Gender: s.Gender, Race: s.Race, Hispanic: s.Hispanic,
	}
	if s.ELL == nil {
		u.omit |= noELL
	} else {
		u.Student.ELL = *s.ELL
	}
	if s.FRL == nil {
		u.omit |= noNewer
	} else {
		u.Student.FRL = *s.FRL
	}
	if s.BirthDate == nil {
		u.omit |= noBirthDate
	} else {
		u.Student.BirthDate = *s.BirthDate
	}
	if s.Location == nil {
		u.omit |= noLocation
	} else {
		u.Student.Address, u.Student.City, u.Student.Zip = s.Location.Address, s.Location.City, s.Location.Zip
	}
}

func (u *User) credentials(c *wireCredentials) string {
	if c == nil {
		u.omit |= noCredentials
		return ""
	}
	return c.Username
}

func decodeSection(raw []byte) (Section, error) {
	var w struct {
		ID, Created, District, School, Course string
		LastModified                          string `json:"last_modified"`
		Term                                  string `json:"term_id"`
		SisID                                 string `json:"sis_id"`
		Name, Period, Subject, Grade, Teacher string
		Teachers, Students                    []string
	}
	err := json.Unmarshal(raw, &w)
	return Section{
		ID: w.ID, Created: w.Created, LastModified: w.LastModified, District: w.District, School: w.School,
		Course: w.Course, Term: w.Term, Name: w.Name, SisID: w.SisID, Period: w.Period, Subject: w.Subject,
		Grade: w.Grade, Teacher: w.Teacher, Teachers: w.Teachers, Students: w.Students,
	}, err
}

func decodeSchool(raw []byte) (School, error) {
	var w struct {
		ID, District, Created, Name, Phone string
		LastModified                       string `json:"last_modified"`
		SisID                              string `json:"sis_id"`
		Number                             string `json:"school_number"`
		StateID                            string `json:"state_id"`
		LowGrade                           string `json:"low_grade"`
		HighGrade                          string `json:"high_grade"`
		Location                           struct{ Address, City, State, Zip string }
		Principal                          struct{ Email, Name string }
	}
	err := json.Unmarshal(raw, &w)
	return School{
		ID: w.ID, District: w.District, Created: w.Created, LastModified: w.LastModified, Name: w.Name, Phone: w.Phone,
		SisID: w.SisID, Number: w.Number, StateID: w.StateID, LowGrade: w.LowGrade, HighGrade: w.HighGrade,
		Address: w.Location.Address, City: w.Location.City, State: w.Location.State, Zip: w.Location.Zip,
		Principal: w.Principal.Name, PrincipalEmail: w.Principal.Email,
	}, err
}

func decodeTerm(raw []byte) (Term, error) {
	var w struct {
		ID, District, Name string
		Start              string `json:"start_date"`
		End                string `json:"end_date"`
	}
	err := json.Unmarshal(raw, &w)
	return Term{ID: w.ID, District: w.District, Name: w.Name, Start: w.Start, End: w.End}, err
}
