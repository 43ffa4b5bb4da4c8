package clevertest

import (
	"strings"
)

// word is part of a name, and how it is spelt in user names and e-mail
// addresses, which are ASCII.
type word struct{ text, ascii string }

// culture is names that occur together. Every pairing of a given and a family
// name is possible; none is taken from a person.
type culture struct {
	given, family []word
	// familyFirst: a contact, whose name is one string, is written so.
	familyFirst bool
}

// people deals names. Cultures are repeated in it by how common they are.
type people struct{ cultures []culture }

func newPeople() people {
	var p people
	for _, row := range nameTable() {
		c := culture{words(row.given), words(row.family), row.familyFirst}
		for range row.weight {
			p.cultures = append(p.cultures, c)
		}
	}
	return p
}

// words reads "José:jose, Ana"; what has no colon is its own spelling in lower
// case.
func words(list string) []word {
	var all []word
	for item := range strings.SplitSeq(list, ",") {
		text, ascii, ok := strings.Cut(strings.TrimSpace(item), ":")
		if !ok {
			ascii = strings.ToLower(text)
		}
		all = append(all, word{text, ascii})
	}
	return all
}

// person is a name as dealt.
type person struct {
	given, family word
	familyFirst   bool
}

// deal deals a person of a household: the household decides the culture and
// the family name, the person's own dice the given name.
func (p *people) deal(household, own *dice) person {
	c := &p.cultures[household.roll(len(p.cultures))]
	return person{
		given:       c.given[own.roll(len(c.given))],
		family:      c.family[household.roll(len(c.family))],
		familyFirst: c.familyFirst,
	}
}

// whole writes the name as one string.
func (p *person) whole(text *arena) string {
	first, second := p.given.text, p.family.text
	if p.familyFirst {
		first, second = second, first
	}
	return text.begin().add(first).add(" ").add(second).end()
}

// email writes an address that no other index of the domain has.
func (p *person) email(text *arena, index int, domain string) string {
	return text.begin().add(p.given.ascii).add(".").add(p.family.ascii).base36(index).add("@").add(domain).end()
}

func (p *person) username(text *arena, index int) string {
	return text.begin().add(p.given.ascii).add(p.family.ascii[:1]).number(index, 2).end()
}

type nameRow struct {
	weight        int
	given, family string
	familyFirst   bool
}

