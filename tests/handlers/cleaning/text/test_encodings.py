"""Text files in every encoding that is promised are read right, found by themselves or chosen."""

import codecs
import unicodedata

import pytest

from handlers.cleaning.text.encoding import CODECS
from tests.handlers.cleaning.tables import clean, refusal

CHINESE = ["姓名,城市,备注", "张伟,北京,已付款", "王芳,上海,电话联系", "李娜,成都市武侯区,重要客户"]
TAIWANESE = [
    "姓名,城市,備註",
    "陳怡君,臺北市,已付款",
    "林志豪,高雄市,電話聯絡",
    "王小明,新竹縣竹北市,重要客戶",
]
JAPANESE = [
    "氏名,住所,備考",
    "山田太郎,東京都,支払い済み",
    "鈴木花子,大阪府,コンピュータ",
    "田中一,福岡市,テスト",
]
KOREAN = ["이름,도시,비고", "김민수,서울,입금 완료", "이영희,부산,전화 문의", "박지훈,대구광역시,중요 고객"]
GERMAN = ["Name,Ort,Straße", "Müller,Köln,Hauptstraße 5", "Jörg Weiß,München,Grünweg 3", "Böhm,Zürich,Öko"]
FRENCH = ["Prénom,Ville,Note", "Hélène,Orléans,payé", "François,Besançon,à vérifier", "Zoë,Nîmes,déjà réglé"]
SPANISH = ["Nombre,Ciudad,Nota", "José Muñoz,Córdoba,pagó", "Begoña,Cádiz,teléfono", "Íñigo,León,sí"]
POLISH = ["Imię,Miasto,Uwagi", "Łukasz,Łódź,zapłacono", "Małgorzata,Kraków,święta", "Paweł,Gdańsk,źródło"]
CZECH = [
    "Jméno,Město,Poznámka",
    "Jiří,Plzeň,příliš",
    "Ondřej,České Budějovice,žluťoučký kůň",
    "Šárka,Brno,že",
]
HUNGARIAN = ["Név,Város,Megjegyzés", "László,Győr,fizetve", "Ödön,Székesfehérvár,őszi", "Ágnes,Pécs,űrlap"]
RUSSIAN = ["Имя,Город,Заметка", "Иванов,Москва,оплачено", "Петрова,Санкт-Петербург,звонить", "Юрий,Уфа,да"]
UKRAINIAN = ["Ім'я,Місто,Нотатка", "Олексій,Київ,сплачено", "Юлія,Львів,її", "Євген,Одеса,ґрунт"]
GREEK = ["Όνομα,Πόλη,Σημείωση", "Γιώργος,Αθήνα,πληρώθηκε", "Ελένη,Θεσσαλονίκη,τηλέφωνο", "Νίκος,Πάτρα,ναι"]
TURKISH = [
    "İsim,Şehir,Not",
    "Ayşe Yılmaz,İstanbul,ödendi",
    "Çağlar,Ağrı,şimdi değil",
    "Gülşen,Eskişehir,ığdır",
]
HEBREW = ["שם,עיר,הערה", "דוד כהן,ירושלים,שולם", "רחל לוי,תל אביב,טלפון", "משה,חיפה,כן"]
ARABIC = ["الاسم,المدينة,ملاحظة", "محمد,القاهرة,مدفوع", "فاطمة,الرياض,اتصل", "أحمد,بغداد,نعم"]
LITHUANIAN = [
    "Vardas,Miestas,Pastaba",
    "Žydrūnas,Šiauliai,apmokėta",
    "Rūta,Panevėžys,žmonės",
    "Ąžuolas,Kėdainiai,čia",
]
LATVIAN = ["Vārds,Pilsēta,Piezīme", "Jānis,Rīga,samaksāts", "Līga,Liepāja,zvanīt", "Ģirts,Ķekava,šodien"]
VIETNAMESE = ["Tên,Thành phố,Ghi chú", "Nguyễn Văn Đức,Hà Nội,đã trả", "Trần Thị Hương,Đà Nẵng,gọi điện"]

