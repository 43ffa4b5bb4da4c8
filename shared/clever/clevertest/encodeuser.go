package clevertest

// appendUser appends a user's record. Keys that v3.1 added appear in that
// version only.
func appendUser(dst []byte, u *User, f form) []byte {
	dst = field(dst, `{"created":`, u.Created)
	dst = field(dst, `,"district":`, u.District)
	if !u.omit.has(noEmail) {
		dst = field(dst, `,"email":`, u.Email)
	}
	dst = field(dst, `,"last_modified":`, u.LastModified)
	dst = appendName(dst, u)
	dst = field(dst, `,"id":`, u.ID)
	dst = append(dst, `,"roles":{`...)
	first := true
	role := func(name string) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, name...)
	}
	if u.Student != nil {
		role(`"student":`)
		dst = appendStudent(dst, u, f)
	}
	if u.Teacher != nil {
		role(`"teacher":`)
		dst = appendTeacher(dst, u)
	}
	if u.Staff != nil {
		role(`"staff":`)
		dst = appendStaff(dst, u.Staff)
	}
	if u.Admin != nil {
		role(`"district_admin":`)
		dst = field(dst, `{"legacy_id":`, u.Admin.LegacyID)
		dst = append(field(dst, `,"title":`, u.Admin.Title), '}')
	}
	if u.Contact != nil {
		role(`"contact":`)
		dst = appendContact(dst, u.Contact)
	}
	return append(dst, `}}`...)
}

func appendName(dst []byte, u *User) []byte {
	dst = append(dst, `,"name":{`...)
	start := len(dst)
	if !u.omit.has(noFirst) {
		dst = append(field(dst, `"first":`, u.Name.First), ',')
	}
	if !u.omit.has(noLast) {
		dst = append(field(dst, `"last":`, u.Name.Last), ',')
	}
	if !u.omit.has(noMiddle) {
		dst = append(field(dst, `"middle":`, u.Name.Middle), ',')
	}
	if len(dst) > start {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}')
}

func appendStudent(dst []byte, u *User, f form) []byte {
	s := u.Student
	dst = append(dst, '{')
	if !u.omit.has(noCredentials) {
		dst = append(field(dst, `"credentials":{"district_username":`, s.Username), `},`...)
	}
	if !u.omit.has(noBirthDate) {
		dst = append(field(dst, `"dob":`, s.BirthDate), ',')
	}
	if !u.omit.has(noELL) {
		dst = append(field(dst, `"ell_status":`, s.ELL), ',')
	}
	dst = append(dst, `"enrollments":[]`...)
	if !u.omit.has(noExt) {
		dst = append(field(dst, `,"ext":{"homeroom":`, s.Homeroom), '}')
	}
	dst = field(dst, `,"gender":`, s.Gender)
	dst = field(dst, `,"grade":`, s.Grade)
	dst = field(dst, `,"graduation_year":`, s.GraduationYear)
	dst = field(dst, `,"hispanic_ethnicity":`, s.Hispanic)
	if !u.omit.has(noLocation) {
		dst = field(dst, `,"location":{"address":`, s.Address)
		dst = field(dst, `,"city":`, s.City)
		dst = append(field(dst, `,"state":"","zip":`, s.Zip), '}')
	}
	dst = field(dst, `,"race":`, s.Race)
	dst = field(dst, `,"school":`, s.School)
	dst = texts(dst, `,"schools":`, s.Schools)
	dst = field(dst, `,"sis_id":`, s.SisID)
	dst = field(dst, `,"state_id":`, s.StateID)
	dst = field(dst, `,"student_number":`, s.Number)
	if f.version != "v3.0" && !u.omit.has(noNewer) {
		dst = appendStudent31(dst, u)
	}
	if !u.omit.has(noEmail) && !f.event { // undocumented, in every recorded student, and in no recorded event
		dst = field(dst, `,"email":`, u.Email)
	}
	return append(dst, '}')
}

// appendStudent31 appends what v3.1 added: the most personal facts of all,
// which no sync may keep. Of a disability, type and code have no empty value in
// Clever's Swagger file, so they are left out.
func appendStudent31(dst []byte, u *User) []byte {
	s := u.Student
	dst = append(dst, `,"disability":{"disability_status":""}`...)
	dst = field(dst, `,"frl_status":`, s.FRL)
	dst = append(dst, `,"gifted_status":""`...)
	if s.Language != "" { // no language is absent, not empty
		dst = field(dst, `,"home_language":`, s.Language)
		dst = field(dst, `,"home_language_code":`, s.LanguageCode)
	}
	dst = append(dst, `,"iep_status":"","preferred_name":{"first":"","last":"","middle":""},"section_504_status":""`...)
	return dst
}

func appendTeacher(dst []byte, u *User) []byte {
	t := u.Teacher
	dst = append(dst, '{')
	if !u.omit.has(noCredentials) {
		dst = append(field(dst, `"credentials":{"district_username":`, t.Username), `},`...)
	}
	dst = field(dst, `"school":`, t.School)
	dst = texts(dst, `,"schools":`, t.Schools)
	dst = field(dst, `,"sis_id":`, t.SisID)
	dst = field(dst, `,"state_id":`, t.StateID)
	dst = field(dst, `,"teacher_number":`, t.Number)
	dst = field(dst, `,"title":`, t.Title)
	return append(field(dst, `,"legacy_id":`, t.LegacyID), '}')
}

func appendStaff(dst []byte, s *Staff) []byte {
	dst = field(dst, `{"credentials":{"district_username":`, s.Username)
	dst = field(dst, `},"department":`, s.Department)
	dst = field(dst, `,"ext":{},"legacy_id":`, s.LegacyID)
	dst = texts(dst, `,"roles":[],"schools":`, s.Schools)
	dst = field(dst, `,"staff_id":`, s.StaffID)
	return append(field(dst, `,"title":`, s.Title), '}')
}

func appendContact(dst []byte, c *Contact) []byte {
	dst = field(dst, `{"legacy_id":`, c.LegacyID)
	dst = field(dst, `,"phone":`, c.Phone)
	dst = field(dst, `,"phone_type":`, c.PhoneType)
	dst = field(dst, `,"sis_id":`, c.SisID)
	dst = append(dst, `,"student_relationships":[`...)
	for i, r := range c.Relationships {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = field(dst, `{"relationship":`, r.Relationship)
		dst = field(dst, `,"student":`, r.Student)
		dst = append(field(dst, `,"type":`, r.Type), '}')
	}
	return append(dst, `]}`...)
}
