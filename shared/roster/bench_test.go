package roster

import "testing"

// BenchmarkUser maps and hashes a plain student, as nearly all are.
func BenchmarkUser(b *testing.B) {
	m := tenant()
	in := received("5f0000000000000000000a03", SourceUser{
		Email: "ana.ruiz@students.example.org", Name: SourceName{First: "Ana", Middle: "L", Last: "Ruiz"},
		Roles: SourceRoles{Student: student("s1", "s2")},
	})
	b.ReportAllocs()
	for b.Loop() {
		u, _, _ := m.User(in)
		u.Hash()
	}
}

// BenchmarkSection maps and hashes a section of 30.
func BenchmarkSection(b *testing.B) {
	m, src := tenant(), section()
	for i := range 30 {
		src.Students = append(src.Students, "5f00000000000000000000"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	b.ReportAllocs()
	for b.Loop() {
		c, _, _ := m.Section(received("k1", src))
		c.Hash()
	}
}
