package roster

import (
	"crypto/sha256"
	"encoding/binary"
)

// digest encodes a record for hashing. Every text and every list carries its
// length, so that no two different records encode alike; the first bytes are
// the kind and the mapping version. Nothing of another row and nothing that is
// not stored goes in.
type digest []byte

// digestSize is enough for a user or a classroom of 40 without an allocation.
const digestSize = 1280

func (d digest) text(s string) digest {
	d = binary.AppendUvarint(d, uint64(len(s)))
	return append(d, s...)
}

func (d digest) texts(list []string) digest {
	d = binary.AppendUvarint(d, uint64(len(list)))
	for _, s := range list {
		d = d.text(s)
	}
	return d
}

func (d digest) flag(b bool) digest {
	if b {
		return append(d, 1)
	}
	return append(d, 0)
}

func (d digest) begin(kind byte) digest {
	return binary.AppendUvarint(append(d, kind), MappingVersion)
}

// sum is the first half of a SHA-256: 128 bits are more than enough where
// nobody gains by a collision, and rows stay small.
func (d digest) sum() (h Hash) {
	full := sha256.Sum256(d)
	copy(h[:], full[:])
	return h
}

// Hash covers everything that is stored of the user.
func (u User) Hash() Hash {
	d := make(digest, 0, digestSize).begin('u').text(u.ID)
	d = d.text(u.First).text(u.Middle).text(u.Last)
	d = d.text(u.Email).text(u.EmailKey).text(u.Username).text(u.SISID)
	d = d.flag(u.Student).flag(u.Teacher).texts(u.Schools)
	return d.text(u.Grade).text(u.StudentNumber).text(u.TeacherNumber).sum()
}

// Hash covers everything that is stored of the classroom, its members
// included; the facts of its course and term are other rows'.
func (c Classroom) Hash() Hash {
	d := make(digest, 0, digestSize).begin('c').text(c.ID)
	d = d.text(c.Name).text(c.SISID).text(c.School).text(c.Course).text(c.Term)
	d = d.text(c.Subject).text(c.Grade).text(c.Period)
	return d.texts(c.Students).texts(c.Teachers).sum()
}

// Hash covers everything that is stored of the parent, its links included.
func (p Parent) Hash() Hash {
	d := make(digest, 0, digestSize).begin('p').text(p.ID)
	d = d.text(p.Name).text(p.Email).text(p.Phone).text(p.PhoneType)
	d = binary.AppendUvarint(d, uint64(len(p.Links)))
	for _, l := range p.Links {
		d = d.text(l.Student).text(l.Relationship).text(l.Type)
	}
	return d.sum()
}

// Hash covers everything that is stored of the school.
func (s School) Hash() Hash {
	return make(digest, 0, digestSize).begin('s').text(s.ID).text(s.Name).text(s.SISID).text(s.Number).sum()
}
