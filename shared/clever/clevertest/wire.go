package clevertest

type wireCredentials struct {
	Username string `json:"district_username"`
}

type wireUser struct {
	ID, Created, Email, District string
	LastModified                 string `json:"last_modified"`
	Name                         map[string]string
	Roles                        struct {
		Student *wireStudent
		Teacher *wireTeacher
		Staff   *wireStaff
		Contact *wireContact
		Admin   *struct {
			LegacyID string `json:"legacy_id"`
			Title    string
		} `json:"district_admin"`
	}
}

type wireStudent struct {
	Credentials    *wireCredentials
	BirthDate      *string `json:"dob"`
	ELL            *string `json:"ell_status"`
	Gender, Grade  string
	Race           string
	GraduationYear string `json:"graduation_year"`
	Hispanic       string `json:"hispanic_ethnicity"`
	School         string
	Schools        []string
	SisID          string  `json:"sis_id"`
	StateID        string  `json:"state_id"`
	Number         string  `json:"student_number"`
	FRL            *string `json:"frl_status"`
	Location       *struct{ Address, City, Zip string }
}

type wireTeacher struct {
	Credentials *wireCredentials
	School      string
	Schools     []string
	SisID       string `json:"sis_id"`
	StateID     string `json:"state_id"`
	Number      string `json:"teacher_number"`
	Title       string
	LegacyID    string `json:"legacy_id"`
}

type wireStaff struct {
	Credentials       *wireCredentials
	Department, Title string
	LegacyID          string `json:"legacy_id"`
	Schools           []string
	StaffID           string `json:"staff_id"`
}

type wireContact struct {
	LegacyID      string `json:"legacy_id"`
	Phone         string
	PhoneType     string         `json:"phone_type"`
	SisID         string         `json:"sis_id"`
	Relationships []Relationship `json:"student_relationships"`
}