SWEDISH = ["Namn,Ort,Anm", "Åke Öberg,Malmö,betald", "Sören Ström,Göteborg,måndag", "Märta,Växjö,hög"]
DANISH = ["Navn,By,Note", "Søren Ærø,København,på", "Åse,Århus,grøn", "Jørgen,Helsingør,må"]
PORTUGUESE = ["Nome,Cidade,Nota", "João Gonçalves,São Paulo,não", "Conceição,Brasília,ação", "Inês,Évora,já"]
THAI = ["ชื่อ,เมือง,หมายเหตุ", "สมชาย ใจดี,กรุงเทพมหานคร,จ่ายแล้ว", "สมหญิง,เชียงใหม่,โทรศัพท์", "วิชัย,ภูเก็ต,ไม่มี"]

FOUND = [
    ("utf-8", GERMAN),
    ("utf-8", CHINESE),
    ("gb18030", CHINESE),
    ("big5", TAIWANESE),
    ("shift_jis", JAPANESE),
    ("euc-jp", JAPANESE),
    ("euc-kr", KOREAN),
    ("windows-1250", POLISH),
    ("windows-1250", CZECH),
    ("windows-1250", HUNGARIAN),
    ("windows-1251", RUSSIAN),
    ("windows-1251", UKRAINIAN),
    ("windows-1252", GERMAN),
    ("windows-1252", FRENCH),
    ("windows-1252", SPANISH),
    ("windows-1253", GREEK),
    ("windows-1254", TURKISH),
    ("windows-1255", HEBREW),
    ("windows-1256", ARABIC),
    ("windows-1257", LITHUANIAN),
    ("windows-1257", LATVIAN),
    ("windows-1258", VIETNAMESE),
    ("windows-874", THAI),
    ("iso-8859-2", POLISH),
    ("iso-8859-2", CZECH),
    ("iso-8859-5", RUSSIAN),
    ("iso-8859-7", [*GREEK, "Άννα,Άργος,όχι"]),
    ("koi8-r", RUSSIAN),
    ("koi8-u", UKRAINIAN),
    ("cp850", GERMAN),
    ("cp850", DANISH),
    ("cp852", POLISH),
    ("cp852", HUNGARIAN),
    ("cp866", RUSSIAN),
    ("cp737", GREEK),
    ("cp775", LATVIAN),
    ("cp857", TURKISH),
    ("mac-roman", GERMAN),
    ("mac-roman", FRENCH),
    ("mac-cyrillic", RUSSIAN),
]

