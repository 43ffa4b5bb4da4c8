package roster

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type hasher interface{ Hash() Hash }

// TestHash_EveryField changes each field of each record in turn, whatever
// fields there will be: whoever adds one and forgets the hash fails here.
func TestHash_EveryField(t *testing.T) {
	t.Parallel()
	user, room := mappedStudent(), classroom()
	parent := Parent{ID: "p", Links: []Link{{"a", "Parent", "Family"}}}
	for _, r := range []hasher{&user, &room, &parent, &School{ID: "s"}} {
		v := reflect.ValueOf(r).Elem()
		everyField(v, v.Type().Name(), func(field string, change, restore func()) {
			before := r.Hash()
			change()
			if r.Hash() == before {
				t.Errorf("%s is not in the hash", field)
			}
			restore()
			if r.Hash() != before {
				t.Errorf("%s: the hash differs for the same content", field)
			}
		})
	}
}

// everyField calls do for each value within a struct, with functions that
// change it and put it back.
func everyField(v reflect.Value, name string, do func(string, func(), func())) {
	old := reflect.New(v.Type()).Elem()
	old.Set(v)
	restore := func() { v.Set(old) }
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			everyField(v.Field(i), name+"."+v.Type().Field(i).Name, do)
		}
	case reflect.String:
		do(name, func() { v.SetString(v.String() + "x") }, restore)
	case reflect.Bool:
		do(name, func() { v.SetBool(!v.Bool()) }, restore)
	case reflect.Slice:
		do(name+" one more", func() { v.Set(reflect.Append(v.Slice3(0, v.Len(), v.Len()), reflect.Zero(v.Type().Elem()))) }, restore)
		do(name+" none", func() { v.SetZero() }, restore)
		everyField(v.Index(0), name+"[0]", do)
	default:
		panic("a field of a kind that this test does not know: " + name)
	}
}

// TestHash_Unambiguous holds apart what a careless encoding would mix up.
func TestHash_Unambiguous(t *testing.T) {
	t.Parallel()
	all := []hasher{
		User{First: "ab", Last: "c"}, User{First: "a", Last: "bc"}, User{First: "abc"}, User{Last: "abc"},
		User{Schools: []string{"a", "b"}}, User{Schools: []string{"ab"}}, User{Schools: []string{"a", "b", ""}},
		Classroom{Students: []string{"a", "b"}}, Classroom{Students: []string{"a"}, Teachers: []string{"b"}}, Classroom{Teachers: []string{"a", "b"}},
		Classroom{Teachers: []string{"b", "a"}},
		Parent{Links: []Link{{"a", "b", ""}}}, Parent{Links: []Link{{"a", "", "b"}}},
		User{ID: "x"}, Classroom{ID: "x"}, Parent{ID: "x"}, School{ID: "x"},
	}
	seen := map[Hash]string{}
	for _, r := range all {
		if other, ok := seen[r.Hash()]; ok {
			t.Errorf("%+v and %s have one hash", r, other)
		}
		seen[r.Hash()] = fmt.Sprintf("%+v", r)
	}
}

// TestHash_Golden keeps the encoding as it is: changing it makes every tenant's
// next run write every row, so it must come with a new MappingVersion.
func TestHash_Golden(t *testing.T) {
	t.Parallel()
	got := fmt.Sprintf("%d %x %x", MappingVersion, mappedStudent().Hash(), classroom().Hash())
	if want := goldenHashes; got != want {
		t.Errorf("hashes are %s; want %s", got, want)
	}
}

const goldenHashes = "1 62bb1dbb55779211788d862edc536b07 23033ae858c5874e70459044494288eb"

// TestHash_IgnoresWhatIsNotStored varies what a record does not keep.
func TestHash_IgnoresWhatIsNotStored(t *testing.T) {
	t.Parallel()
	m := tenant()
	hash := func(in Received[SourceUser]) Hash {
		u, _, _ := m.User(in)
		return u.Hash()
	}
	in := received("u1", person(SourceRoles{Student: student("s1")}))
	want := hash(in)
	in.Record.Roles.Contact = &SourceContact{Phone: "1"}
	in.Record.Roles.Teacher = teacher("s9")
	in.Record.Roles.Student.Schools = []string{"s9", "s1", "s8", "s1"}
	if hash(in) != want {
		t.Error("another role or a school that is not the tenant's changes the hash")
	}

	src := section()
	c, _, _ := m.Section(received("k1", src))
	src.Students, src.Teachers = []string{"a", "b", "a"}, []string{"y", "z"}
	if d, _, _ := m.Section(received("k1", src)); d.Hash() != c.Hash() {
		t.Error("the order of members changes the hash")
	}
}

// TestUser_MappingTwice maps what a mapping gave: nothing may change, or a run
// would update what the run before it wrote.
func TestUser_MappingTwice(t *testing.T) {
	t.Parallel()
	m, random := tenant(), rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		in := received("u1", person(SourceRoles{Student: student("s2", "s1", "s9"), Teacher: teacher("s1")}))
		scramble(reflect.ValueOf(&in.Record.Name).Elem(), random)
		in.Record.Email = text(random)
		in.Record.Roles.Student.Grade, in.Record.Roles.Teacher.TeacherNumber = text(random), text(random)
		first, _, _ := m.User(in)
		second, _, issues := m.User(received("u1", sourceOf(first)))
		if diff := cmp.Diff(first, second); diff != "" || first.Hash() != second.Hash() {
			t.Fatalf("mapping twice changes a user (-first +second):\n%s", diff)
		}
		if slices.ContainsFunc(issues, func(i Issue) bool { return i.Code == ValueTooLong }) {
			t.Fatalf("a cut value is too long again: %v", issues)
		}
	}
}

func sourceOf(u User) SourceUser {
	return SourceUser{
		ID: u.ID, Email: u.Email, Name: SourceName{u.First, u.Middle, u.Last},
		Roles: SourceRoles{
			Student: &SourceStudent{Schools: u.Schools, SISID: u.SISID, StudentNumber: u.StudentNumber, Grade: u.Grade, Credentials: SourceCredentials{u.Username}},
			Teacher: &SourceTeacher{Schools: u.Schools, SISID: u.SISID, TeacherNumber: u.TeacherNumber, Credentials: SourceCredentials{u.Username}},
		},
	}
}

func scramble(v reflect.Value, random *rand.Rand) {
	for i := range v.NumField() {
		v.Field(i).SetString(text(random))
	}
}

// text is a text of pieces that cleaning has to think about.
func text(random *rand.Rand) string {
	pieces := []string{"Ana", " ", "\u00a0", "e", "\u0301", "\u0327", "\x00", "\u0085", "\u1100", "\u1161", "ß", "\u212a", "\xff", "名", strings.Repeat("x", 100), strings.Repeat("ü", 130)}
	var b strings.Builder
	for range random.IntN(7) {
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	return b.String()
}
