package clevertest

// Name is a person's name as Clever has it. A contact has its whole name in
// Last, and the other keys are absent.
type Name struct{ First, Middle, Last string }

// User is one user as the simulator serves it. A user has the roles whose
// pointers are set; only teachers are merged with other roles, as at Clever.
type User struct {
	ID, Created, LastModified string
	Email                     string
	Name                      Name

	Student  *Student
	Teacher  *Teacher
	Staff    *Staff
	Contact  *Contact
	Admin    *Admin
	District string

	// Dirt says which deliberate fault a generated user carries; "" for most.
	Dirt Dirt
	// Broken, if set, makes one value of the wrong type on the wire; the
	// fields here keep the intended value.
	Broken *Breakage

	omit omission
}

// Student is the role of a student.
type Student struct {
	School                       string
	Schools                      []string
	SisID, StateID, Number       string
	Username                     string
	Grade, GraduationYear        string
	BirthDate, Gender, Race      string
	Hispanic, ELL, FRL           string
	Language, LanguageCode       string
	Homeroom, Address, City, Zip string
}

// Teacher is the role of a teacher.
type Teacher struct {
	School                 string
	Schools                []string
	SisID, StateID, Number string
	Username               string
	Title, LegacyID        string
}

// Staff is the role of someone who works at a school and does not teach.
type Staff struct {
	Schools                     []string
	StaffID, Username           string
	Department, Title, LegacyID string
}

// Admin is the role of an administrator of the district.
type Admin struct{ Title, LegacyID string }

// Contact is the role of a parent or another contact of students.
type Contact struct {
	SisID, LegacyID  string
	Phone, PhoneType string
	Relationships    []Relationship
}

// Relationship links a contact to a student.
type Relationship struct{ Student, Relationship, Type string }

// Section is a class. Teacher is the primary one and the first of Teachers.
type Section struct {
	ID, Created, LastModified string
	District, School          string
	Course, Term              string
	Name, SisID, Period       string
	Subject, Grade            string
	Teacher                   string
	Teachers, Students        []string

	// Dirt and Broken are as in [User].
	Dirt   Dirt
	Broken *Breakage

	omit omission
}

// School is a school.
type School struct {
	ID, District, Created, LastModified string
	Name, SisID, Number, StateID        string
	LowGrade, HighGrade                 string
	Address, City, State, Zip, Phone    string
	Principal, PrincipalEmail           string
	// Broken is as in [User].
	Broken *Breakage
}

// Course is what sections teach. Neither name nor number is guaranteed.
type Course struct {
	ID, District, Name, Number string
	// Broken is as in [User].
	Broken *Breakage

	omit omission
}

// Term is when sections meet. Its dates come in two formats in one list, and
// may be absent.
type Term struct {
	ID, District, Name, Start, End string
	// Broken is as in [User].
	Broken *Breakage

	omit omission
}

// Breakage replaces the value at Path, a dotted path of wire keys such as
// "roles.student.grade", by Value, which is of a type that Clever does not
// send there; nil is JSON's null.
type Breakage struct {
	Path  string
	Value any
}

// omission is the set of optional keys that a record does not carry at all.
// Clever leaves optional keys out as often as it sends them empty.
type omission uint16

const (
	noFirst omission = 1 << iota
	noMiddle
	noLast
	noEmail
	noLocation
	noCredentials
	noBirthDate
	noExt
	noTeacher
	noTerm
	noCourse
	noName
	noNumber
	noDates
	noELL
	noNewer // what v3.1 added
)

func (o omission) has(key omission) bool { return o&key != 0 }