# What a file may hold beside its language, and encodings in which it may be.
WESTERN = ("cp1252", "latin-1", "iso8859-15", "cp850", "cp437", "mac-roman")
CENTRAL = ("cp1250", "iso8859-2", "cp852")
WINDOWS = (
    "cp1250",
    "cp1251",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1257",
    "latin-1",
    "iso8859-15",
    "cp850",
    "mac-roman",
)
WRITTEN = {
    "German": (GERMAN, WESTERN),
    "French": (FRENCH, WESTERN),
    "Spanish": (SPANISH, WESTERN),
    "Swedish": (SWEDISH, WESTERN),
    "Danish": (DANISH, ("cp1252", "latin-1", "cp850", "mac-roman")),
    "Portuguese": (PORTUGUESE, ("cp1252", "latin-1", "cp850", "mac-roman")),
    "Polish": (POLISH, CENTRAL),
    "Czech": (CZECH, CENTRAL),
    "Hungarian": (HUNGARIAN, CENTRAL),
    "Russian": (RUSSIAN, ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic")),
    "Ukrainian": (UKRAINIAN, ("cp1251", "koi8-u", "iso8859-5", "mac-cyrillic")),
    "Greek": (GREEK, ("cp1253", "iso8859-7", "cp737")),
    "Turkish": (TURKISH, ("cp1254", "iso8859-9", "cp857")),
    "Lithuanian": (LITHUANIAN, ("cp1257", "iso8859-13", "cp775")),
    "capitals": (["NAME,ORT", "MÜLLER,KÖLN", "GRÖSSER,ÄRGER"], WESTERN),
    "one word": (["name,t", "Tea,Köln"], WESTERN),
    "pounds": (["name,price", "Tea,£2.50", "Milk,£1.10"], WINDOWS),
    "degrees": (["name,t", "Tea,-5 °C", "Milk,7 °C"], WINDOWS),
    "euros": (["name,t", "Tea,5 €", "Milk,6 €"], WINDOWS),
    "sections": (["name,t", "Tea,§ 5", "Milk,§ 6 Abs. 2"], WINDOWS),
    "fractions": (["name,t", "Tea,½ cup", "Milk,2½ cups"], WINDOWS),
    "small things": (["name,t", "Tea,5 µm", "Milk,±3 µg"], WINDOWS),
    "quotation marks": (["name,t", "Tea,“hello”", "Milk,it’s – ok…"], WINDOWS),
}


def encode(lines: list[str], name: str) -> tuple[bytes, list[str]]:
    """Encode lines; cp1258 writes tone marks as letters of their own, so its text is decomposed."""
    if name == "windows-1258":
        lines = ["".join(_to_cp1258(character) for character in line) for line in lines]
    return ("\n".join(lines) + "\n").encode(CODECS[name]), lines


def _to_cp1258(character: str) -> str:
    try:
        character.encode("cp1258")
    except UnicodeEncodeError:
        base, *marks = unicodedata.normalize("NFD", character)
        # The circumflex, breve and horn stay with their letter, the tone follows.
        for index, mark in enumerate(marks):
            composed = unicodedata.normalize("NFC", base + mark)
            if len(composed) == 1 and mark in "\u0302\u0306\u031b":
                return composed + "".join(marks[:index] + marks[index + 1 :])
        return base + "".join(marks)
    return character


@pytest.mark.parametrize(("name", "lines"), FOUND)
@pytest.mark.parametrize("repeat", [1, 200], ids=["short", "long"])
def test_an_encoding_is_found_by_itself(name: str, lines: list[str], repeat: int) -> None:
    content, lines = encode([lines[0], *lines[1:] * repeat], name)

    cleaned = clean(content)

    assert cleaned.report.encoding == name
    assert cleaned.rows == [line.split(",") for line in lines]


@pytest.mark.parametrize(
    ("name", "lines"), [("utf-8", GERMAN), ("shift_jis", JAPANESE), ("windows-1251", RUSSIAN)]
)
def test_a_few_rows_that_are_not_ascii_in_the_middle_of_a_large_file_are_enough(
    name: str, lines: list[str]
) -> None:
    plain = [f"row {number},plain,text" for number in range(16_000)]
    content, lines = encode(["a,b,c", *plain, *lines[1:], *plain], name)

    cleaned = clean(content)

    assert cleaned.report.encoding == name
    assert cleaned.rows == [line.split(",") for line in lines]


@pytest.mark.parametrize(("name", "lines"), FOUND)
def test_a_chosen_encoding_is_used(name: str, lines: list[str]) -> None:
    content, lines = encode(lines, name)

    cleaned = clean(content, encoding=name)

    assert cleaned.rows == [line.split(",") for line in lines]


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("lines", [GERMAN, CHINESE, RUSSIAN, ["a,b,c", "1,2,x"]])
@pytest.mark.parametrize("repeat", [1, 3000], ids=["short", "long"])
def test_unicode_is_found_with_and_without_a_mark(
    mark: bytes, codec: str, lines: list[str], repeat: int
) -> None:
    lines = [lines[0], *lines[1:] * repeat]

    cleaned = clean(mark + ("\r\n".join(lines) + "\r\n").encode(codec))

    assert cleaned.report.encoding == codec
    assert cleaned.rows == [line.split(",") for line in lines]


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [True, False])
def test_utf_16_can_be_chosen_without_saying_which_byte_is_first(order: str, mark: bool) -> None:
    text = ("\ufeff" if mark else "") + "Name,Ort\nMüller,Köln\n"

    cleaned = clean(text.encode(order), encoding="utf-16")

    assert cleaned.rows == [["Name", "Ort"], ["Müller", "Köln"]]


