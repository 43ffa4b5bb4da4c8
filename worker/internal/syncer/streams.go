package syncer

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/clever"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// mapAll maps a batch record by record. hash is nil for streams that are only
// looked up.
func mapAll[S roster.Source, R any](
	one func(roster.Received[S]) (R, bool, []roster.Issue), hash func(R) roster.Hash,
) func(context.Context, string, []roster.Received[S]) ([]postgres.Staged[R], []roster.Issue, error) {
	return func(_ context.Context, list string, in []roster.Received[S]) ([]postgres.Staged[R], []roster.Issue, error) {
		rows := make([]postgres.Staged[R], 0, len(in))
		var issues []roster.Issue
		for i := range in {
			record, keep, found := one(in[i])
			issues = append(issues, found...)
			if !keep {
				continue
			}
			row := postgres.Staged[R]{List: list, Record: record}
			if hash != nil {
				row.Hash = hash(record)
			}
			rows = append(rows, row)
		}
		return rows, issues, nil
	}
}

func (s *Syncer) fetchUsers(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	of := clever.StudentsOf
	if c.Step == syncrun.FetchTeachers {
		of = clever.TeachersOf
	}
	err := fetch(ctx, s, c, stream[roster.SourceUser, roster.User]{
		lists:     lists(c, of),
		translate: mapAll(roster.NewMapper(c.Config.Options).User, roster.User.Hash),
		kind:      roster.KindUser,
		id:        func(u *roster.User) string { return u.ID },
		stage:     postgres.StageUsers,
	})
	if err != nil {
		return nil, err
	}
	return s.finish(ctx, c)
}

func (s *Syncer) fetchSections(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	err := fetch(ctx, s, c, stream[roster.SourceSection, roster.Classroom]{
		lists:     lists(c, clever.SectionsOf),
		translate: mapAll(roster.NewMapper(c.Config.Options).Section, roster.Classroom.Hash),
		kind:      roster.KindClassroom,
		id:        func(r *roster.Classroom) string { return r.ID },
		stage:     postgres.StageClassrooms,
	})
	if err != nil {
		return nil, err
	}
	return s.finish(ctx, c)
}

func (s *Syncer) fetchCourses(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	err := fetch(ctx, s, c, stream[roster.SourceCourse, roster.Course]{
		lists:     lists(c, clever.CoursesOf),
		translate: mapAll(roster.NewMapper(c.Config.Options).Course, nil),
		stage:     postgres.StageCourses,
	})
	if err != nil {
		return nil, err
	}
	return s.finish(ctx, c)
}

func (s *Syncer) fetchTerms(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	err := fetch(ctx, s, c, stream[roster.SourceTerm, roster.Term]{
		lists:     lists(c, clever.TermsOf),
		translate: mapAll(roster.NewMapper(c.Config.Options).Term, nil),
		stage:     postgres.StageTerms,
	})
	if err != nil {
		return nil, err
	}
	return s.finish(ctx, c)
}

// fetchSchools reads the district's schools, of which the mapper keeps the
// tenant's. A selected one that is missing ends the run: its people would look
// as if they had left.
func (s *Syncer) fetchSchools(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	err := fetch(ctx, s, c, stream[roster.SourceSchool, roster.School]{
		lists:     []list{{name: "district", path: clever.AllSchools(c.Config.PageSize).Path}},
		translate: mapAll(roster.NewMapper(c.Config.Options).School, roster.School.Hash),
		stage:     postgres.StageSchools,
	})
	if err != nil {
		return nil, err
	}
	staged, err := postgres.StagedIDs(ctx, s.Pool, c, syncrun.FetchSchools)
	if err != nil {
		return nil, err
	}
	for _, school := range c.Config.Options.Schools {
		if !slices.Contains(staged, school) {
			return nil, notShared(school)
		}
	}
	return s.finish(ctx, c)
}