// nameTable has many scripts and, on purpose: apostrophes straight and curved,
// the Hawaiian okina, hyphens, blanks inside, names of one letter and of
// thirty-five, letters outside the Basic Multilingual Plane, and accents both
// composed (NFC) and decomposed (NFD, written with \u03xx here).
func nameTable() []nameRow {
	return []nameRow{
		{30, "Olivia,Liam,Emma,Noah,Ava,Mason,Sophia,Lucas,Mia,Ethan,Harper,Logan,Ella,Jack,Grace,Henry,Ruby,Owen,Hazel,Caleb,Willa,Jude,Ivy,Reid," +
			"Abel,Beatrix,Clara,Dexter,Edith,Felix,Georgia,Hugo,Imogen,Jonah,Kit,Lydia,Miles,Nora,Oscar,Phoebe,Quentin,Rosa,Silas,Thea,Uma,Victor,Wyatt,Xander,Yara,Zane",
			"Carter,Brooks,Hayes,Foster,Bennett,Whitfield,Marsh,Langley,Holloway,Prescott,Ashby,Thorne,Wexler,Dunmore,Kestrel,Fairbank,Oakes,Pell,Quill,Rowntree,Sedge,Tarrant,Ullman,Vance," +
				"Abbot,Birch,Colby,Drake,Ellery,Finch,Garland,Hobbs,Ingram,Joyner,Keaton,Lockhart,Merritt,Norwood,Ogden,Pickett,Ramsey,Stoddard,Tilley,Underhill,Vickers,Wade,Yates,Zeller", false},
		{10, "Jamal,Aaliyah,Darius,Imani,Malik,Nia,Tyrone,Zuri,Andre,Kiara,Isaiah,Ebony,Xavier,Amara,Elijah,Nyla", "Washington,Jefferson,Freeman,Booker,Gaines,Mosley,Pettway,Battle,Rivers,Sykes,Hairston,Dorsey,Ellison,Lyles,Beckwith,Sumter", false},
		{14, "Sofía:sofia,Mateo,Valentina,Santiago,Ximena,Iker,Renata,Ángel:angel,Begoña:begona,Íñigo:inigo,Jose\u0301:jose,Lucía:lucia,Diego,Camila,Emiliano,Noemí:noemi,Joaquín:joaquin,Paloma,Rau\u0301l:raul",
			"Núñez:nunez,García-Márquez:garciamarquez,de la Cruz:delacruz,Ibáñez:ibanez,Peña:pena,Rodríguez:rodriguez,Muñoz:munoz,Echeverría:echeverria,Villaseñor:villasenor,Salazar,Ortega,Cárdenas:cardenas,Montoya,Zúñiga:zuniga,Pere\u0301z:perez", false},
		{4, "Siobhán:siobhan,Ciarán:ciaran,Aoife,Fionn,Caoimhe,Pádraig:padraig", "O'Brien:obrien,O’Shea:oshea,Ní Dhomhnaill:nidhomhnaill,D'Arcy:darcy,Mac Giolla:macgiolla,St. John-Byrne:stjohnbyrne", false},
		{5, "Zoë:zoe,Jürgen:jurgen,Søren:soren,Åsa:asa,Łucja:lucja,Šimon:simon,Çağla:cagla,Đorđe:dorde,Ýmir:ymir,Anaïs:anais,Bjo\u0308rn:bjorn,Þóra:thora",
			"Müller:muller,Østergård:ostergard,Wiśniewska:wisniewska,Dvořák:dvorak,Yılmaz:yilmaz,Jovanović:jovanovic,Großmann:grossmann,Lefèvre:lefevre,Van der Berg:vanderberg,Szabó:szabo,Ångström:angstrom,N\u0303ez:nez", false},
		{7, "伟:wei,芳:fang,子涵:zihan,浩然:haoran,欣怡:xinyi,明:ming,雨桐:yutong,建国:jianguo,𠮷:ji", "王:wang,李:li,欧阳:ouyang,陈:chen,司马:sima,林:lin,赵:zhao,上官:shangguan", true},
		{4, "陽翔:haruto,結衣:yui,さくら:sakura,蓮:ren,ケンジ:kenji,美咲:misaki", "佐藤:sato,高橋:takahashi,渡邊:watanabe,長谷川:hasegawa,五十嵐:igarashi", true},
		{4, "서연:seoyeon,민준:minjun,지우:jiwoo,하은:haeun,도윤:doyun", "김:kim,이:lee,박:park,최:choi,남궁:namgung", true},
		{6, "محمد:muhammad,فاطمة:fatima,عائشة:aisha,يوسف:yusuf,ليلى:layla,خالد:khalid", "الحسن:alhassan,العمري:alomari,بن سالم:binsalem,حداد:haddad,النجار:alnajjar", false},
		{3, "נועה:noa,דוד:david,תמר:tamar,יונתן:yonatan,שירה:shira", "כהן:cohen,לוי:levi,בן־דוד:bendavid,מזרחי:mizrahi,פרץ:peretz", false},
		{4, "Анастасия:anastasia,Дмитрий:dmitry,Олександр:oleksandr,Юлія:yuliia,Ёлка:yolka,Андреи\u0306:andrei", "Иванова:ivanova,Кузнецов:kuznetsov,Шевченко:shevchenko,Щербаков:shcherbakov,Цой:tsoi", false},
		{5, "आरव:aarav,अनन्या:ananya,प्रिया:priya,रोहन:rohan,श्रुति:shruti", "शर्मा:sharma,पटेल:patel,कृष्णमूर्ति:krishnamurthy,सिंह:singh,मिश्रा:mishra", false},
		{2, "Kaʻiulani:kaiulani,Keoni,Leilani,Nāinoa:nainoa,Keihanaikukauakahihuliheekahaunaele:keihana", "Kahananui,Kealoha,Kamakawiwoʻole:kamakawiwoole,ʻAukai:aukai,Keōpūolani:keopuolani", false},
		{2, "Nguyệt:nguyet,Đức:duc,Thảo:thao,Quỳnh Anh:quynhanh,Tuâ\u0301n:tuan", "Nguyễn:nguyen,Trần:tran,Phạm:pham,Ngô:ngo,Vũ:vu", true},
		{1, "Νίκος:nikos,Ελένη:eleni,สมชาย:somchai,ნინო:nino,Անի:ani,தமிழ்:tamil", "Παπαδόπουλος:papadopoulos,ศรีสุข:srisuk,ბერიძე:beridze,Պետրոսյան:petrosyan,முருகன்:murugan", false},
		{1, "O,Al,Bo,X,Y-Lan:ylan,Jo", "Ng,O,E,Wu,Wolfeschlegelsteinhausenbergerdorff:wolfe,Featherstonehaugh-Cholmondeley-Marjoribanks:featherstone", false},
	}
}