def test_the_result_is_utf_8_without_a_mark_unless_it_is_asked_for() -> None:
    content = "Name,Ort\nMüller,Köln\n".encode("cp1252")

    assert clean(content).content == "Name,Ort\nMüller,Köln\n".encode()
    assert clean(content, excel_bom=True).content == codecs.BOM_UTF8 + "Name,Ort\nMüller,Köln\n".encode()


def test_rows_that_cannot_be_decoded_are_set_aside_with_their_bytes() -> None:
    lines = [f"{number},Grüße,ok".encode() for number in range(100)]
    lines[50] = b"50,Gr\xfc\xdfe,bad"

    cleaned = clean(b"id,text,state\n" + b"\n".join(lines))

    assert cleaned.report.encoding == "utf-8"
    assert cleaned.rejected == [["52", "has bytes that are not utf-8", "50", "Gr\\xfc\\xdfe", "bad"]]
    assert cleaned.report.rows.written == 99


def test_a_character_that_is_cut_at_the_end_of_the_file_costs_its_own_row() -> None:
    for codec in ("utf-8", "gb18030", "euc_kr", "utf-16-le"):
        content = "名,值\n中,文\n中,字\n中,文".encode(codec, "ignore").removesuffix(b"\n")

        cleaned = clean(content[:-1], encoding={"euc_kr": "euc-kr"}.get(codec, codec))

        assert cleaned.report.rows.written == 2, codec
        assert [row[:2] for row in cleaned.rejected] == [
            ["4", f"has bytes that are not {cleaned.report.encoding}"]
        ]


def test_a_lone_half_of_a_pair_in_utf_16_costs_its_own_row() -> None:
    content = "\ufeffa,b\nx,y\n".encode("utf-16-le") + "x,\ud83d\nx,z\n".encode("utf-16-le", "surrogatepass")

    cleaned = clean(content)

    assert cleaned.rows == [["a", "b"], ["x", "y"], ["x", "z"]]
    assert cleaned.rejected == [["3", "has bytes that are not utf-16-le", "x", "\\ud83d"]]


def test_a_chosen_encoding_that_does_not_fit_is_refused() -> None:
    content = ("Name,Ort\n" + "Müller,Köln\n" * 10).encode("cp1252")

    error = refusal(content, encoding="utf-8")

    assert error.type == "wrong-encoding"
    assert "utf-8" in error.title


@pytest.mark.parametrize("case", WRITTEN)
@pytest.mark.parametrize("repeat", [1, 200], ids=["short", "long"])
def test_no_text_is_read_wrong_without_a_word(case: str, repeat: int) -> None:
    lines, codecs = WRITTEN[case]
    lines = [lines[0], *lines[1:] * repeat]
    wrong = []

    for codec in codecs:
        try:
            content = ("\n".join(lines) + "\n").encode(codec)
        except UnicodeEncodeError:
            continue
        cleaned = clean(content, escape_formulas=False)
        is_told = any("encoding was guessed" in warning for warning in cleaned.warnings)
        if cleaned.rows != [line.split(",") for line in lines] and not is_told:
            wrong.append((codec, cleaned.report.encoding, cleaned.rows[1]))

    assert wrong == []


def test_signs_beside_numbers_are_not_taken_for_letters() -> None:
    for sign in ("£2.50", "5 °C", "§ 5", "½ l", "±3", "€5", "5 €"):
        assert clean(f"a,b\nx,{sign}\n".encode("cp1252")).rows[1] == ["x", sign]


def test_a_guess_between_two_encodings_is_told() -> None:
    cleaned = clean("Name,Ort\nJoão,São Paulo\n".encode("cp1252"))

    assert cleaned.rows[1] == ["João", "São Paulo"]
    assert any("guessed as windows-1252" in warning for warning in cleaned.warnings)