// byStudent is the cursor's mode of a contacts stream that asks for each
// student's contacts.
const byStudent = "by-student"

// fetchContacts reads the contacts, of the whole district or, for a tenant that
// is small in a large district, of each of its students. What is related to no
// staged student is dropped before it is staged.
func (s *Syncer) fetchContacts(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	st := stream[roster.SourceUser, roster.Parent]{
		translate: s.translateContacts(c),
		kind:      roster.KindParent,
		id:        func(p *roster.Parent) string { return p.ID },
		stage:     postgres.StageParents,
	}
	progress, err := s.begin(ctx, c)
	if err != nil {
		return nil, err
	}
	if st.mode, err = s.contactsMode(ctx, c, progress); err != nil {
		return nil, err
	}
	st.lists = []list{{name: "district", path: clever.AllContacts(c.Config.PageSize).Path}}
	if st.mode == byStudent {
		st.goneIsEmpty = true
		if st.lists, err = s.studentLists(ctx, c); err != nil {
			return nil, err
		}
	}
	if err := fetch(ctx, s, c, st); err != nil {
		return nil, err
	}
	return s.finishContacts(ctx, c, st.mode)
}

// contactsMode decides how to read, once per stream: a stream that has begun
// goes on as its cursor says.
func (s *Syncer) contactsMode(ctx context.Context, c *postgres.Claim, progress postgres.Progress) (string, error) {
	if progress.Cursor != nil {
		at, err := placeOf(progress.Cursor)
		return at.Mode, err
	}
	pages, err := postgres.ContactPages(ctx, s.Pool, c.Config.District)
	if err != nil {
		return "", err
	}
	students, err := postgres.CountStudents(ctx, s.Pool, c)
	if err != nil || students >= 10*pages {
		return "", err
	}
	return byStudent, nil
}

func (s *Syncer) studentLists(ctx context.Context, c *postgres.Claim) ([]list, error) {
	ids, err := postgres.StagedIDs(ctx, s.Pool, c, syncrun.FetchStudents)
	if err != nil {
		return nil, err
	}
	all := make([]list, len(ids))
	for i, id := range ids {
		all[i] = list{name: id, path: clever.ContactsOf(id, c.Config.PageSize).Path}
	}
	return all, nil
}

func (s *Syncer) translateContacts(c *postgres.Claim) func(context.Context, string, []roster.Received[roster.SourceUser]) ([]postgres.Staged[roster.Parent], []roster.Issue, error) {
	mapper := roster.NewMapper(c.Config.Options)
	var from []string
	for _, l := range lists(c, clever.StudentsOf) {
		from = append(from, l.name)
	}
	return func(ctx context.Context, list string, in []roster.Received[roster.SourceUser]) ([]postgres.Staged[roster.Parent], []roster.Issue, error) {
		var named []string
		for i := range in {
			if contact := in[i].Record.Roles.Contact; contact != nil {
				for _, r := range contact.Relationships {
					if roster.ValidID(r.Student) { // others are nobody's, and Postgres takes no NUL
						named = append(named, r.Student)
					}
				}
			}
		}
		staged, err := postgres.StagedStudents(ctx, s.Pool, c, from, named)
		if err != nil {
			return nil, nil, err
		}
		synced := func(id string) bool { _, ok := staged[id]; return ok }
		one := func(r roster.Received[roster.SourceUser]) (roster.Parent, bool, []roster.Issue) {
			return mapper.Contact(r, synced)
		}
		return mapAll(one, roster.Parent.Hash)(ctx, list, in)
	}
}

// finishContacts ends the step and remembers how long the district's list is.
func (s *Syncer) finishContacts(ctx context.Context, c *postgres.Claim, mode string) ([]syncrun.Delivery, error) {
	return s.finishWith(ctx, c, func(tx pgx.Tx) error {
		if mode != "" {
			return nil
		}
		return postgres.RememberContactPages(ctx, tx, c)
	})
}
