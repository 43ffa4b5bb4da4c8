package roster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIssueTexts(t *testing.T) {
	t.Parallel()
	want := map[IssueCode]Severity{
		"parent_without_student": Info, "parent_without_email": Error, "parent_without_role": Error, "parent_role_not_selected": Info,
		"user_without_name": Warning, "email_invalid": Warning, "duplicate_email": Warning, "guardians_many": Warning,
		"ambiguous_match": Warning, "user_adopted": Info, "record_rekeyed": Info,
		"section_without_teacher": Warning, "section_without_students": Warning, "section_without_name": Warning, "member_not_shared": Warning,
		"value_too_long": Warning, "value_invalid": Warning, "record_undecodable": Error, "total_differs": Warning, "nothing_shared": Warning, "snapshot_torn": Warning,
	}
	got := map[IssueCode]Severity{}
	for _, text := range IssueTexts() {
		got[text.Code] = text.Severity
		if text.Message == "" || text.Action == "" || TextOf(text.Code) != text {
			t.Errorf("%s has no message, no action, or TextOf does not find it", text.Code)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes and severities (-want +got):\n%s", diff)
	}
	if len(IssueTexts()) != len(want) {
		t.Errorf("a code is listed twice")
	}
}

func TestIssueTexts_CannotBeChanged(t *testing.T) {
	t.Parallel()
	IssueTexts()[0].Message = ""
	if TextOf(ParentWithoutStudent).Message == "" {
		t.Error("a caller changed the table")
	}
	if got := TextOf("unheard_of"); got != (IssueText{}) {
		t.Errorf("an unknown code has the texts %+v", got)
	}
}
