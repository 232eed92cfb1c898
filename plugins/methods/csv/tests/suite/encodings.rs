use crate::memory::{Memory, text};
use usher_method_csv::settings::Charset;

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
