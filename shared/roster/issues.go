package roster

import "slices"

// Severity says what an issue did to its record.
type Severity string

// Severities: an error dropped the row, a warning dropped a value or is worth
// a look, info is counted only.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// IssueCode names a kind of issue, for ever.
type IssueCode string

// The codes of run issues.
const (
	ParentWithoutStudent   IssueCode = "parent_without_student"
	ParentWithoutEmail     IssueCode = "parent_without_email"
	ParentWithoutRole      IssueCode = "parent_without_role"
	ParentRoleNotSelected  IssueCode = "parent_role_not_selected"
	UserWithoutName        IssueCode = "user_without_name"
	EmailInvalid           IssueCode = "email_invalid"
	DuplicateEmail         IssueCode = "duplicate_email"
	AmbiguousMatch         IssueCode = "ambiguous_match"
	UserAdopted            IssueCode = "user_adopted"
	RecordRekeyed          IssueCode = "record_rekeyed"
	GuardiansMany          IssueCode = "guardians_many"
	SectionWithoutTeacher  IssueCode = "section_without_teacher"
	SectionWithoutStudents IssueCode = "section_without_students"
	SectionWithoutName     IssueCode = "section_without_name"
	MemberNotShared        IssueCode = "member_not_shared"
	ValueTooLong           IssueCode = "value_too_long"
	ValueInvalid           IssueCode = "value_invalid"
	RecordUndecodable      IssueCode = "record_undecodable"
	TotalDiffers           IssueCode = "total_differs"
	NothingShared          IssueCode = "nothing_shared"
	SnapshotTorn           IssueCode = "snapshot_torn"
)

// Issue is something about one record that a person may want to mend in Clever.
// ID is the record's Clever id, empty where an issue concerns a whole kind.
// Field is the value concerned, empty where there is none; where several values
// of a record have the same issue it is the first.
type Issue struct {
	Code  IssueCode
	Kind  Kind
	ID    string
	Field string
}

// IssueText is what people read of a code.
type IssueText struct {
	Code     IssueCode
	Severity Severity
	Message  string
	Action   string
}

// issueTexts is never changed and never handed out itself.
var issueTexts = [...]IssueText{
	{ParentWithoutStudent, Info, "The contact is related to no student of this sync, so it is not synced.", "Nothing to do: most such contacts belong to students of other schools."},
	{ParentWithoutEmail, Error, "The contact has no e-mail address, so it cannot become a parent.", "Add the contact's e-mail address in the student information system."},
	{ParentWithoutRole, Error, "The contact's relationship to its students has no type, so it cannot become a parent.", "Give the relationship a type in the student information system."},
	{ParentRoleNotSelected, Info, "The contact's relationship has a type that is not selected for this tenant, so it is not synced.", "Select the type under Sync Parent Data if such contacts should be synced."},
	{UserWithoutName, Warning, "The user has neither a first nor a last name.", "Add the name in the student information system."},
	{EmailInvalid, Warning, "The e-mail address does not look like one; it was kept as it is.", "Correct the address in the student information system."},
	{DuplicateEmail, Warning, "Another user has the same e-mail address; both were kept.", "Give each user an address of its own in the student information system."},
	{AmbiguousMatch, Warning, "The new user could be an account that School Manager already has, but several accounts or several users fit; nothing was merged, and an account of its own was created.", "Look at the accounts of the same e-mail address, username or name in School Manager and remove the ones that are not needed; give each user an address of its own in the student information system."},
	{UserAdopted, Info, "The new user is one that School Manager already had; that account was kept and is now synced.", "Nothing to do."},
	{RecordRekeyed, Info, "The person came under a new Clever id; School Manager kept the person's record and history.", "Nothing to do."},
	{GuardiansMany, Warning, "The student has six or more parents.", "Check that all of them should have access, or select fewer role types."},
	{SectionWithoutTeacher, Warning, "The section has no teacher.", "Assign a teacher in the student information system."},
	{SectionWithoutStudents, Warning, "The section has no students.", "Enrol students in the student information system, or stop sharing the section."},
	{SectionWithoutName, Warning, "The section has no name; its course's name or an id stands in for it.", "Name the section in the student information system."},
	{MemberNotShared, Warning, "The section names a user that this sync does not have; that membership is not visible.", "Share the missing students and teachers with the application in Clever."},
	{ValueTooLong, Warning, "A value is longer than 255 characters and was cut.", "Shorten the value in the student information system."},
	{ValueInvalid, Warning, "A value could not be understood and was left out.", "Correct the value in the student information system; if it looks right there, ask Clever's support."},
	{RecordUndecodable, Error, "The record's id, name, role or school could not be read, so the record was left out.", "Ask Clever's support about this record."},
	{TotalDiffers, Warning, "Clever announced another number of records than it sent.", "Run the sync again; if it recurs, ask Clever's support."},
	{NothingShared, Warning, "Clever shares no record of this kind, although an option asks for it.", "Share this kind of data with the application in Clever, or turn the option off."},
	{SnapshotTorn, Warning, "The district's data was renewed in Clever while it was read, twice, so nobody was removed in this run.", "Nothing to do: the next run removes who has left. If it recurs, ask for another time of the night."},
}

// IssueTexts lists every code with its texts, in the order of documentation.
func IssueTexts() []IssueText { return slices.Clone(issueTexts[:]) }

// TextOf gives the texts of a code; the zero value for an unknown one.
func TextOf(code IssueCode) IssueText {
	for _, t := range issueTexts {
		if t.Code == code {
			return t
		}
	}
	return IssueText{}
}
