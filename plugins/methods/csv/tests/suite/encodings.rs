use crate::memory::{Memory, text};
use usher_method_csv::check;
use usher_method_csv::settings::Charset;
use usher_plugin::Standing;

const TEXT: &str = "id,name,부서\r\n1,\"Müller, Zoë\",영업부\r\n2,김철수,개발부\r\n";

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[track_caller]
fn reads(bytes: Vec<u8>) {
    for chunk in [1, 2, 3, 7, 256 * 1024] {
        let mut memory = Memory::of_users(&bytes).in_chunks_of(chunk);
        let mut settings = memory.settings();
        if chunk == 1 {
            // One byte is too little to guess from.
            settings.encoding = match bytes[..] {
                [_, 0, ..] => Charset::Utf16Le,
                [0, ..] => Charset::Utf16Be,
                _ => Charset::Utf8,
            };
            if bytes[0] >= 0xEF {
                continue;
            }
        }
        let whole = memory.read_with(&settings).unwrap();
        assert_eq!(
            text(whole.user("1"), "displayName").as_deref(),
            Some("Müller, Zoë"),
            "in chunks of {chunk}"
        );
        assert_eq!(text(whole.user("2"), "department").as_deref(), Some("개발부"));
        assert!(whole.bad().is_empty());
    }
}

#[test]
fn f85_utf8_with_and_without_mark() {
    reads(TEXT.as_bytes().to_vec());
    let mut marked = b"\xEF\xBB\xBF".to_vec();
    marked.extend(TEXT.as_bytes());
    reads(marked);
}

#[test]
fn f85_utf16_in_both_orders_with_and_without_mark() {
    for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        let mut marked = order(0xFEFF).to_vec();
        marked.extend(utf16(TEXT, order));
        reads(marked);
    }
    let plain = "id,name\r\n1,Zoë\r\n";
    for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        let whole = Memory::of_users(utf16(plain, order)).read().unwrap();
        assert_eq!(text(whole.user("1"), "displayName").as_deref(), Some("Zoë"));
    }
}

#[test]
fn f85_windows_1252_is_found_out() {
    let (bytes, ..) = encoding_rs::WINDOWS_1252.encode("id;name\r\n1;Müller\r\n2;Renée\r\n3;Søren € “x”\r\n");
    let whole = Memory::of_users(&bytes).read().unwrap();
    assert_eq!(text(whole.user("2"), "displayName").as_deref(), Some("Renée"));
    assert_eq!(text(whole.user("3"), "displayName").as_deref(), Some("Søren € “x”"));
}

#[test]
fn f85_cp949_is_found_out_even_in_the_header() {
    let (bytes, ..) =
        encoding_rs::EUC_KR.encode("사번,이름,부서\r\n1,김철수,\"영업부, 서울\"\r\n2,이영희,뷁똠\r\n");
    let whole = Memory::of_users(&bytes).read().unwrap();
    let kim = whole.user("1");
    assert_eq!(text(kim, "displayName").as_deref(), Some("김철수"));
    assert_eq!(text(kim, "department").as_deref(), Some("영업부, 서울"));
    assert_eq!(text(whole.user("2"), "department").as_deref(), Some("뷁똠"));
}

#[test]
fn f85_a_guessed_encoding_is_told_with_a_word_to_judge_it_by() {
    let western = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    let text = "id,name,groups\n1,Ann,Eng\n2,René,Eng\n";
    let mut late = "id,name\n".to_owned();
    late.push_str(&"7,Ann\n".repeat(40_000));
    late.push_str("8,Zoë\n");
    for (bytes, line, word) in [
        (western(text), 3, "René"),
        (western("id,Größe\n1,4\n"), 1, "Größe"),
        (western(&late), 40_002, "Zoë"),
    ] {
        let mut memory = Memory::of_users(&bytes);
        let mut settings = memory.settings();
        memory.read().unwrap();
        assert_eq!(
            memory.warnings,
            [format!(
                "the encoding of users.csv is guessed: it isn't UTF-8 and has no byte order mark. Line {line} reads \
                 “{word}” in Windows-1252; if that is right, set `encoding` to windows-1252, else to the file's own"
            )]
        );
        let report = check::report(&mut memory, &settings).unwrap();
        let of = |standing| report.findings.iter().filter(move |finding| finding.standing == standing);
        assert!(of(Standing::Good).all(|finding| !finding.what.contains("1252")), "{report:#?}");
        let warning = of(Standing::Warning).find(|finding| finding.what.contains(word)).unwrap();
        assert!(warning.advice.as_deref().unwrap().contains("set `encoding` to windows-1252"));

        memory.warnings.clear();
        settings.encoding = Charset::Windows1252;
        memory.read_with(&settings).unwrap();
        assert!(memory.warnings.is_empty());
    }
    // A mark, valid UTF-8 and UTF-16's zeros are no guesses.
    for bytes in
        [text.as_bytes().to_vec(), [b"\xEF\xBB\xBF", text.as_bytes()].concat(), utf16(text, u16::to_le_bytes)]
    {
        let mut memory = Memory::of_users(bytes);
        memory.read().unwrap();
        assert!(memory.warnings.is_empty(), "{:?}", memory.warnings);
    }
}

#[test]
fn f85_the_encoding_is_found_out_where_it_first_matters() {
    let mut bytes = b"id,name\n".to_vec();
    for id in 0..5_000 {
        bytes.extend(format!("{id},Ann\n").as_bytes());
    }
    bytes.extend(b"x,Ren\xE9e\ny,Zo\xEB\n");
    let whole = Memory::of_users(&bytes).in_chunks_of(1024).read().unwrap();
    assert_eq!(text(whole.user("x"), "displayName").as_deref(), Some("Renée"));
    assert_eq!(whole.users().len(), 5_002);
}

#[test]
fn f85_the_encoding_can_be_set() {
    let (bytes, ..) = encoding_rs::WINDOWS_1252.encode("id,name\n1,CONCEIÇÃO\n");
    let mut memory = Memory::of_users(&bytes);
    let mut settings = memory.settings();
    settings.encoding = Charset::Windows1252;
    let whole = memory.read_with(&settings).unwrap();
    assert_eq!(text(whole.user("1"), "displayName").as_deref(), Some("CONCEIÇÃO"));
    settings.encoding = Charset::Utf8;
    let whole = memory.read_with(&settings).unwrap();
    assert_eq!(whole.bad()[0].why, "“name” holds bytes that are not UTF-8");
}

#[test]
fn f85_a_broken_utf16_unit_spoils_one_row() {
    let mut bytes = utf16("\u{feff}id,name\n1,a", u16::to_le_bytes);
    bytes.extend([0x00, 0xD8]);
    bytes.extend(utf16("b\n2,ok\n", u16::to_le_bytes));
    let whole = Memory::of_users(&bytes).read().unwrap();
    assert_eq!(whole.ids(), ["2"]);
    assert_eq!(whole.bad_places(), [("users.csv line 2", Some("1"))]);
}
