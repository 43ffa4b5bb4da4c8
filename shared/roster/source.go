package roster

// SourceUser is a person as Clever sends it: of its many fields only those
// that the roster keeps or decides by are decoded, so that no birth date,
// address or meal status is ever in our memory longer than its page.
type SourceUser struct {
	ID    string      `json:"id"`
	Email string      `json:"email"`
	Name  SourceName  `json:"name"`
	Roles SourceRoles `json:"roles"`
}

// SourceName is a name; contacts have only Last, which is their whole name.
type SourceName struct {
	First  string `json:"first"`
	Middle string `json:"middle"`
	Last   string `json:"last"`
}

// SourceRoles are the roles that one person holds.
type SourceRoles struct {
	Student *SourceStudent `json:"student"`
	Teacher *SourceTeacher `json:"teacher"`
	Contact *SourceContact `json:"contact"`
}

// SourceStudent is the role of a student.
type SourceStudent struct {
	School        string            `json:"school"`
	Schools       []string          `json:"schools"`
	SISID         string            `json:"sis_id"`
	StudentNumber string            `json:"student_number"`
	Grade         string            `json:"grade"`
	Credentials   SourceCredentials `json:"credentials"`
}

// SourceTeacher is the role of a teacher.
type SourceTeacher struct {
	School        string            `json:"school"`
	Schools       []string          `json:"schools"`
	SISID         string            `json:"sis_id"`
	TeacherNumber string            `json:"teacher_number"`
	Credentials   SourceCredentials `json:"credentials"`
}

// SourceCredentials are what a district gives its people to log in with.
type SourceCredentials struct {
	Username string `json:"district_username"`
}

// SourceContact is the role of a parent or other contact.
type SourceContact struct {
	Phone         string               `json:"phone"`
	PhoneType     string               `json:"phone_type"`
	Relationships []SourceRelationship `json:"student_relationships"`
}

// SourceRelationship says how a contact is related to one student.
type SourceRelationship struct {
	Student      string `json:"student"`
	Relationship string `json:"relationship"`
	Type         string `json:"type"`
}

// SourceSection is a class as Clever sends it.
type SourceSection struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	SISID    string   `json:"sis_id"`
	School   string   `json:"school"`
	Course   string   `json:"course"`
	Term     string   `json:"term_id"`
	Subject  string   `json:"subject"`
	Grade    string   `json:"grade"`
	Period   string   `json:"period"`
	Students []string `json:"students"`
	Teacher  string   `json:"teacher"`
	Teachers []string `json:"teachers"`
}

// SourceSchool is a school as Clever sends it.
type SourceSchool struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	SISID  string `json:"sis_id"`
	Number string `json:"school_number"`
}

// SourceCourse is a course as Clever sends it.
type SourceCourse struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Number string `json:"number"`
}

// SourceTerm is a term as Clever sends it; its dates come both as YYYY-MM-DD
// and as timestamps.
type SourceTerm struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Start string `json:"start_date"`
	End   string `json:"end_date"`
}

// Source is any record of Clever's lists.
type Source interface {
	SourceUser | SourceSection | SourceSchool | SourceCourse | SourceTerm
}

// Received is one element of a list. Where a value has the wrong type it is
// dropped and its path is in BadFields (such as "roles.student.grade"). Where
// the id, the name, the role or the school is of the wrong type the record is
// Undecodable: Record holds nothing then, and ID is what could be read, or
// empty.
type Received[T Source] struct {
	Record      T
	ID          string
	BadFields   []string
	Undecodable bool
}
